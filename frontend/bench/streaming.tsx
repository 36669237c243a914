/** The page of `python -m bench.frontend`: an answer that is written into a log that stays scrolled to its end. */
import { render } from "preact";
import type { Answer, Piece } from "../src/sdk/state.ts";
import { Markdown } from "../src/ui/markdown/Markdown.tsx";
import { markdownTexts } from "../src/ui/markdown/texts.ts";
import { loadMarkdown } from "../src/ui/markdown/view.ts";
import "../src/ui/markdown/markdown.css";
import "../src/ui/tokens.css";

export interface Bench {
  ready: Promise<unknown>;
  /** Shows the first `length` characters of `text` at once. */
  fill(text: string, length: number): Promise<void>;
  /** Goes on in `text`, `rate` deltas of `size` characters a second for `seconds`, or to its end. */
  stream(text: string, rate: number, size: number, seconds: number): Promise<Streamed>;
}

export interface Streamed {
  deltas: number;
  /** Milliseconds from frame to frame. */
  frames: number[];
  /** Milliseconds of tasks of 50 ms and more, as the browser reports them. */
  long: number[];
}

const log = document.getElementById("log") as HTMLElement;
const texts = markdownTexts.in("en");
const citations = new Set([1, 2, 3]);

let attempt = 0;
let n = 0;
let piece: Piece | null = null;
let shown = "";

function deliver(text: string): void {
  piece = { text, start: shown.length, before: piece };
  shown += text;
  n++;
  const answer: Answer = { attempt, n, text: shown, piece, stage: "writing", sources: [] };
  render(<Markdown answer={answer} final={false} citations={citations} onCitation={() => {}} texts={texts} />, log);
}

const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));

async function fill(text: string, length: number): Promise<void> {
  attempt++;
  n = 0;
  piece = null;
  shown = "";
  deliver(text.slice(0, length));
  for (let i = 0; i < 3; i++) {
    await frame();
    log.scrollTop = log.scrollHeight;
  }
}

function stream(text: string, rate: number, size: number, seconds: number): Promise<Streamed> {
  const long: number[] = [];
  const observer = new PerformanceObserver((list) => long.push(...list.getEntries().map(({ duration }) => duration)));
  observer.observe({ type: "longtask" });
  const frames: number[] = [];
  const begin = performance.now();
  const before = n;
  const due = () => Math.floor(((performance.now() - begin) / 1000) * rate);
  return new Promise((resolve) => {
    let last = 0;
    let over = false;
    const onFrame = (now: number) => {
      if (last > 0) frames.push(now - last);
      last = now;
      log.scrollTop = log.scrollHeight;
      if (!over) requestAnimationFrame(onFrame);
      else resolve({ deltas: n - before, frames, long: [...long, ...observer.takeRecords().map((e) => e.duration)] });
    };
    requestAnimationFrame(onFrame);
    const timer = setInterval(() => {
      while (n - before < due() && shown.length < text.length) deliver(text.slice(shown.length, shown.length + size));
      over = shown.length >= text.length || performance.now() - begin > seconds * 1000;
      if (over) clearInterval(timer);
    }, 1000 / rate);
  });
}

declare global {
  interface Window {
    bench: Bench;
  }
}

window.bench = { ready: loadMarkdown(), fill, stream };
