import { describe, expect, it } from "vitest";
import { isSend } from "./composer.tsx";

function key(init: Partial<KeyboardEvent>): KeyboardEvent {
  return {
    key: "Enter",
    isComposing: false,
    keyCode: 13,
    shiftKey: false,
    altKey: false,
    ctrlKey: false,
    metaKey: false,
    ...init,
  } as KeyboardEvent;
}

describe("isSend", () => {
  it.each([
    ["Enter", {}, true],
    ["Enter while composing", { isComposing: true }, false],
    ["the Enter that ends a composition in Safari", { keyCode: 229 }, false],
    ["Shift+Enter", { shiftKey: true }, false],
    ["Ctrl+Enter", { ctrlKey: true }, false],
    ["another key", { key: "a" }, false],
  ])("%s", (_what, init, sends) => {
    expect(isSend(key(init))).toBe(sends);
  });
});
