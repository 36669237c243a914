import { describe, expect, it, vi } from "vitest";
import { brief, options, rendered } from "./testing.ts";
import { MarkdownWriter, renderMarkdown } from "./writer.ts";

const show = (text: string) => brief(rendered([text]));

/** What is written, and what comes of it. */
const cases: Record<string, readonly (readonly [string, string])[]> = {
  headings: [
    ["# One", "<h3>One</h3>"],
    ["## Two ##\n###### Six", "<h4>Two</h4><h6>Six</h6>"],
    ["#no\n####### no", "<p>#no\n####### no</p>"],
    ["# C#", "<h3>C#</h3>"],
    ["text\n# One", "<p>text</p><h3>One</h3>"],
  ],
  lists: [
    ["- a\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>"],
    [
      "1. a\n   - b\n     - c\n2. d",
      "<ol><li><p>a</p><ul><li><p>b</p><ul><li><p>c</p></li></ul></li></ul></li><li><p>d</p></li></ol>",
    ],
    ["- a\n\n  b\n\n- c", "<ul><li><p>a</p><p>b</p></li><li><p>c</p></li></ul>"],
    ["3. a\n4. b", '<ol start="3"><li><p>a</p></li><li><p>b</p></li></ol>'],
    ["- a\n* b", "<ul><li><p>a</p></li></ul><ul><li><p>b</p></li></ul>"],
    ["- a\nlazy\n\nafter", "<ul><li><p>a\nlazy</p></li></ul><p>after</p>"],
    ["It was\n2026. A year", "<p>It was\n2026. A year</p>"],
    ["- \n- b", "<ul><li></li><li><p>b</p></li></ul>"],
    ["- - a", "<ul><li><ul><li><p>a</p></li></ul></li></ul>"],
    ["- # a\n  > b", "<ul><li><h3>a</h3><blockquote><p>b</p></blockquote></li></ul>"],
  ],
  tasks: [
    [
      "- [ ] a\n- [x] b\n- [y] c",
      '<ul><li><p><input aria-label="Not done">a</p></li><li><p><input aria-label="Done" checked="">b</p></li>' +
        "<li><p>[y] c</p></li></ul>",
    ],
    ["- [x](https://a.example/) b", '<ul><li><p><a href="https://a.example/">x</a> b</p></li></ul>'],
    ["[ ] a", "<p>[ ] a</p>"],
  ],
  tables: [
    [
      "| a | b |\n|---|:-:|\n| 1 | **2** |\n|   | `x\\|y` |\nafter",
      '<table><thead><tr><th>a</th><th data-align="center">b</th></tr></thead><tbody>' +
        '<tr><td>1</td><td data-align="center"><strong>2</strong></td></tr>' +
        '<tr><td></td><td data-align="center"><code>x|y</code></td></tr></tbody></table><p>after</p>',
    ],
    [
      "text\n| a |\n|---|\n| 1 | 2 |",
      "<p>text</p><table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
    ],
    ["| a | b |\n|---|", "<p>| a | b |\n|---|</p>"],
    ["| a |\n- b", "<p>| a |</p><ul><li><p>b</p></li></ul>"],
    [
      "| *a | b* |\n|---|---|",
      '<table><thead><tr><th>*<em class="unmarked">a</em></th><th>b*</th></tr></thead></table>',
    ],
    ["- x\n  | a |\n  |---|", "<ul><li><p>x</p><table><thead><tr><th>a</th></tr></thead></table></li></ul>"],
  ],
  code: [
    [
      "```js\nlet a = `<b>`;\n\n  b\n```\nafter",
      "<pre js><code>let a = `&lt;b&gt;`;\n\n  b\n</code></pre><p>after</p>",
    ],
    ["````\n```\n````", "<pre ><code>```\n</code></pre>"],
    ["```make\nall:\n\tcc\n", "<pre make><code>all:\n\tcc\n</code></pre>"],
    ["- a\n  ~~~\n  b\n    c\n  ~~~", "<ul><li><p>a</p><pre ><code>b\n  c\n</code></pre></li></ul>"],
    ["    a\n\n    b\n\nc", "<pre ><code>a\n\nb\n</code></pre><p>c</p>"],
    ["`a` ``b`c`` `` ` `` `[1] *x*`", "<p><code>a</code> <code>b`c</code> <code>`</code> <code>[1] *x*</code></p>"],
    ["a `b\nc", '<p>a `<code class="unmarked">b c</code></p>'],
  ],
  quotes: [
    ["> a\n> > b\n\nc", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote><p>c</p>"],
    ["> a\nlazy", "<blockquote><p>a\nlazy</p></blockquote>"],
    ["> - a\n> - b", "<blockquote><ul><li><p>a</p></li><li><p>b</p></li></ul></blockquote>"],
    ["> ```\n> a\nb", "<blockquote><pre ><code>a\n</code></pre></blockquote><p>b</p>"],
  ],
  rules: [
    ["a\n***\nb\n- - -", "<p>a</p><hr><p>b</p><hr>"],
    ["a\n---\nb", "<p>a</p><hr><p>b</p>"],
  ],
  emphasis: [
    ["*a* _b_ **c** __d__ ~~e~~", "<p><em>a</em> <em>b</em> <strong>c</strong> <strong>d</strong> <del>e</del></p>"],
    ["***a** b*, ***c* d**", "<p><em><strong>a</strong> b</em>, <em><strong>c</strong></em><strong> d</strong></p>"],
    ["snake_case_name 2 * 3 ~5~", "<p>snake_case_name 2 * 3 ~5~</p>"],
    ["**a *b* c**", "<p><strong>a <em>b</em> c</strong></p>"],
    ["*a **b* c", '<p><em>a **<strong class="unmarked">b</strong></em> c</p>'],
    ["*never closed\n\nnext", '<p>*<em class="unmarked">never closed</em></p><p>next</p>'],
    ["**", "<p>**</p>"],
  ],
  "Chinese, Japanese and Korean": [
    ["这是**「重要」**的内容", "<p>这是<strong>「重要」</strong>的内容</p>"],
    ["**标题：**内容，**Note:**内容", "<p><strong>标题：</strong>内容，<strong>Note:</strong>内容</p>"],
    ["他说**“你好”**。*ｆｕｌｌ*！", "<p>他说<strong>“你好”</strong>。<em>ｆｕｌｌ</em>！</p>"],
    ["これは**重要（じゅうよう）**です", "<p>これは<strong>重要（じゅうよう）</strong>です</p>"],
    ['이것은 **"중요"**합니다', '<p>이것은 <strong>"중요"</strong>합니다</p>'],
    ["第一行\n第二行", "<p>第一行第二行</p>"],
    ["看https://example.com/a。好", '<p>看<a href="https://example.com/a">https://example.com/a</a>。好</p>'],
  ],
  links: [
    ["[a *b*](https://a.example/x 'title')", '<p><a href="https://a.example/x">a <em>b</em></a></p>'],
    ["[a](<https://a.example/x y>)", '<p><a href="https://a.example/x%20y">a</a></p>'],
    ["[a](https://a.example/b_(c))", '<p><a href="https://a.example/b_(c)">a</a></p>'],
    ["[a](https://a.example/?b&amp;c)", '<p><a href="https://a.example/?b&amp;c">a</a></p>'],
    ["[a](b) [c][d] [e] (f)", "<p>a [c][d] [e] (f)</p>"],
    [
      "[a [b](https://b.example/)](https://a.example/)",
      '<p>[a <a href="https://b.example/">b</a>](<a href="https://a.example/">https://a.example/</a>)</p>',
    ],
    ["[a **[b](https://b.example/)** c", '<p>[a <strong><a href="https://b.example/">b</a></strong> c</p>'],
    ["*[a*](https://a.example/)", '<p>*<em class="unmarked"><a href="https://a.example/">a*</a></em></p>'],
    ["[`](`](https://a.example/)", '<p><a href="https://a.example/"><code>](</code></a></p>'],
    ["![a](https://a.example/x.png)", '<p><a href="https://a.example/x.png">a</a></p>'],
    ["![](https://a.example/x.png)", '<p><a href="https://a.example/x.png">https://a.example/x.png</a></p>'],
    ["[![a](https://b.example/)](https://a.example/)", '<p><a href="https://a.example/">a</a></p>'],
    ["[a](mailto:a@b.example)", '<p><a href="mailto:a@b.example">a</a></p>'],
    ["[a](javascript:alert(1))", "<p>a</p>"],
  ],
  autolinks: [
    ["<https://a.example/b?c>", '<p><a href="https://a.example/b?c">https://a.example/b?c</a></p>'],
    ["<a.b@c.example>", '<p><a href="mailto:a.b@c.example">a.b@c.example</a></p>'],
    ["(see https://a.example/b_(c)).", '<p>(see <a href="https://a.example/b_(c)">https://a.example/b_(c)</a>).</p>'],
    ["**https://a.example/**", '<p><strong><a href="https://a.example/">https://a.example/</a></strong></p>'],
    ["https://a.example/[1]", '<p><a href="https://a.example/">https://a.example/</a>(1)</p>'],
    ["xhttps://a.example http:// https", "<p>xhttps://a.example http:// https</p>"],
  ],
  breaks: [
    ["a  \nb\\\nc\nd<br>e<BR />f", "<p>a<br>b<br>c\nd<br>e<br>f</p>"],
    ["a  \n\nb\\", "<p>a</p><p>b\\</p>"],
  ],
  escapes: [
    ["\\*a\\* \\[1] \\a \\\\ \\`b\\`", "<p>*a* [1] \\a \\ `b`</p>"],
    ["&lt;b&gt; &#65;&#x42; &nope; &amp", "<p>&lt;b&gt; AB &amp;nope; &amp;amp</p>"],
  ],
  citations: [
    ["So it is.[1][2] And [12], [9].", "<p>So it is.(1)(2) And (12), [9].</p>"],
    [
      "**[1]** see [1 and [2]] `[1]`",
      "<p><strong>(1)</strong> see [1 and [2]] <code>[1]</code></p>".replace("[2]]", "(2)]"),
    ],
    [
      "[1](https://a.example/) [a [1]](https://a.example/)",
      '<p><a href="https://a.example/">1</a> <a href="https://a.example/">a [1]</a></p>',
    ],
    ["[see [1]\n\n[1]: x", "<p>[see (1)</p><p>(1): x</p>"],
  ],
  "what means nothing": [
    ["<b onclick=x>a</b> <!-- c -->", "<p>&lt;b onclick=x&gt;a&lt;/b&gt; &lt;!-- c --&gt;</p>"],
    ["$x_1*y_1$ and $$z$$", '<p>$x_1*<em class="unmarked">y_1$ and $$z$$</em></p>'],
    ["a\r\nb\rc", "<p>a\nb\nc</p>"],
    ["", ""],
    [" \n\n \t\n", ""],
  ],
};

describe.each(Object.entries(cases))("%s", (_, list) => {
  it.each(list)("%j", (text, html) => {
    expect(show(text)).toBe(html);
  });
});

describe("what one sees while it arrives", () => {
  const sofar = (text: string) => {
    const root = document.createElement("div");
    new MarkdownWriter(root, options).write(text);
    return brief(root);
  };

  it.each([
    ["**bo", "<p><strong>bo</strong></p>"],
    ["a **", "<p>a </p>"],
    ["`co", "<p><code>co</code></p>"],
    ["see [the do", "<p>see </p>"],
    ["see [the docs](https://exa", "<p>see </p>"],
    ["# He", "<h3>He</h3>"],
    ["- it", "<ul><li><p>it</p></li></ul>"],
    ["```py\npri", "<pre py><code>pri</code></pre>"],
    ["| a |\n|---|\n| 1", "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"],
    ["| a | b |\n|-", ""],
  ])("%j shows no marks", (text, html) => {
    expect(sofar(text)).toBe(html);
  });
});

describe("limits", () => {
  it("nests blocks and emphasis 16 deep, and shows what is deeper as text", () => {
    const root = rendered([`${"> ".repeat(20)}a\n\n${"1. ".repeat(20)}b\n\n${"**a *b ".repeat(20)}`]);
    expect(root.querySelectorAll("blockquote")).toHaveLength(16);
    expect(root.querySelectorAll("li")).toHaveLength(16);
    expect(root.querySelectorAll("strong, em").length).toBeLessThanOrEqual(16);
    expect(root.textContent).toContain("> > > > a");
    expect(root.textContent).toContain("1. 1. 1. 1. b");
  });
});

describe("buttons", () => {
  it("tell which source was chosen", () => {
    const onCitation = vi.fn();
    const root = rendered(["a [2]"], { ...options, onCitation });
    const button = root.querySelector<HTMLElement>(".citation");
    button?.click();
    expect(onCitation).toHaveBeenCalledExactlyOnceWith(2, button);
  });

  it("learn of sources that come while the text is written", () => {
    const known = new Set<number>();
    const root = document.createElement("div");
    const writer = new MarkdownWriter(root, { ...options, citations: () => known });
    writer.write("a [1] ");
    known.add(2);
    writer.write("b [2] ");
    expect(brief(root)).toBe("<p>a [1] b (2)</p>");
  });

  it("copy a block of code", async () => {
    const writeText = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
    const button = rendered(["```\na **b**\n```"]).querySelector<HTMLElement>(".code-copy");
    button?.click();
    await vi.waitFor(() => expect(button?.textContent).toBe("Copied"));
    expect(writeText).toHaveBeenCalledExactlyOnceWith("a **b**\n");
  });
});

describe("a writer", () => {
  it("counts what was written, and begins anew", () => {
    const root = document.createElement("div");
    const writer = new MarkdownWriter(root, options);
    writer.write("**a😀");
    expect(writer.length).toBe(5);
    writer.reset();
    expect(root.childNodes).toHaveLength(0);
    writer.write("b");
    writer.end();
    expect([writer.length, brief(root)]).toEqual([1, "<p>b</p>"]);
  });

  it("renders a whole text in place of another", () => {
    const root = document.createElement("div");
    renderMarkdown(root, "a", options);
    renderMarkdown(root, "*b*", options);
    expect(brief(root)).toBe("<p><em>b</em></p>");
  });
});
