/** What the tests of Markdown share. */
import fc from "fast-check";
import { markdownTexts } from "./texts.ts";
import { type MarkdownOptions, MarkdownWriter } from "./writer.ts";

export const options: MarkdownOptions = { texts: markdownTexts.in("en"), citations: new Set([1, 2, 12]) };

/** The element after `parts` were written one after the other, and the end. */
export function rendered(parts: readonly string[], settings = options): HTMLElement {
  const root = document.createElement("div");
  const writer = new MarkdownWriter(root, settings);
  for (const part of parts) writer.write(part);
  writer.end();
  return root;
}

/** As little of it as a test wants to read: without what is the same in each link, table and block of code. */
export function brief(root: Element): string {
  return root.innerHTML
    .replaceAll(' target="_blank" rel="noopener noreferrer nofollow ugc"', "")
    .replace(/<div class="code">.*?<span[^>]*>(.*?)<\/span>.*?<pre[^>]*>/g, "<pre $1>")
    .replaceAll("</pre></div>", "</pre>")
    .replace(/<div class="table"[^>]*>(.*?)<\/div>/gs, "$1")
    .replace(/<button type="button" class="citation" data-n="(\d+)" aria-label="Source \1">\1<\/button>/g, "($1)")
    .replaceAll('<input type="checkbox" disabled=""', "<input");
}

/** A text that has one of everything. */
export const SPECIMEN = `# Rooms and *answers*

A room is **where people** and the ~~machine~~ assistant talk.[1][2] See [the *docs*](https://example.com/a_(b)?q=1 "t"),
<https://example.org> or https://example.net/x_y, and mail <me@example.com>.\\
Costs \`$5\` &amp; more \\*stars\\*; 这是**「重要」**的内容，**标题：**内容，请看https://example.com。

1. first
   - nested \`\`a\`b\`\`
   - [x] done
   - [ ] open

     another paragraph 😀
2. second
   > quoted
   > > twice [9]

---

| Name | Value | |
|:-----|------:|:-:|
| a \\| b | **1** | \`x\` |
| ![picture](https://example.com/x.png) | 2 [1] |

\`\`\`python title="x"
def f(x):
\treturn "**not** [1] <b>"

\`\`\`

    indented

***both** em* *never closed
<script>alert(1)</script> <br> a_b_c 2*3`;

const ATOMS = [
  ..."*_~`[]()!<>|#-+&\\ \nahx1中「。😀",
  ..."** *** __ ~~ ``` ![ ](https://e.example/a) [1] [9] <br> <https://e.example> https://e.example/".split(" "),
  ...[
    "\n\n",
    "\n- ",
    "* ",
    "1. ",
    "> ",
    "# ",
    "\n| a | b |\n|---|---|\n",
    "\n    ",
    "  \n",
    "\r\n",
    "\t",
    "[ ] ",
    "```js\n",
  ],
  ...["&amp;", "\\\n", "---\n"],
];

/** Texts made of everything that means something. */
export const markup = fc.array(fc.constantFrom(...ATOMS), { maxLength: 40 }).map((atoms) => atoms.join(""));

/** `text` in pieces, some of them of one half of a character. */
export const cut = (text: string): fc.Arbitrary<string[]> =>
  fc.array(fc.nat({ max: text.length }), { maxLength: 12 }).map((places) => {
    const sorted = [0, ...places.sort((a, b) => a - b), text.length];
    return sorted.slice(1).map((end, i) => text.slice(sorted[i], end));
  });
