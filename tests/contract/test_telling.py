"""Telling: what goes out under each contract is legal there, event for event."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from msgspec import UNSET
from msgspec.structs import replace

from antiphon.contract.contract import load, names
from antiphon.core import deltas as d
from antiphon.core.emitter import Completed, Emitter
from antiphon.core.events import Event, ReasoningTextDelta, event_type
from antiphon.core.items import Passed, Reasoning
from antiphon.core.request import CustomTool
from antiphon.core.response import Response
from antiphon.core.wire import encode
from tests.contract.asking import TIMING, asked, event, told

SAID = [
    [d.SummaryDelta("s", begins=True)],
    [d.ReasoningDelta("hm"), d.ReasoningDelta("m")],
    [d.TextDelta("a", None), d.AnnotationDelta({"type": "file_citation"}), d.AnnotationDelta({"type": "url_citation"})],
    [d.RefusalDelta("no")],
    [d.CallBegun("f", call_id="call_1"), d.CallDelta("{}")],
    [d.CustomBegun("g", call_id="call_2"), d.CustomDelta("x")],
    [d.ItemDelta(Passed({"type": "web_search_call", "id": "ws_1", "status": "completed"}))],
    [d.UsageDelta(input_tokens=3, output_tokens=2)],
]


OTHER = Response(id="resp_1", created_at=1, model="m", tools=[CustomTool(name="g")], asked={"extra": [1]})
"""A response that came through no contract in particular."""


def spoken(said: list[Any], response: Response = OTHER) -> list[Event]:
    """The events of a response in which that was said."""
    counter = iter(range(1000))
    emitter = Emitter(response, new_id=lambda prefix: f"{prefix}_{next(counter)}", now=lambda: 2)
    events = emitter.start()
    for deltas in said:
        events += emitter.feed(deltas)
    return [*events, *emitter.finish(Completed())]


def tell(contract: str, events: list[Event]) -> list[dict[str, Any]]:
    """The stream of those events, as a contract tells it."""
    found = load(contract)
    stream = []
    for one in events:
        whole = found.event(one, TIMING) if type(one) in found.touched else (event_type(one), encode(one))
        if whole is not None:
            assert json.loads(whole[1])["type"] == whole[0]
            stream.append(json.loads(whole[1]))
    return stream


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(SAID[:5] + SAID[7:]), max_size=6))
def test_whatever_is_said_is_legal_and_adds_up_in_every_contract(said: list[Any]) -> None:
    for name in names():
        stream = tell(name, spoken(said, OTHER if "state" in load(name).features else asked(name)))
        schema = load(name).answer
        whole = Draft202012Validator(schema)
        item = Draft202012Validator(schema | {"$ref": "#/$defs/Item"})
        for one in stream:
            if "response" in one:
                whole.validate(one["response"])
            if "item" in one:
                item.validate(one["item"])
        done = [one["item"] for one in stream if one["type"] == "response.output_item.done"]
        assert stream[-1]["response"]["output"] == done
        numbers = [one["sequence_number"] for one in stream]
        assert numbers == sorted(set(numbers))
        texts = "".join(one["delta"] for one in stream if one["type"] == "response.output_text.delta")
        assert texts == "".join(one["text"] for one in stream if one["type"] == "response.output_text.done")


def test_open_responses_tells_no_kind_but_its_own() -> None:
    stream = tell("openresponses", spoken(SAID))
    kinds = [one["item"]["type"] for one in stream if one["type"] == "response.output_item.done"]
    assert kinds == [
        "reasoning",
        "message",
        "message",
        "function_call",
        "openai:custom_tool_call",
        "openai:web_search_call",
    ]
    told_names = {one["type"] for one in stream}
    assert {"response.reasoning.delta", "response.reasoning.done"} <= told_names
    assert not [name for name in told_names if name.startswith(("response.reasoning_text", "response.custom"))]
    annotations = [one["annotation"] for one in stream if one["type"] == "response.output_text.annotation.added"]
    assert annotations == [{"type": "url_citation"}]


def test_infercom_tells_a_refusal_as_text() -> None:
    stream = tell("infercom", spoken([[d.RefusalDelta("no")]], asked("infercom")))
    assert "refusal" not in json.dumps(stream)
    assert stream[-1]["response"]["output"][0]["content"][0]["text"] == "no"


def test_items_are_told_as_in_a_response() -> None:
    items = [Passed({"type": "mcp_call", "id": "mcp_1"}), Reasoning(id="rs_1", content=UNSET)]
    assert load("openai").items(items) is items
    assert [item["type"] for item in load("openresponses").items(items)] == ["openai:mcp_call", "reasoning"]
    assert items[0] == Passed({"type": "mcp_call", "id": "mcp_1"}), "what is kept stays as it is"


@pytest.mark.parametrize("name", names())
def test_what_is_kept_is_not_changed_by_being_told(name: str) -> None:
    response = asked(name, tools=[{"type": "function", "name": "f", "parameters": {"a": [1]}}])
    before = encode(response)
    told(name, response)
    assert encode(response) == before


def test_an_event_keeps_its_number_and_its_words() -> None:
    of = ReasoningTextDelta(7, "rs_1", 0, 0, "hm\u2028")
    assert event("openresponses", of) == {
        "type": "response.reasoning.delta",
        "sequence_number": 7,
        "item_id": "rs_1",
        "output_index": 0,
        "content_index": 0,
        "delta": "hm\u2028",
    }


def test_all_but_what_is_kept_aside_goes_out() -> None:
    response = replace(asked("gateway", seed=5), usage=None)
    assert "asked" not in told("gateway", response)
    assert "asked" not in told("openresponses", response)
    assert "asked" not in told("infinityblue", response)
