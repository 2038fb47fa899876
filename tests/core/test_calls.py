"""Calls that stand in the history, as a model is told of them; the other way is `runs.voice`'s test."""

import json

import pytest
from msgspec import UNSET

from antiphon.core import deltas as d
from antiphon.core.calls import AsFunction, AsOutput, Translator, as_function, own_item
from antiphon.core.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Message,
    Passed,
)
from antiphon.core.offers import offers
from antiphon.core.request import PassedTool

ACTION = {"commands": ["ls"]}


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (FunctionCall(call_id="c", name="f", arguments="{}", namespace="n"), AsFunction("c", "n__f", "{}")),
        (CustomToolCall(call_id="c", name="f", input="a"), AsFunction("c", "f", '{"input":"a"}')),
        (FunctionCallOutput(call_id="c", output="18"), AsOutput("c", "18")),
        (CustomToolCallOutput(call_id="c", output="18"), AsOutput("c", "18")),
        (
            Passed({"type": "shell_call", "call_id": "c", "action": ACTION}),
            AsFunction("c", "shell", json.dumps(ACTION)),
        ),
        (Passed({"type": "local_shell_call_output", "id": "c", "output": "ok"}), AsOutput("c", "ok")),
        (Passed({"type": "web_search_call", "id": "ws_1"}), None),
        (Message(role="user"), None),
    ],
)
def test_what_a_model_is_told(item: Item, told: AsFunction | AsOutput | None) -> None:
    found = as_function(item)
    if isinstance(found, AsFunction) and isinstance(told, AsFunction):
        assert (found.call_id, found.name) == (told.call_id, told.name)
        assert json.loads(found.arguments) == json.loads(told.arguments)
    else:
        assert found == told


@pytest.mark.parametrize("kind", ["shell", "local_shell", "apply_patch", "tool_search"])
def test_a_call_of_its_own_kind_goes_both_ways(kind: str) -> None:
    (offer,) = offers([PassedTool({"type": kind})], [])
    item = own_item(offer, '{"a": 1}', "call_1")
    assert item.type == f"{kind}_call"
    told = as_function(item)
    assert isinstance(told, AsFunction)
    assert (told.call_id, told.name, json.loads(told.arguments)["a"]) == ("call_1", kind, 1)


@pytest.mark.parametrize("arguments", ["", "3", "[]", '{"a": '])
def test_arguments_that_are_no_object_are_none(arguments: str) -> None:
    (offer,) = offers([PassedTool({"type": "apply_patch"})], [])
    assert own_item(offer, arguments, UNSET).value == {
        "type": "apply_patch_call",
        "status": "completed",
        "operation": {},
    }


def test_a_call_of_what_was_not_offered_passes() -> None:
    deltas = [d.CallBegun("invented"), d.CallDelta("{}")]
    assert Translator([]).feed(deltas) == deltas
