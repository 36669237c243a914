"""Whatever is sent where JSON is expected, the answer is a refusal with a reason, never a failure of the server."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.api import Api

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = "01a22283-2825-7952-8ccf-dc0f1676bf17"
NAME = "<a name of its own>"
"""Signing in is limited by name too."""
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("widget/session", {"site": "test", "visitor": "v", "identity": "i"}),
    ("auth/token", {"username": NAME, "password": "\0"}),
    ("auth/login", {"username": NAME, "password": "\0"}),
    ("auth/refresh", {"refresh": "r"}),
    ("rooms", {"title": "x", "kind": "group", "policy": "off", "site": ID, "members": [ID]}),
    (f"rooms/{ID}/members", {"user": ID, "role": "member"}),
    ("documents", {"title": "x", "text": "y", "url": "https://a.example", "collection": ID}),
    ("search", {"query": "x", "k": 3, "collection": ID}),
    ("ask", {"question": "x", "collection": "nothing"}),
    ("ask", {"question": "x", "room": ID}),
]
"""Every call with a JSON body, and all fields it takes; even so it is refused, by a name or id that nobody has."""

OPTIONAL = {
    ("widget/session", "visitor"),
    ("widget/session", "identity"),
    ("search", "collection"),
    ("ask", "collection"),
    ("ask", "room"),
}
BODIES = {
    "nothing": b"",
    "blank": b" \n",
    "list": b"[]",
    "null": b"null",
    "number": b"7",
    "text": b'"x"',
    "cut": b'{"a": ',
    "two": b"{}{}",
    "comment": b"{} // x",
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": "x"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "NaN": b'{"a": NaN}',
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "many keys": json.dumps({f"k{n}": n for n in range(10_000)}).encode(),
    "form": b"username=ann&password=x",
}
VALUES = {
    "null": "null",
    "true": "true",
    "float": "1.5e308",
    "infinite": "1e999",
    "huge": "9" * 4000,
    "too huge to read": "9" * 5000,
    "negative": "-1",
    "list": "[[]]",
    "object": '{"$ne": null}',
    "NUL": r'"a\u0000b"',
    "half a pair": r'"\ud800"',
    "pair the wrong way round": r'"\udc00\ud800"',
    "long": json.dumps("x" * 100_000),
    "control": r'"\u001b[2J\u202e\r\n"',
    "list of half pairs": r'["\ud800"]',
    "key of half a pair": r'{"\ud800": 1}',
}


async def refused(api: Api, path: str, body: bytes, type_: str = "application/json") -> None:
    # A superuser's rights, so that nothing is refused before its body is read; the site's origin for the widget.
    root = await api.site.user("Root", superuser=True)
    headers = {"Content-Type": type_, "Origin": "https://shop.example"}
    body = body.replace(NAME.encode(), uuid.uuid4().hex.encode())
    answer = await api.client(root).post(f"/api/v1/{path}", content=body, headers=headers)
    assert 400 <= answer.status_code < 500, f"{answer.status_code} to {body[:200]!r}: {answer.text[:500]}"
    assert answer.status_code != 429, "refused for another reason than the body"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", [*dict(CALLS), "auth/revoke"])
async def test_a_body_that_is_no_object(api: Api, path: str) -> None:
    for body in BODIES.values():
        await refused(api, path, body)


@pytest.mark.parametrize(
    ("path", "good", "field"),
    [pytest.param(path, good, field, id=f"{path}-{field}") for path, good in CALLS for field in good],
)
async def test_a_field_that_is_not_what_it_should_be(api: Api, path: str, good: dict[str, Any], field: str) -> None:
    others = {name: value for name, value in good.items() if name != field}
    for what, value in VALUES.items():
        if what == "null" and (path, field) in OPTIONAL:
            continue  # as good as not given
        await refused(
            api, path, f"{json.dumps(others)[:-1]}, {json.dumps(field)}: {value}}}".replace("{,", "{").encode()
        )


@pytest.mark.parametrize("path", ["rooms", "search", "ask", "auth/token"])
@pytest.mark.parametrize("type_", ["", "text/html", "application/json; charset=utf-16", "x" * 300])
async def test_a_content_type_changes_nothing(api: Api, path: str, type_: str) -> None:
    await refused(api, path, b"[]", type_)


async def test_a_site_that_is_not_there_gets_no_room(api: Api) -> None:
    await refused(api, "rooms", json.dumps({"title": "x", "site": ID}).encode())


async def test_none_of_it_reached_the_log_as_a_failure(api: Api) -> None:
    assert "Traceback" not in api.server.log
