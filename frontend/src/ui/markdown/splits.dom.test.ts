import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Blocks } from "./blocks.ts";
import { BracketScanner } from "./brackets.ts";
import { Inline } from "./inline.ts";
import { Sink } from "./sink.ts";
import { cut, markup, options, rendered, SPECIMEN } from "./testing.ts";
import { MarkdownWriter } from "./writer.ts";

/** Elements, attributes and text nodes, so that two texts beside each other are not one. */
function tree(node: Node): string {
  if (node.nodeType === Node.TEXT_NODE) return JSON.stringify(node.nodeValue);
  const { tagName, attributes } = node as Element;
  const named = Array.from(attributes, ({ name, value }) => `${name}=${value}`);
  return `${[tagName, ...named].join(" ")}(${Array.from(node.childNodes, tree).join()})`;
}

describe("however the text is cut", () => {
  it("the document is the same: the specimen in two, at each place", () => {
    const whole = tree(rendered([SPECIMEN]));
    for (let at = 0; at <= SPECIMEN.length; at++) {
      expect(tree(rendered([SPECIMEN.slice(0, at), SPECIMEN.slice(at)])), `cut at ${at}`).toBe(whole);
    }
  });

  it("the document is the same: the specimen in single units", () => {
    expect(tree(rendered(SPECIMEN.split("")))).toBe(tree(rendered([SPECIMEN])));
  });

  it("the document is the same: any text in any pieces, also before the end", () => {
    const texts = fc.oneof(markup, fc.string({ unit: "grapheme" }));
    fc.assert(
      fc.property(
        texts.chain((text) => fc.tuple(fc.constant(text), cut(text))),
        ([text, pieces]) => {
          const [one, other] = [document.createElement("div"), document.createElement("div")];
          const [whole, pieced] = [new MarkdownWriter(one, options), new MarkdownWriter(other, options)];
          whole.write(text);
          for (const piece of pieces) pieced.write(piece);
          expect(tree(other)).toBe(tree(one));
          whole.end();
          pieced.end();
          expect(tree(other)).toBe(tree(one));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("what is in the document", () => {
  /** Each node with where it is, and text with what it says. */
  function nodes(root: Node, found = new Map<Node, { parent: Node | null; text: string }>()) {
    for (const node of root.childNodes) {
      found.set(node, { parent: node.parentNode, text: node.nodeValue ?? "" });
      nodes(node, found);
    }
    return found;
  }

  it("stays, in its place, whatever follows", () => {
    fc.assert(
      fc.property(fc.oneof(markup, fc.constant(SPECIMEN)).chain(cut), (pieces) => {
        const root = document.createElement("div");
        const writer = new MarkdownWriter(root, options);
        for (const write of [...pieces.map((piece) => () => writer.write(piece)), () => writer.end()]) {
          const before = nodes(root);
          const order = [...before.keys()];
          write();
          for (const [node, { parent, text }] of before) {
            if (node.parentNode !== parent || !(node.nodeValue ?? "").startsWith(text)) expect.fail(`moved: ${text}`);
          }
          // In the same order: without what is new, the list is the one from before.
          const after = [...nodes(root).keys()].filter((node) => before.has(node));
          expect(after.every((node, i) => node === order[i])).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("work", () => {
  const seen: readonly (readonly [object, string])[] = [
    [Blocks.prototype, "char"],
    [Inline.prototype, "char"],
    [BracketScanner.prototype, "take"],
    [Sink.prototype, "make"],
    [Sink.prototype, "text"],
  ];

  /** How often what sees each character, or touches the document, is called for `text`. */
  function work(text: string): number {
    let calls = 0;
    const originals = seen.map(([prototype, name]) => Reflect.get(prototype, name));
    seen.forEach(([prototype, name], i) => {
      Reflect.set(prototype, name, function (this: unknown, ...args: unknown[]) {
        calls++;
        return Reflect.apply(originals[i], this, args);
      });
    });
    rendered([text]);
    seen.forEach(([prototype, name], i) => {
      Reflect.set(prototype, name, originals[i]);
    });
    return calls;
  }

  it.each(["[", "*", ">", "`", "- "])("grows as the text does, to 100 kB of %j", (unit) => {
    expect(work(unit.repeat(100_000)) / work(unit.repeat(50_000))).toBeLessThan(2.1);
  });

  // Separated by "¦".
  const units = [
    "_¦~¦<¦!¦(¦)¦]¦&¦#¦-¦+¦|¦\\¦ ¦\t¦\n¦h¦![¦[a](¦[a](b ¦[a](b[¦](¦[[]¦[1]¦*a ¦**a *b ¦_a_ *b¦*a**b¦`a``b```c¦[`a¦[`](¦<a¦<br ",
    "&#¦1. ¦> ¦> - ¦- a\n  ¦- - - x\n¦|a¦|a|\n|-|\n¦|\n¦``` `\n¦[a](<b¦https://e.example/(¦https://e.example/.¦http://",
    '[a](b "¦    \n¦# # ¦a  \n¦a\\\n¦中**「a」**¦<https://e.example/¦[![a](b)',
  ].flatMap((line) => line.split("¦"));

  it.each(units)("is bounded for each character of %j again and again", (unit) => {
    const half = unit.repeat(Math.ceil(6_000 / unit.length));
    expect(work(half + half) / work(half)).toBeLessThan(2.2);
    expect(work(half) / half.length).toBeLessThan(100);
  });

  it("for one more word is the same after 45 kB as after 5 kB", () => {
    const written = (length: number) => SPECIMEN.repeat(Math.ceil(length / SPECIMEN.length));
    const more = (length: number) => work(`${written(length)} word`) - work(written(length));
    expect(more(45_000)).toBe(more(5_000));
  });
});
