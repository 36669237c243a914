"""Documentation that a test can hold to the code."""

from __future__ import annotations

from chatserver.config import BASE_DIR


def test_every_command_is_documented() -> None:
    pages = [BASE_DIR / "README.md", *(BASE_DIR / "docs").glob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    commands = {path.stem for path in (BASE_DIR / "chatserver").glob("**/management/commands/[a-z]*.py")}
    assert {"serve", "top"} <= commands
    assert not {name for name in commands if f"manage.py {name}" not in text}
