/** The files that somebody drops on a page or chooses, folders with all that is in them. */

export interface LocalFile {
  readonly name: string;
  readonly size: number;
  /** Where it lies in a folder that was given whole; empty for a file that was given alone. */
  readonly path: string;
  readonly data: File;
}

/** What systems and editors leave in folders, and nobody means to upload. */
const LITTER = /^(Thumbs\.db|desktop\.ini|~\$.*|\..*)$/i;

export function localFile(data: File, path = data.webkitRelativePath): LocalFile {
  return { name: data.name, size: data.size, path, data };
}

export function isWanted({ name }: { name: string }): boolean {
  return !LITTER.test(name);
}

/** Of a transfer: at most `limit` files, in the order of their folders. Rejects when the browser may not read one. */
export async function filesOf(transfer: DataTransfer, limit: number): Promise<LocalFile[]> {
  // Entries have to be taken at once: the transfer is emptied when the event has passed.
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const given = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const found: LocalFile[] = [];
  for (const each of given) {
    if (each instanceof File) found.push(localFile(each));
    else if (each) await collect(each, found, limit);
  }
  return found.filter(isWanted).slice(0, limit);
}

async function collect(entry: FileSystemEntry, found: LocalFile[], limit: number): Promise<void> {
  if (found.length >= limit || !isWanted(entry)) return;
  if (entry.isFile) {
    const data = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    const path = entry.fullPath.replace(/^\//, "");
    found.push(localFile(data, path === data.name ? "" : path));
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives some entries at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0 || found.length >= limit) return;
    for (const each of some) await collect(each, found, limit);
  }
}

/** Whether files are being dragged, and not text or a link. */
export function holdsFiles(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes("Files") ?? false;
}
