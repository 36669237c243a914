import { useLayoutEffect, useRef } from "preact/hooks";
import type { Answer } from "../../sdk/state.ts";
import { useLatest } from "../hooks.ts";
import type { MarkdownTexts } from "./texts.ts";
import { MarkdownView } from "./view.ts";

export interface MarkdownProps {
  /** While it is being written. */
  answer?: Answer | null;
  /** The stored text, once there is one. */
  text?: string;
  /** `text` is what counts. */
  final: boolean;
  /** The numbers that are sources. */
  citations: ReadonlySet<number>;
  onCitation(n: number, button: HTMLElement): void;
  texts: MarkdownTexts;
}

/** An answer as Markdown, from its first word to its last. Needs markdown.css. */
export function Markdown({ answer, text = "", final, citations, onCitation, texts }: MarkdownProps) {
  const root = useRef<HTMLDivElement>(null);
  const view = useRef<MarkdownView | null>(null);
  const known = useLatest(() => citations);
  const cite = useLatest(onCitation);
  const content = final || !answer ? text : answer;
  useLayoutEffect(() => {
    if (!root.current) return;
    const made = new MarkdownView(root.current, { texts, citations: known, onCitation: cite });
    view.current = made;
    return () => made.stop();
  }, [texts]);
  // Preact does not look at what is in an element that it gave no children.
  useLayoutEffect(() => view.current?.show(content), [content, texts]);
  return <div ref={root} class="cs-markdown" />;
}
