/** Prints what the widget costs a page, in kB of 1,000 bytes after gzip, and fails above the limits. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "vite";

const dist = join(import.meta.dirname, "../dist");

/** What the build has compressed beside `file`; a server that sends Brotli sends less. */
function gzipped(file: string): number {
  return readFileSync(join(dist, `${file}.gz`)).length;
}

/** The files that come with `entry`: its static imports and styles, and with `lazy` also those that it loads later. */
function filesOf(manifest: Manifest, entry: string, lazy: boolean, found = new Map<string, string[]>()): Set<string> {
  const chunk = manifest[entry];
  if (!chunk) throw new Error(`the manifest does not name ${entry}`);
  if (!found.has(entry)) {
    found.set(entry, [chunk.file, ...(chunk.css ?? [])]);
    const next = [...(chunk.imports ?? []), ...(lazy ? (chunk.dynamicImports ?? []) : [])];
    for (const name of next) filesOf(manifest, name, lazy, found);
  }
  return new Set([...found.values()].flat());
}

const manifest = JSON.parse(readFileSync(join(dist, "widget.json"), "utf8")) as Manifest;
const sum = (files: Iterable<string>) => [...files].reduce((bytes, file) => bytes + gzipped(file), 0);
const loader = gzipped("widget.js");
const rows: [name: string, bytes: number, limit: number | null][] = [
  ["loader", loader, 6_000],
  ["before first open", loader + sum(filesOf(manifest, "src/widget/core.tsx", false)), 30_000],
  ["whole widget", loader + sum(filesOf(manifest, "src/widget/core.tsx", true)), null],
];

let over = false;
for (const [name, bytes, limit] of rows) {
  const bound = limit === null ? "" : ` of ${limit / 1000} kB`;
  console.log(`${name.padEnd(18)} ${(bytes / 1000).toFixed(1).padStart(6)} kB gzip${bound}`);
  if (limit !== null && bytes > limit) {
    console.error(`The widget's size (${name}) is ${bytes - limit} bytes above its limit.`);
    over = true;
  }
}
if (over) process.exit(1);
