"""The JSON of events, responses and items: what goes out comes in again."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from antiphon.core import events as e
from antiphon.core.items import (
    Compaction,
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    OutputText,
    Passed,
    item_from_json,
)
from antiphon.core.request import Request
from antiphon.core.response import Response
from antiphon.core.wire import (
    convert,
    decode_event,
    decode_item,
    decode_response,
    encode,
)
from tests.core.strategies import ITEMS, RESPONSES, logs


@given(logs())
def test_every_event_survives_byte_for_byte(log: list[e.Event]) -> None:
    for event in log:
        data = encode(event)
        assert decode_event(data) == event
        assert encode(decode_event(data)) == data


@given(RESPONSES)
def test_every_response_survives_byte_for_byte(response: Response) -> None:
    data = encode(response)
    assert encode(decode_response(data)) == data


@given(ITEMS)
def test_every_item_survives_byte_for_byte(item: Item) -> None:
    data = encode(item)
    assert decode_item(data) == item
    assert encode(decode_item(data)) == data


@given(logs())
def test_what_is_encoded_is_one_line_for_every_reader(log: list[e.Event]) -> None:
    for event in log:
        assert len(encode(event).decode().splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "\u2028",
        "\u2029",
        "\x85",
        "a\u2028\u2029\x85b\n\r\x0b\x0c\x1c\x1d\x1e",
        "é\u2027\u202a\u0084",
    ],
)
def test_line_breaks_of_unicode_are_escaped(text: str) -> None:
    data = encode(Message(role="assistant", content=[OutputText(text)]))
    assert not {"\u2028", "\u2029", "\x85"} & set(data.decode())
    assert json.loads(data)["content"][0]["text"] == text


@pytest.mark.parametrize("text", ["\x85", "\u2028"])
def test_a_key_is_escaped_too(text: str) -> None:
    data = encode(Passed({"type": "program", text: text}))
    assert text not in data.decode()
    assert json.loads(data) == {"type": "program", text: text}


def test_a_key_that_has_no_value_is_left_out() -> None:
    item = json.loads(encode(Message(id="msg_1", role="assistant", content=[OutputText("a")])))
    assert item == {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}],
    }


def test_a_carried_item_keeps_its_nulls() -> None:
    """`results: null` is how a search says that they were not asked for (protocol §4)."""
    value = {
        "type": "file_search_call",
        "id": "fs_1",
        "queries": ["a"],
        "status": "completed",
        "results": None,
    }
    assert json.loads(encode(decode_item(json.dumps(value).encode()))) == value


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"type":"response.unheard_of","sequence_number":0}'])
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(data)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"model": "m", "input": "text"}, "$.input"),
        ({"model": "m", "input": ["text"]}, "$.input[0]"),
        ({"model": "m", "input": [{"type": ["message"]}]}, "$.input[0]"),
        ({"model": "m", "input": [{"type": "unheard_of"}]}, "$.input[0]"),
        ({"model": "m", "input": [{"role": "narrator", "content": "a"}]}, "$.input[0]"),
        ({"model": "m", "tools": ["text"]}, "$.tools[0]"),
        ({"model": "m", "tools": [{"name": "f"}]}, "$.tools[0]"),
        ({"model": "m", "tools": [{"type": 7}]}, "$.tools[0]"),
        ({"model": "m", "tool_choice": 7}, "$.tool_choice"),
    ],
)
def test_a_fault_has_its_path(value: Any, path: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        convert(value, Request)
    assert path in str(caught.value)


def test_opaque_json_is_not_looked_into() -> None:
    part = {
        "type": "output_text",
        "text": "a",
        "annotations": [{"any": None}, 7],
        "logprobs": [],
    }
    item = item_from_json({"role": "assistant", "content": [part]})
    assert json.loads(encode(item))["content"] == [part]


def test_parts_of_an_output_may_hold_nulls() -> None:
    item = item_from_json(
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_text", "text": "a", "x": None}],
        }
    )
    assert item == FunctionCallOutput(call_id="c", output=[InputText("a")])


def test_only_json_is_encoded() -> None:
    with pytest.raises(TypeError):
        encode(object())
    assert encode(Compaction(encrypted_content="e")) == b'{"type":"compaction","encrypted_content":"e"}'
