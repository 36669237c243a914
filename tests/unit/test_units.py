"""An excerpt is cut into sentences, items, rows and code, also where only a part of a block is there."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatserver.providers.units import Unit, units

PAGE = """\
Connect a model

Without one, it quotes. For an endpoint:

```sh
MODEL=some make run

make help
```

Limits

what | limit | then
a frame | 32 KiB | too_large
a room | none |

- Bounded. Every queue has a limit.
- Named."""


def test_every_kind_is_told_apart() -> None:
    assert units(PAGE, "Guide › Connect a model", "Guide") == [
        Unit("heading", "Connect a model", "Connect a model"),
        Unit("sentence", "Without one, it quotes.", "Connect a model"),
        Unit("sentence", "For an endpoint:", "Connect a model"),
        Unit("code", "MODEL=some make run\n\nmake help", "Connect a model", "sh"),
        Unit("line", "Limits", "Limits"),
        Unit("row", "a frame – limit: 32 KiB; then: too_large", "Limits"),
        Unit("row", "a room – limit: none", "Limits"),
        Unit("item", "- Bounded. Every queue has a limit.\n- Named.", "Limits"),
    ]


def test_what_follows_is_under_the_last_heading_of_the_path() -> None:
    assert units("It is red.", "Guide › Colours") == [Unit("sentence", "It is red.", "Colours")]


def test_code_that_was_cut_is_still_code() -> None:
    end = "socket.send(x)\n```\n\nThe origin must be listed."
    assert [unit.kind for unit in units("Then:\n\n```js\nsocket.open()\nsocket.send(x)")] == ["sentence", "code"]
    assert [(unit.kind, unit.text) for unit in units("socket.send(x)\n```")] == [("code", "socket.send(x)")]
    assert "origin" in units(end)[-1].text


def test_a_fence_within_a_longer_fence_is_code() -> None:
    (unit,) = units("````md\n```sh\nmake\n```\n````")
    assert (unit.kind, unit.text, unit.language) == ("code", "```sh\nmake\n```", "md")


def test_code_in_an_item_loses_its_indentation() -> None:
    assert units("1. Run this:\n  ```sh\n  make run\n    --now\n  ```")[-1] == Unit(
        "code", "make run\n  --now", "", "sh"
    )


def test_diagrams_are_left_out() -> None:
    assert units("```mermaid\na->>b: c\n```\n\nIt ends.") == [Unit("sentence", "It ends.")]


def test_rows_without_a_head_have_no_names() -> None:
    assert [unit.text for unit in units("PORT | 8000 | The port.\nHOST | any | The host.")] == [
        "PORT – 8000; The port.",
        "HOST – any; The host.",
    ]


def test_rows_of_two_cells_need_no_names() -> None:
    assert units("Fees\n\nitem | fee\ntea | 2\nbun | 3", "Fees")[1:] == [
        Unit("row", "tea: 2", "Fees"),
        Unit("row", "bun: 3", "Fees"),
    ]


@pytest.mark.parametrize("text", ["Choose a | b, never both.", "The tea is hot | or not."])
def test_a_sentence_with_a_pipe_is_no_row(text: str) -> None:
    assert units(text) == [Unit("sentence", text)]


def test_a_long_item_is_sentences() -> None:
    assert [unit.text for unit in units(f"- First. {'Then more words come. ' * 20}")][:2] == [
        "- First.",
        "Then more words come.",
    ]


@given(st.text(alphabet="ab.|`~ \n-#：。1", max_size=200))
@example("```")
def test_no_text_is_too_strange(text: str) -> None:
    assert all(unit.text.strip() for unit in units(text, "a", "b"))
