import { useRef } from "preact/hooks";
import { useConsole } from "../context.ts";
import { isWanted, type LocalFile, localFile } from "./files.ts";

/** The browser's own dialog for files, or for a folder. */
export function useFileChoice(onFiles: (files: readonly LocalFile[]) => void) {
  const { t } = useConsole();
  const field = useRef<HTMLInputElement>(null);
  const chosen = ({ currentTarget: input }: { currentTarget: HTMLInputElement }) => {
    onFiles([...(input.files ?? [])].map((file) => localFile(file)).filter(isWanted));
    input.value = ""; // the same file may be chosen once more
  };
  const choose = (folder: boolean) => () => {
    if (!field.current) return;
    field.current.webkitdirectory = folder;
    field.current.click();
  };
  return {
    chooseFiles: choose(false),
    chooseFolder: choose(true),
    field: <input ref={field} type="file" multiple hidden aria-label={t("upload")} onChange={chosen} />,
  };
}
