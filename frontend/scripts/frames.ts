/**
 * Writes `src/sdk/frames.ts`, the types of every object on the wire, from `docs/protocol.schema.json`.
 * With `--check` it only says whether the file is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { compile, type JSONSchema } from "json-schema-to-typescript";

const source = new URL("../../docs/protocol.schema.json", import.meta.url);
const target = new URL("../src/sdk/frames.ts", import.meta.url);

/** The generator would name a type after each `title` and write unions twice; names come from `$defs` alone. */
function plain(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(plain);
  if (node === null || typeof node !== "object") return node;
  const entries = Object.entries(node).filter(([key, value]) => !(key === "title" && typeof value === "string"));
  return Object.fromEntries(entries.map(([key, value]) => [key, plain(value)]));
}

const { $id: _, ...schema } = plain(JSON.parse(readFileSync(source, "utf8"))) as JSONSchema;
const written = await compile(schema, "Frame", {
  additionalProperties: false,
  bannerComment: "// Generated from docs/protocol.schema.json by `make schema`. Do not edit.",
  format: false,
  maxItems: 0,
  unknownAny: true,
});

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== written) {
    console.error("frontend/src/sdk/frames.ts does not fit docs/protocol.schema.json: run make schema.");
    process.exit(1);
  }
} else {
  writeFileSync(target, written);
}
