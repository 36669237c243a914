import { useConsole } from "../context.ts";
import type { Collection } from "../types.ts";
import { Choice } from "./Choice.tsx";

/** The name of a collection, with that of its site where several are managed. */
export function collectionName({ name, site_name }: Collection, sites: number): string {
  return sites > 1 ? `${name} · ${site_name}` : name;
}

/** Which collection; nothing to see where there is only one. `all`: also none in particular, by this name. */
export function CollectionChoice(props: {
  label: string;
  quiet?: boolean;
  all?: string;
  /** Only those of this site. */
  site?: string | undefined;
  value: string;
  onValue(id: string): void;
}) {
  const { sites } = useConsole();
  const { all, site, ...rest } = props;
  const collections = useCollections(site);
  if (collections.length < 2) return null;
  const options = collections.map((each) => ({ value: each.id, label: collectionName(each, sites.length) }));
  return <Choice {...rest} options={all === undefined ? options : [{ value: "", label: all }, ...options]} />;
}

/** Where something new goes unless one chooses: `wanted` if there is such, else the first one. Empty: to the site's own. */
export function useTarget(wanted = "", site?: string): string {
  const collections = useCollections(site);
  const found = collections.find(({ id }) => id === wanted) ?? collections[0];
  return found?.id ?? "";
}

function useCollections(site?: string): readonly Collection[] {
  const { collections } = useConsole();
  return site === undefined ? collections : collections.filter((each) => each.site === site);
}
