import fc from "fast-check";
import { describe, expect, it } from "vitest";
import corpus from "./corpus.xss.json";
import { cut, rendered } from "./testing.ts";

/**
 * Markdown that tries to make a page run, load, style or imitate something. `CANARY` in it stands for the address of a server
 * that must never hear of it; the browser tests let one listen.
 */
const XSS_CORPUS: readonly string[] = Object.values(corpus).flat();

/** All that answers consist of, and the only values of attributes that do not come from the page's texts. */
const ALLOWED: Record<string, Record<string, RegExp>> = {
  a: { href: /^(https?:\/\/|mailto:)[!-~]+$/, target: /^_blank$/, rel: /^noopener noreferrer nofollow ugc$/ },
  button: { type: /^button$/, class: /^(citation|code-copy)$/, "data-n": /^\d+$/, "aria-label": /^Source \d+$/ },
  code: { class: /^unmarked$/ },
  div: { class: /^(code|code-head|table)$/, tabindex: /^0$/, role: /^group$/, "aria-label": /^Table$/ },
  em: { class: /^unmarked$/ },
  del: { class: /^unmarked$/ },
  strong: { class: /^unmarked$/ },
  input: { type: /^checkbox$/, disabled: /^$/, checked: /^$/, "aria-label": /^(Done|Not done)$/ },
  ol: { start: /^\d{1,9}$/ },
  // The language of the code, which is in the text as well.
  pre: { tabindex: /^0$/, role: /^group$/, "aria-label": /./ },
  span: { class: /^code-language$/ },
  td: { "data-align": /^(left|right|center)$/ },
  th: { "data-align": /^(left|right|center)$/ },
};
const PLAIN = new Set("blockquote br h3 h4 h5 h6 hr li p table tbody thead tr ul".split(" "));

function check(root: Element): void {
  for (const element of root.querySelectorAll("*")) {
    const name = element.tagName.toLowerCase();
    const allowed = ALLOWED[name];
    expect(allowed !== undefined || PLAIN.has(name), `<${name}>`).toBe(true);
    expect(element.namespaceURI).toBe("http://www.w3.org/1999/xhtml");
    for (const { name: attribute, value } of element.attributes) {
      expect(value, `${attribute} of <${name}>`).toMatch(allowed?.[attribute] ?? /^(?!)/);
    }
  }
}

describe("markup that means harm", () => {
  it("is a corpus worth its name", () => {
    expect(new Set(XSS_CORPUS).size).toBe(XSS_CORPUS.length);
    expect(XSS_CORPUS.length).toBeGreaterThan(100);
  });

  it.each(XSS_CORPUS)("%j is inert", (text) => {
    check(rendered([text.replaceAll("CANARY", "http://127.0.0.1:9")]));
  });

  it("is inert in any surroundings, cut anywhere", () => {
    const around = fc.constantFrom(
      "",
      "- ",
      "> ",
      "# ",
      "*",
      "**",
      "[",
      "![",
      "`",
      "```\n",
      "| ",
      "<",
      "    ",
      "\n\n",
      "](",
      "[1]",
    );
    const parts = fc.array(fc.oneof(around, fc.constantFrom(...XSS_CORPUS)), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(parts.map((list) => list.join("")).chain(cut), (pieces) => check(rendered(pieces))),
      { numRuns: 500 },
    );
  });
});
