/** The files that somebody drops on a page or chooses, folders with all that is in them. */

/** What the browser makes itself when it has nothing better to say, and nobody means to upload. */
const LITTER = /^(\.DS_Store|Thumbs\.db|desktop\.ini|~\$.*|\..*)$/i;

/** Of a transfer: at most `limit` files, in the order of their folders. */
export async function filesOf(transfer: DataTransfer, limit: number): Promise<File[]> {
  // Entries have to be taken at once: the transfer is emptied when the event has passed.
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found: File[] = [];
  for (const entry of entries) {
    if (found.length >= limit) break;
    if (entry instanceof File) found.push(entry);
    else if (entry) await collect(entry, found, limit);
  }
  return found.slice(0, limit).filter(isWanted);
}

export function isWanted({ name }: { name: string }): boolean {
  return !LITTER.test(name);
}

async function collect(entry: FileSystemEntry, found: File[], limit: number): Promise<void> {
  if (found.length >= limit) return;
  if (entry.isFile) {
    found.push(await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
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
