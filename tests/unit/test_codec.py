"""Frames in, commands out: every way a frame can be wrong has its one error, and nothing else ever escapes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.errors import BadFrame, ChatError, Invalid, RateLimited, TooLarge, UnknownType
from chatserver.protocol import codec
from chatserver.protocol.frames import (
    COMMANDS,
    FRAME_BYTES,
    TEXT_CHARS,
    AnswerDelta,
    Hello,
    MessageSend,
    Ok,
    Ping,
    Resume,
    RoomSync,
)

ROOM = "018f0000-0000-7000-8000-000000000001"
SEND = {"type": "message.send", "id": "1", "room": ROOM, "cid": "c", "text": "hello"}


def frame(**fields: Any) -> str:
    return json.dumps({"type": "ping", "id": "1", **fields})


def test_a_command_has_its_type_and_fields() -> None:
    assert codec.decode(json.dumps(SEND)) == MessageSend(id="1", room=ROOM, cid="c", text="hello")


def test_the_type_may_stand_anywhere_and_unknown_fields_are_ignored() -> None:
    assert codec.decode('{"later": [1, {"x": null}], "id": "7", "type": "ping"}') == Ping(id="7")


def test_hello_lists_rooms_with_and_without_position() -> None:
    command = codec.decode(
        json.dumps({"type": "hello", "id": "1", "rooms": [{"room": ROOM, "rev": 3}, {"room": ROOM}]})
    )
    assert isinstance(command, Hello)
    assert command.rooms == [Resume(ROOM, 3), Resume(ROOM)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null",
        "1",
        '"ping"',
        "[]",
        "{}",
        '{"id":"1"}',
        '{"type":1,"id":"1"}',
        '{"type":null,"id":"1"}',
        '{"type":"ping","id":"1"',
        '{"type":"ping","id":"1"} {}',
        '{"type":"ping","id":"1"}\n{"type":"ping","id":"2"}',
        '\ufeff{"type":"ping","id":"1"}',
        "{'type':'ping','id':'1'}",
        '{"type":"ping","id":"1","x":NaN}',
        '{"type":"ping","id":"1","x":"\\ud800","y":NaN}',
        '{"type":"ping","id":"1","x":"raw\nnewline"}',
        '{"type":"ping","id":"1","x":"\x00"}',
        '{"type":"ping","id":"\ud800"}',
        '{"type":"ping","id":"1","x":' + "[" * 16_000 + "]" * 16_000 + "}",
        '{"type":"ping","id":"1","x":' + '{"x":' * 5_000,
        '{"type":"ping","id":"1","y":"\\ud800","x":' + "[" * 10_000 + "]" * 10_000 + "}",
    ],
)
def test_what_is_no_object_of_the_protocol_is_a_bad_frame(text: str) -> None:
    with pytest.raises(BadFrame):
        codec.decode(text)


@pytest.mark.parametrize("type_", ["", "pong", "message", "PING", "room.join ", "ok", "answer.delta"])
def test_a_type_that_is_no_command_is_unknown(type_: str) -> None:
    with pytest.raises(UnknownType):
        codec.decode(frame(type=type_))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 65}, "id"),
        ({"id": 1}, "id"),
        ({**SEND, "room": "nowhere"}, "room"),
        ({**SEND, "room": ROOM.upper().replace("0", "G")}, "room"),
        ({**SEND, "cid": ""}, "cid"),
        ({**SEND, "text": ""}, "text"),
        ({**SEND, "text": "x" * (TEXT_CHARS + 1)}, "text"),
        ({**SEND, "text": None}, "text"),
        ({**SEND, "ask": "yes"}, "ask"),
        ({**SEND, "reply_to": "x"}, "reply_to"),
        ({"type": "room.sync", "room": ROOM, "rev": -1}, "rev"),
        ({"type": "room.sync", "room": ROOM, "rev": 2**53}, "rev"),
        ({"type": "room.sync", "room": ROOM, "rev": 1.5}, "rev"),
        ({"type": "room.history", "room": ROOM, "before": 1, "limit": 101}, "limit"),
        ({"type": "answer.rate", "message": ROOM, "score": 2}, "score"),
        ({"type": "answer.retry", "message": ROOM, "attempt": 0}, "attempt"),
        ({"type": "hello", "rooms": [{"rev": 1}]}, "rooms[0].room"),
        ({"type": "hello", "rooms": [{"room": ROOM}, {"room": ROOM, "rev": "x"}]}, "rooms[1].rev"),
        ({"type": "hello", "rooms": [{"room": ROOM}] * 201}, "rooms"),
    ],
)
def test_a_wrong_value_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        codec.decode(frame(**fields))
    assert caught.value.field == field
    assert "`$" not in caught.value.message


@pytest.mark.parametrize("name", ["room", "cid", "text", "id"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        codec.decode(json.dumps({key: value for key, value in SEND.items() if key != name}))
    assert caught.value.field == name


@pytest.mark.parametrize("bad", ["\\u0000", "a\\u0000", "\\ud800", "\\udc00", "\\ud800x", "x\\uD83D", "\\ud83d\\u0041"])
@pytest.mark.parametrize("name", ["text", "cid", "id"])
def test_text_that_no_database_holds_is_invalid_and_named(name: str, bad: str) -> None:
    text = json.dumps({**SEND, name: "BAD"}).replace("BAD", bad)
    with pytest.raises(Invalid) as caught:
        codec.decode(text)
    assert caught.value.field == name
    assert codec.id_of(text) == (None if name == "id" else "1")


@pytest.mark.parametrize("good", ["\\ud83d\\ude00", "\\\\u0000", "\\\\ud800", "\\n", "\\u2028", "汉字", "a\\u0001"])
def test_what_only_looks_like_it_is_kept(good: str) -> None:
    text = json.dumps(SEND).replace("hello", good)
    command = codec.decode(text)
    assert isinstance(command, MessageSend)
    assert command.text == json.loads(text)["text"]


def test_half_a_pair_in_an_unknown_field_is_ignored_with_it() -> None:
    assert codec.decode('{"type":"ping","id":"1","x":"\\ud800"}') == Ping(id="1")


def test_size_counts_bytes_not_characters() -> None:
    padding = FRAME_BYTES - len(frame(x="").encode())
    assert codec.decode(frame(x="a" * padding)) == Ping(id="1")
    for text in (frame(x="a" * (padding + 1)), '{"type":"ping","id":"1","x":"' + "汉" * (padding // 2) + '"}'):
        with pytest.raises(TooLarge):
            codec.decode(text)


def test_a_good_text_of_the_largest_size_fits_a_frame_when_it_is_ascii() -> None:
    command = codec.decode(json.dumps({**SEND, "text": "x" * TEXT_CHARS}))
    assert isinstance(command, MessageSend)


@given(st.text(max_size=200))
def test_any_text_decodes_or_is_refused(text: str) -> None:
    try:
        command = codec.decode(text)
    except ChatError:
        codec.id_of(text)
    else:
        assert isinstance(command, tuple(COMMANDS))


@given(st.data())
def test_any_damage_to_a_good_frame_decodes_or_is_refused(data: st.DataObject) -> None:
    text = json.dumps(
        data.draw(st.sampled_from([SEND, {"type": "hello", "id": "1", "rooms": [{"room": ROOM, "rev": 1}]}]))
    )
    at = data.draw(st.integers(0, len(text)))
    piece = data.draw(
        st.sampled_from(["", "\\ud800", "\\u0000", "\ud800", "{", "]", '"', "\0", "9" * 5000, "[" * 3000])
    )
    broken = text[:at] + piece + text[data.draw(st.integers(at, len(text))) :]
    try:
        codec.decode(broken)
    except ChatError as error:
        codec.encode(codec.error_frame(error, re=codec.id_of(broken)))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(COMMANDS), st.data())
def test_any_values_of_any_command_decode_or_are_refused(command: type[msgspec.Struct], data: st.DataObject) -> None:
    names = st.sampled_from(command.__struct_fields__)
    fields = data.draw(st.dictionaries(names, _json, max_size=4))
    try:
        decoded = codec.decode(json.dumps({"id": "1", **fields, "type": command.__struct_config__.tag}))
    except (Invalid, BadFrame) as error:
        codec.encode(codec.error_frame(error))
    else:
        assert type(decoded) is command


def test_the_id_of_a_refused_frame_is_found_when_it_has_one() -> None:
    assert codec.id_of('{"type":"nonsense","id":"a"}') == "a"
    assert codec.id_of(json.dumps({**SEND, "room": 1})) == "1"
    for text in (
        "",
        "[]",
        "{",
        '{"id":1}',
        '{"id":""}',
        '{"id":"' + "x" * 65 + '"}',
        "[" * 20_000,
        "x" * (FRAME_BYTES + 1),
    ):
        assert codec.id_of(text) is None


def test_an_encoded_object_is_one_line_with_its_type() -> None:
    data = codec.encode(AnswerDelta(room=ROOM, message=ROOM, attempt=1, n=2, text="a\nb\u2028"))
    assert b"\n" not in data
    assert json.loads(data) == {
        "type": "answer.delta", "room": ROOM, "message": ROOM, "attempt": 1, "n": 2, "text": "a\nb\u2028", "merged": 1,
    }  # fmt: skip


def test_what_is_unset_is_left_out() -> None:
    assert json.loads(codec.encode(Ok(re="1"))) == {"type": "ok", "re": "1"}


def test_an_error_carries_its_data() -> None:
    error = codec.error_frame(RateLimited("Slowly.", retry_after=1.5), re="4", room=ROOM)
    assert json.loads(codec.encode(error)) == {
        "type": "error", "code": "rate_limited", "message": "Slowly.", "re": "4", "room": ROOM, "retry_after": 1.5,
    }  # fmt: skip


def test_positions_may_be_left_out() -> None:
    command = codec.decode(frame(type="room.sync", room=ROOM))
    assert isinstance(command, RoomSync)
    assert command.rev is msgspec.UNSET
