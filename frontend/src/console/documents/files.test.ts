import { describe, expect, it } from "vitest";
import { filesOf, isWanted } from "./files.ts";

const file = (name: string) => new File(["x"], name);

/** Entries as a browser gives them: a reader answers in portions, and with nothing at the end. */
function entry(path: string, children?: object[]): object {
  const name = path.split("/").at(-1) ?? "";
  if (!children) return { isFile: true, name, fullPath: path, file: (done: (file: File) => void) => done(file(name)) };
  const portions = [children.slice(0, 1), children.slice(1), []].filter((each, n) => n === 2 || each.length > 0);
  const readEntries = (done: (entries: object[]) => void) => done(portions.shift() ?? []);
  return { isFile: false, name, fullPath: path, createReader: () => ({ readEntries }) };
}

function transfer(...entries: object[]): DataTransfer {
  const items = entries.map((each) => ({ kind: "file", webkitGetAsEntry: () => each }));
  return { items: [...items, { kind: "string" }] } as unknown as DataTransfer;
}

const paths = async (given: DataTransfer, limit = 100) =>
  (await filesOf(given, limit)).map(({ name, path }) => path || name);

describe("files that are dropped", () => {
  const folder = () =>
    entry("/docs", [entry("/docs/a.md"), entry("/docs/.git", [entry("/docs/.git/x")]), entry("/docs/in/a.md")]);

  it("come with all that is in their folders, and where it lies", async () => {
    expect(await paths(transfer(entry("/b.md"), folder()))).toEqual(["b.md", "docs/a.md", "docs/in/a.md"]);
  });

  it("are no more than there is place for", async () => {
    expect(await paths(transfer(folder(), entry("/b.md")), 1)).toEqual(["docs/a.md"]);
  });

  it("without entries are taken as they are", async () => {
    const items = [{ kind: "file", webkitGetAsEntry: () => null, getAsFile: () => file("c.md") }];
    expect(await paths({ items } as unknown as DataTransfer)).toEqual(["c.md"]);
  });
});

it.each([".DS_Store", "Thumbs.db", "~$draft.docx", ".env"])("%s is left out", (name) => {
  expect(isWanted({ name })).toBe(false);
});
