import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Answer, Piece } from "../../sdk/state.ts";
import { Markdown } from "./Markdown.tsx";
import { brief, options } from "./testing.ts";
import { loadMarkdown, MarkdownView } from "./view.ts";

/** An answer that has come in `parts`. */
function answer(parts: readonly string[], attempt = 1): Answer {
  let piece: Piece | null = null;
  let text = "";
  for (const part of parts) {
    piece = { text: part, start: text.length, before: piece };
    text += part;
  }
  return { attempt, n: parts.length, text, piece, stage: "writing", sources: [] };
}

const frames: FrameRequestCallback[] = [];

function frame(): void {
  for (const callback of frames.splice(0)) callback(0);
}

let root: HTMLElement;

beforeEach(() => {
  root = document.createElement("div");
  frames.length = 0;
  vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback) => frames.push(callback));
  vi.stubGlobal("cancelAnimationFrame", (number: number) => {
    frames[number - 1] = () => {};
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("before Markdown can be written", () => {
  it("the text is there as it came, and then as Markdown", async () => {
    vi.resetModules();
    const fresh = await import("./view.ts");
    const view = new fresh.MarkdownView(root, options);
    view.show(answer(["**a"]));
    expect(root.outerHTML).toBe('<div data-plain="">**a</div>');
    view.show(answer(["**a", "b**"]));
    frame();
    expect(root.outerHTML).toBe('<div data-plain="">**ab**</div>');
    await fresh.loadMarkdown();
    expect(root.outerHTML).toBe('<div dir="auto"><p><strong>ab</strong></p></div>');
  });

  it("a view that is gone stays as it is", async () => {
    vi.resetModules();
    const fresh = await import("./view.ts");
    const view = new fresh.MarkdownView(root, options);
    view.show("*a*");
    view.stop();
    await fresh.loadMarkdown();
    expect(root.textContent).toBe("*a*");
  });
});

describe("a view", () => {
  const views = async () => {
    const { MarkdownWriter } = await loadMarkdown();
    const write = vi.spyOn(MarkdownWriter.prototype, "write");
    const reset = vi.spyOn(MarkdownWriter.prototype, "reset");
    const written = () => write.mock.calls.splice(0).map(([text]) => text);
    return { view: new MarkdownView(root, options), written, reset };
  };

  it("writes only what is new, once in a frame", async () => {
    const { view, written, reset } = await views();
    view.show(answer(["a "]));
    expect(written()).toEqual(["a "]);
    view.show(answer(["a ", "*b"]));
    view.show(answer(["a ", "*b", "* c"]));
    expect(frames).toHaveLength(1);
    frame();
    expect(written()).toEqual(["*b", "* c"]);
    view.show("a *b* c");
    frame();
    expect(brief(root)).toBe("<p>a <em>b</em> c</p>");
    expect(reset).not.toHaveBeenCalled();
  });

  it("keeps every node when the stored text is what was written", async () => {
    const { view } = await views();
    view.show(answer(["a **b** c"]));
    const nodes = [...root.querySelectorAll("*")];
    view.show("a **b** c, and more");
    frame();
    expect([...root.querySelectorAll("*")]).toEqual(nodes);
    expect(root.textContent).toBe("a b c, and more");
  });

  it("keeps every node when the whole text comes again in one piece, and goes on", async () => {
    const { view, reset } = await views();
    view.show(answer(["a", "b"]));
    view.show(answer(["abc"]));
    frame();
    expect(brief(root)).toBe("<p>abc</p>");
    expect(reset).not.toHaveBeenCalled();
  });

  it.each([
    ["another attempt", answer(["ab"], 2), "<p>ab</p>"],
    ["another text", answer(["other"]), "<p>other</p>"],
    ["another stored text", "*other*", "<p><em>other</em></p>"],
  ])("starts anew for %s", async (_, content, html) => {
    const { view, reset } = await views();
    view.show(answer(["a", "b", "c"]));
    view.show(content);
    frame();
    expect(brief(root)).toBe(html);
    expect(reset).toHaveBeenCalledOnce();
  });

  it("starts anew when an answer is tried again after its end", async () => {
    const { view } = await views();
    view.show("stopped *he");
    view.show(answer(["again"], 2));
    frame();
    expect(brief(root)).toBe("<p>again</p>");
  });
});

describe("the component", () => {
  const props = { texts: options.texts, onCitation: vi.fn() };
  const draw = (vnode: preact.ComponentChild) => act(() => render(vnode, root));

  it("shows an answer until it is stored, with all its sources, however late they became known", async () => {
    await loadMarkdown();
    draw(<Markdown {...props} answer={answer(["a [1] "])} final={false} citations={new Set()} />);
    draw(<Markdown {...props} answer={answer(["a [1] ", "b [1]"])} final={false} citations={new Set([1])} />);
    draw(<Markdown {...props} text="a [1] b [1]!" final={true} citations={new Set([1])} />);
    frame();
    const shown = root.firstElementChild as Element;
    expect(shown.className).toBe("cs-markdown");
    expect(brief(shown)).toBe("<p>a (1) b (1)!</p>");
    shown.querySelector<HTMLElement>(".citation")?.click();
    expect(props.onCitation).toHaveBeenCalledExactlyOnceWith(1, shown.querySelector(".citation"));
    draw(null);
    expect(root.childNodes).toHaveLength(0);
  });
});
