"""The site's pages in both languages, made of Markdown when it starts. Pure but for reading the files."""

from __future__ import annotations

import html
import re
from pathlib import Path

from markdown_it import MarkdownIt

__all__ = ["CONTENT", "LANGUAGES", "SERVER", "load"]

CONTENT = Path(__file__).parent / "content"
LANGUAGES = {"en": "en", "zh": "zh-CN"}
"""The first part of a page's path, and the language it stands for."""
SERVER = "{{server}}"
"""Stands in the pages for the chat server's address, which depends on how this site was called."""

_NAMES = {"en": "Harbour Roasters", "zh": "海港烘焙坊"}
_PAGES = {
    "en": {"": "Home", "coffee": "Coffee", "visit": "Visit", "help": "Help"},
    "zh": {"": "首页", "coffee": "咖啡", "visit": "到店", "help": "帮助"},
}
_FOOTERS = {
    "en": "Harbour Roasters is not a real shop: it shows the chat widget on somebody else's web site.",
    "zh": "海港烘焙坊并不是真实的店铺：它用来展示聊天组件在第三方网站上的样子。",
}
_SECTION = re.compile(r"<h2>.*?(?=<h2>|\Z)", re.DOTALL)


def load() -> dict[str, tuple[str, str]]:
    """Path -> (media type, text)."""
    layout = (Path(__file__).parent / "layout.html").read_text()
    markdown = MarkdownIt("commonmark").enable("table")
    found = {"/site.css": ("text/css", (Path(__file__).parent / "site.css").read_text())}
    found["/harbour.svg"] = ("image/svg+xml", (Path(__file__).parent / "harbour.svg").read_text())
    for language in LANGUAGES:
        for page in _PAGES[language]:
            body = markdown.render((CONTENT / language / f"{page or 'home'}.md").read_text())
            found[f"/{language}/{page}"] = ("text/html", _page(layout, language, page, body))
    return found


def _page(layout: str, language: str, page: str, body: str) -> str:
    other = next(name for name in LANGUAGES if name != language)
    links = "".join(
        f'<a href="/{language}/{path}"{" aria-current='page'" if path == page else ""}>{html.escape(title)}</a>'
        for path, title in _PAGES[language].items()
    )
    fields = {
        "language": LANGUAGES[language],
        "home": f"/{language}/",
        "name": _NAMES[language],
        "title": f"{_PAGES[language][page]} · {_NAMES[language]}" if page else _NAMES[language],
        "page": page or "home",
        "links": links,
        "other": f"/{other}/{page}",
        "other_language": LANGUAGES[other],
        "other_name": {"en": "English", "zh": "中文"}[other],
        "body": _SECTION.sub(lambda section: f"<section>{section[0]}</section>", body),
        "footer": _FOOTERS[language],
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: fields.get(mark[1], mark[0]), layout)
