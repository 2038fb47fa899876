"""Items as clients really send them (clients §3, §5, §8)."""

import json
from typing import Any

import msgspec
import pytest

from antiphon.core.items import (
    ID_PREFIX,
    KNOWN_TYPES,
    PASSED_TYPES,
    CustomToolCallOutput,
    FunctionCall,
    InputImage,
    InputText,
    ItemReference,
    Message,
    OutputText,
    Passed,
    Reasoning,
    ReasoningText,
    Refusal,
    identified,
    item_from_json,
    item_type,
)
from antiphon.core.wire import encode


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", InputText("a")),
        ("system", InputText("a")),
        ("assistant", OutputText("a")),
    ],
)
def test_a_message_without_type_and_with_text_for_content(role: str, part: InputText | OutputText) -> None:
    item = item_from_json({"role": role, "content": "a"})
    assert isinstance(item, Message)
    assert (item.role, item.content, item.status) == (role, [part], "completed")


def test_a_message_with_parts_of_every_kind() -> None:
    parts = [
        {"type": "input_text", "text": "a"},
        {
            "type": "input_image",
            "image_url": "data:image/png;base64,AA==",
            "detail": None,
        },
    ]
    assert item_from_json({"role": "user", "content": parts}) == Message(
        role="user",
        content=[InputText("a"), InputImage(image_url="data:image/png;base64,AA==")],
    )
    bare = [{"type": "output_text", "text": "b"}, {"type": "refusal", "refusal": "no"}]
    item = item_from_json({"role": "assistant", "phase": "final_answer", "content": bare})
    assert item == Message(role="assistant", phase="final_answer", content=[OutputText("b"), Refusal("no")])


def test_a_call_as_the_python_sdk_dumps_it() -> None:
    value = {
        "type": "function_call",
        "arguments": "{}",
        "call_id": "call_1",
        "name": "f",
        "async_": None,
        "caller": None,
        "namespace": None,
        "id": "fc_1",
        "status": None,
    }
    assert item_from_json(value) == FunctionCall(id="fc_1", call_id="call_1", name="f", arguments="{}")


def test_reasoning_as_it_comes_back() -> None:
    value = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
        "encrypted_content": None,
    }
    assert item_from_json(value) == Reasoning(id="rs_1", content=[ReasoningText("hm")])
    assert "encrypted_content" not in json.loads(encode(item_from_json(value)))


def test_an_output_of_parts() -> None:
    value = {
        "type": "custom_tool_call_output",
        "call_id": "c",
        "output": [{"type": "input_text", "text": "a"}],
    }
    assert item_from_json(value) == CustomToolCallOutput(call_id="c", output=[InputText("a")])


def test_what_was_given_is_not_changed() -> None:
    value: dict[str, Any] = {
        "role": "assistant",
        "phase": None,
        "content": [{"type": "output_text", "text": "a", "x": None}],
    }
    before = json.dumps(value)
    item_from_json(value)
    assert json.dumps(value) == before


@pytest.mark.parametrize("kind", [*sorted(PASSED_TYPES), "acme:thing"])
def test_other_kinds_of_the_standard_are_carried(kind: str) -> None:
    value = {"type": kind, "id": "x_1", "status": "odd", "nested": {"a": [None, 1.5]}}
    item = item_from_json(value)
    assert item == Passed(value)
    assert (item_type(item), item.id) == (kind, "x_1")
    assert json.loads(encode(item)) == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        7,
        [],
        {},
        {"type": "unheard_of"},
        {"type": ""},
        {"type": 7},
        {"type": ["message"]},
        {"type": {"a": 1}},
        {"role": "narrator", "content": "a"},
        {"role": "user", "content": 7},
        {"role": "user", "content": [{"type": "unheard_of"}]},
        {"role": "user", "content": [{"text": "no type"}]},
        {"role": "user", "content": ["text"]},
        {"type": "function_call", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": {}},
        {"type": "function_call_output", "call_id": "c"},
        {"type": "item_reference"},
        {"type": "reasoning", "summary": "text"},
        {"type": "message", "role": "user", "content": "a", "status": "odd"},
    ],
)
def test_what_is_no_item_is_refused(value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        item_from_json(value)


def test_the_type_of_every_kind() -> None:
    assert item_type(ItemReference(id="rs_1")) == "item_reference"
    assert set(ID_PREFIX) - PASSED_TYPES == KNOWN_TYPES - {"item_reference"}
    assert not KNOWN_TYPES & PASSED_TYPES


def test_an_item_gets_the_ids_that_it_lacks() -> None:
    made: list[str] = []

    def new_id(prefix: str) -> str:
        made.append(prefix)
        return f"{prefix}_{len(made)}"

    carried = Passed({"type": "program", "id": None})
    assert carried.id is msgspec.UNSET
    assert identified(carried, new_id) == Passed({"type": "program", "id": "item_1"})
    assert carried == Passed({"type": "program", "id": None})
    assert identified(ItemReference(id="a"), new_id) == ItemReference(id="a")
    call = identified(Passed({"type": "shell_call"}), new_id)
    assert isinstance(call, Passed) and call.value.keys() == {"type", "id", "call_id"}
    assert call.value["call_id"] == "call_3" and identified(call, new_id) == call
    elsewhere = Passed({"type": "tool_search_call", "id": "a", "call_id": None})
    assert identified(elsewhere, new_id) == elsewhere
