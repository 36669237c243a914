import type { Sink } from "./sink.ts";
import type { MarkdownTexts } from "./texts.ts";

const COPIED_FOR = 2000;

/** Opens a block of code with its language and a button that copies it; what follows in the sink is its text. */
export function enterCode(sink: Sink, language: string, texts: MarkdownTexts): void {
  const box = sink.make("div", { class: "code" });
  const head = sink.make("div", { class: "code-head" });
  const label = sink.make("span", { class: "code-language" });
  label.textContent = language;
  const button = sink.make("button", { type: "button", class: "code-copy" });
  button.textContent = texts("copy");
  // It scrolls by keyboard as well.
  const pre = sink.make("pre", { tabindex: "0", role: "group", "aria-label": language || texts("code") });
  const code = sink.make("code");
  head.append(label, button);
  pre.append(code);
  box.append(head, pre);
  let timer: ReturnType<typeof setTimeout>;
  button.addEventListener("click", async () => {
    if (!(await copy(code))) return;
    button.textContent = texts("copied");
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.textContent = texts("copy");
    }, COPIED_FOR);
  });
  sink.enter(box, code);
}

/** Whether it worked. Where a page may not write to the clipboard, the code is selected, so that one key copies it. */
async function copy(code: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(code.textContent ?? "");
    return true;
  } catch {
    getSelection()?.selectAllChildren(code);
    return false;
  }
}
