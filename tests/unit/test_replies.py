"""What is said without a model, and when: in the language of the question."""

from __future__ import annotations

import pytest

from chatserver.providers.replies import is_small_talk, language, nothing_found, nothing_quotable, small_talk


@pytest.mark.parametrize(
    "text",
    ["hi", "Hello!", "Hey there", "good morning, everyone", "thanks a lot!!", "Bye bye", "OK, got it.", "What’s up?",
     "who are you?", "Hello, can you help me?", "你好", "您好！", "谢谢你", "再见~", "你是谁？", "在吗", "好的，谢谢"],
)  # fmt: skip
def test_small_talk_is_told(text: str) -> None:
    assert is_small_talk(text)


@pytest.mark.parametrize(
    "text",
    ["", "?!", "Hello, when do you open?", "history", "Can you help me with my invoice?", "Help for refunds", "hi-fi",
     "thankful", "你好吗在哪里买票", "谢谢，那门票呢？", "帮助中心在哪里", "Great Britain", "hello " * 40],
)  # fmt: skip
def test_a_question_is_not_small_talk(text: str) -> None:
    assert not is_small_talk(text)


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("hello", "Hello!"),
        ("Hello, who are you?", "I am an assistant"),
        ("thanks, bye", "Goodbye!"),
        ("thank you", "You're welcome"),
        ("你好", "你好！"),
        ("你好，你是谁", "我是一个"),
        ("谢谢", "不客气"),
        ("再见", "再见！"),
    ],
)
def test_the_weightiest_part_is_answered(text: str, beginning: str) -> None:
    assert small_talk(text).startswith(beginning)


@pytest.mark.parametrize(
    ("text", "locale", "expected"),
    [
        ("When?", "zh-CN", "en"),
        ("什么时候？", "en", "zh"),
        ("Redis 重启会怎样？", "en", "zh"),
        ("What does 你好 mean in English?", "zh", "en"),
        ("1889?", "zh-CN", "zh"),
        ("1889?", "en", "en"),
        ("これは何ですか", "zh", "en"),
        ("이것은 무엇입니까", "zh", "en"),
    ],
)
def test_the_language_is_that_of_the_text(text: str, locale: str, expected: str) -> None:
    assert language(text, locale) == expected


def test_nothing_is_said_to_be_found_in_both_languages() -> None:
    for reply in (nothing_found, nothing_quotable):
        assert "found" in reply("Where is it?")
        assert "找到" in reply("它在哪里？")
        assert reply("?", "zh-Hans") == reply("它在哪里？")
