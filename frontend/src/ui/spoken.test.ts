import { expect, it } from "vitest";
import { spoken } from "./spoken.ts";

it.each([
  ["# Title\n\nSome **bold** and _soft_ `code` [1].", "Title Some bold and soft code."],
  ["- one\n- two\n3. three", "one two three"],
  ["see [the page](https://example.com) [2][3]", "see the page"],
  ["| a | b |\n|---|---|\n| 1 | 2 |", "a b 1 2"],
  ["```sh\nmake run_all\n```", "make run_all"],
  ["snake_case_name stays, 2 * 3 * 4 too", "snake_case_name stays, 2 * 3 * 4 too"],
  [
    "## Hours\n\n- We **open** at `nine` [1].\n1. See [the page](https://x.example/) [2]",
    "Hours We open at nine. See the page",
  ],
  ["答案是**北京** [1]。", "答案是北京。"],
])("reads out %j", (markdown, said) => {
  expect(spoken(markdown)).toBe(said);
});
