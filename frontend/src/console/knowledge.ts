/** The calls of the HTTP API that the console makes. Each throws `ChatError`. */
import { type Api, ChatError } from "../sdk/index.ts";
import type {
  ChunkPage,
  Collection,
  DocumentFilter,
  DocumentPage,
  DocumentRecord,
  Found,
  GapReport,
  Registered,
  SearchState,
  Visibility,
  WebSource,
} from "./types.ts";

export interface Text {
  readonly title: string;
  /** Markdown */
  readonly text: string;
  /** Empty: the site's own. */
  readonly collection: string;
}

export interface CollectionFields {
  readonly name: string;
  readonly visibility: Visibility;
  readonly readers: readonly string[];
}

export interface WebFields {
  readonly url: string;
  readonly kind: WebSource["kind"];
  readonly every_hours: number;
  readonly page_limit: number;
  readonly collection: string;
}

type Query = Readonly<Record<string, string | number | null | undefined>>;

/** `path` with those of `query` that say something. */
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length === 0
    ? path
    : `${path}?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}`;
}

/** Without what is empty: the server then takes its own. */
function given<F extends object>(fields: F): Partial<F> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "")) as Partial<F>;
}

export class Knowledge {
  private readonly api: Api;
  private readonly signedOut: () => void;

  /** `signedOut` is called when the server no longer knows who asks. */
  constructor(api: Api, signedOut: () => void) {
    this.api = api;
    this.signedOut = signedOut;
  }

  state(): Promise<SearchState> {
    return this.call("GET", "knowledge");
  }

  documents(filter: DocumentFilter, page: { limit: number; before?: string | undefined }): Promise<DocumentPage> {
    return this.call("GET", withQuery("documents", { ...filter, query: filter.query.trim(), ...page }));
  }

  document(id: string): Promise<DocumentRecord> {
    return this.call("GET", `documents/${id}`);
  }

  chunks(id: string, page: { after?: number | null; limit: number }): Promise<ChunkPage> {
    return this.call("GET", withQuery(`documents/${id}/chunks`, page));
  }

  write(text: Text): Promise<Registered> {
    return this.call("POST", "documents", given(text));
  }

  retry(id: string): Promise<void> {
    return this.call("POST", `documents/${id}/retry`);
  }

  remove(id: string): Promise<void> {
    return this.call("DELETE", `documents/${id}`);
  }

  async collections(): Promise<readonly Collection[]> {
    return (await this.call<{ collections: Collection[] }>("GET", "collections")).collections;
  }

  createCollection(fields: CollectionFields & { site: string }): Promise<Collection> {
    return this.call("POST", "collections", given(fields));
  }

  changeCollection(id: string, fields: CollectionFields): Promise<Collection> {
    return this.call("PATCH", `collections/${id}`, fields);
  }

  removeCollection(id: string): Promise<void> {
    return this.call("DELETE", `collections/${id}`);
  }

  search(query: string, where: { k: number; collection?: string; documents?: readonly string[] }): Promise<Found> {
    return this.call("POST", "search", given({ query, ...where }));
  }

  async webSources(): Promise<readonly WebSource[]> {
    return (await this.call<{ sources: WebSource[] }>("GET", "web-sources")).sources;
  }

  addWebSource(fields: WebFields): Promise<WebSource> {
    return this.call("POST", "web-sources", given(fields));
  }

  fetchWebSource(id: string): Promise<void> {
    return this.call("POST", `web-sources/${id}/fetch`);
  }

  removeWebSource(id: string, documents: boolean): Promise<void> {
    return this.call("DELETE", withQuery(`web-sources/${id}`, { documents: String(documents) }));
  }

  gaps(days: number): Promise<GapReport> {
    return this.call("GET", withQuery("gaps", { days, limit: 50 }));
  }

  /** `messages`: the answers of the cluster; the latest is written anew once the text can be found. */
  answerGap(id: string, text: Text, messages: readonly string[]): Promise<{ document: string }> {
    return this.call("POST", `gaps/${id}/answer`, { ...given(text), messages });
  }

  dismissGap(id: string, messages: readonly string[]): Promise<void> {
    return this.call("POST", `gaps/${id}/dismiss`, { messages });
  }

  private async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    try {
      return await this.api.call<T>(method, path, body);
    } catch (error) {
      if (error instanceof ChatError && error.code === "unauthenticated") this.signedOut();
      throw error;
    }
  }
}
