"""Chat messages: every form of a message, and the items that it tells."""

from typing import Any

import pytest

from antiphon.contract.chat_messages import Told


def items(*messages: dict[str, Any]) -> list[Any]:
    return Told(messages).items


def text(kind: str, *texts: str) -> list[dict[str, str]]:
    return [{"type": kind, "text": one} for one in texts]


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CUSTOM = {"id": "call_2", "type": "custom", "custom": {"name": "g", "input": "in"}}


@pytest.mark.parametrize("role", ["system", "developer", "user"])
def test_words_for_the_model(role: str) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert items({"role": role, "content": "a"}, {"role": role, "content": parts, "name": "Ada"}) == [
        {"type": "message", "role": role, "content": "a"},
        {"type": "message", "role": role, "content": text("input_text", "a", "b")},
    ]


def test_pictures_and_files() -> None:
    content = [
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,aGk="}},
    ]
    (message,) = items({"role": "user", "content": content})
    picture, file = message["content"]
    assert picture == {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "low"}
    assert file["type"] == "input_file" and file["filename"] == "a.txt"
    assert file["file_data"] == "data:text/plain;base64,aGk="


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"content": "a"}, "a"),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]},
            text("output_text", "a", "b"),
        ),
        ({"content": None, "refusal": "No."}, "No."),
        ({"content": ""}, []),
        ({}, []),
    ],
    ids=["text", "parts", "refusal", "empty", "nothing"],
)
def test_what_an_assistant_said(message: dict[str, Any], said: Any) -> None:
    assert items({"role": "assistant"} | message) == [{"type": "message", "role": "assistant", "content": said}]


def test_what_an_assistant_thought_said_and_called() -> None:
    told = Told(
        [
            {
                "role": "assistant",
                "reasoning_content": "Hm.",
                "content": "I look.",
                "tool_calls": [CALL, CUSTOM, CALL | {"id": "call_3", "type": None}],
            }
        ]
    )
    thought, said, call, custom, other = told.items
    assert thought == {"type": "reasoning", "summary": [], "content": text("reasoning_text", "Hm.")}
    assert said["content"] == "I look."
    assert call == {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
    assert custom == {"type": "custom_tool_call", "call_id": "call_2", "name": "g", "input": "in"}
    assert other["call_id"] == "call_3"
    assert [spot.name("") for spot in told.spots] == [
        "messages[0].reasoning_content",
        "messages[0]",
        "messages[0].tool_calls[0]",
        "messages[0].tool_calls[1]",
        "messages[0].tool_calls[2]",
    ]
    assert told.spots[3].name(".input") == "messages[0].tool_calls[1].custom.input"


@pytest.mark.parametrize("content", [None, ""])
def test_a_message_of_calls_only_says_nothing(content: str | None) -> None:
    assert [item["type"] for item in items({"role": "assistant", "content": content, "tool_calls": [CALL]})] == [
        "function_call"
    ]


def test_outputs_are_of_the_kind_of_their_call() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    picture = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
    _, _, one, two, three = items(
        {"role": "assistant", "tool_calls": [CALL, CUSTOM]},
        {"role": "tool", "tool_call_id": "call_1", "content": "fair"},
        {"role": "tool", "tool_call_id": "call_2", "content": parts},
        {"role": "tool", "tool_call_id": "call_1", "content": [picture]},
    )
    assert one == {"type": "function_call_output", "call_id": "call_1", "output": "fair"}
    assert two == {"type": "custom_tool_call_output", "call_id": "call_2", "output": "a\nb"}
    assert [part["type"] for part in three["output"]] == ["input_image"]


def test_calls_as_they_were_before_there_were_tools() -> None:
    told = Told(
        [
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "fair"},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": None},
        ]
    )
    first, fair, second, nothing = told.items
    assert first["call_id"] == fair["call_id"] != second["call_id"] == nothing["call_id"]
    assert (fair["output"], nothing["output"]) == ("fair", "")
    assert told.spots[0].name(".arguments") == "messages[0].function_call.arguments"
