"""The checker checked: what the emitter makes passes, and whatever is done to it does not."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.core import deltas as d
from antiphon.core import events as e
from antiphon.core.emitter import Cancelled, Completed, Failed, Incomplete, Outcome
from antiphon.core.items import Compaction, Logprob, Passed
from antiphon.core.request import FunctionTool
from antiphon.core.response import Response
from antiphon.core.wire import encode
from tests.core.strategies import logs, play
from tests.grammar import check_stream, parse_sse

Stream = list[dict[str, Any]]

EVERYTHING: list[d.Delta] = [
    d.SummaryDelta("a ", True),
    d.SummaryDelta("summary"),
    d.SummaryDelta("another", True),
    d.ReasoningDelta("raw "),
    d.ReasoningDelta("thought"),
    d.ReasoningSealed("sealed"),
    d.TextDelta("some ", [Logprob("some", -0.5, [115])]),
    d.TextDelta("text"),
    d.AnnotationDelta({"type": "url_citation", "url": "https://a.example", "title": "A"}),
    d.CallBegun("f", call_id="call_a"),
    d.CallDelta('{"a":'),
    d.CallDelta("1}"),
    d.CustomBegun("g", namespace="functions"),
    d.CustomDelta("in"),
    d.CustomDelta("put"),
    d.ItemDelta(Compaction(encrypted_content="e")),
    d.ItemDelta(Passed({"type": "web_search_call", "status": "completed", "action": {"type": "search"}})),
    d.RefusalDelta("I will "),
    d.RefusalDelta("not."),
    d.UsageDelta(10, 6, cached_tokens=4, reasoning_tokens=2),
]
OUTCOMES = {
    "completed": Completed(),
    "incomplete": Incomplete("max_output_tokens"),
    "failed": Failed("server_error", "It broke."),
    "cancelled": Cancelled(),
}


def stream(outcome: Outcome, deltas: list[d.Delta] = EVERYTHING, status: str = "queued") -> Stream:
    """A legal stream with everything in it."""
    response = Response(
        id="resp_1",
        created_at=1_800_000_000,
        model="scripted",
        status=status,  # type: ignore[arg-type]  # one of the two that a response begins with
        tools=[FunctionTool(name="f")],
        metadata={"a": "b"},
    )
    return read(play(response, deltas, outcome))


def read(log: list[e.Event]) -> Stream:
    return [json.loads(encode(event)) for event in log]


def renumbered(events: Stream) -> Stream:
    return [event | {"sequence_number": number} for number, event in enumerate(events)]


def refused(events: Stream) -> bool:
    try:
        check_stream(events)
    except AssertionError as fault:
        return bool(str(fault))
    return False


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_legal_stream_passes(outcome: Outcome, status: str) -> None:
    events = stream(outcome, status=status)
    assert check_stream(events) == events[-1]["response"]


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_no_event_can_be_dropped(outcome: Outcome) -> None:
    events = stream(outcome)
    for place in range(len(events)):
        rest = events[:place] + events[place + 1 :]
        assert refused(rest), f"without event {place}"
        assert refused(renumbered(rest)), f"without event {place}, renumbered: {events[place]}"


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_no_event_can_be_told_twice(outcome: Outcome) -> None:
    events = stream(outcome)
    for place in range(len(events)):
        more = [*events[: place + 1], *events[place:]]
        assert refused(more) and refused(renumbered(more)), events[place]


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_no_two_events_can_change_places(outcome: Outcome) -> None:
    events = stream(outcome)
    for place in range(len(events) - 1):
        swapped = copy.copy(events)
        swapped[place : place + 2] = reversed(swapped[place : place + 2])
        assert refused(swapped), events[place]
        if not free_to_swap(events[place], events[place + 1]):
            assert refused(renumbered(swapped)), (events[place], events[place + 1])


def free_to_swap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """A citation may come before or after the words around it."""
    kinds = {one["type"], other["type"]}
    return kinds == {"response.output_text.delta", "response.output_text.annotation.added"}


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_no_number_can_be_another(outcome: Outcome) -> None:
    events = stream(outcome)
    for place, event in enumerate(events):
        for number in (place - 1, place + 1, str(place), float(place), None, -1):
            assert refused([*events[:place], event | {"sequence_number": number}, *events[place + 1 :]])
    assert refused([event | {"sequence_number": n + 1} for n, event in enumerate(events)])


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_no_stream_can_end_early_or_late(outcome: Outcome) -> None:
    events = stream(outcome)
    for length in range(len(events)):
        assert refused(events[:length])
    for extra in ({"type": "error", "error": {}}, {"type": "response.output_text.delta"}, events[-1]):
        assert refused(renumbered([*events, extra]))
    assert refused(renumbered([*events[:-1], {"type": "error", "error": {"code": "x"}}, events[-1]]))


FREE = {
    ("service_tier",),
    ("usage", "input_tokens_details", "cached_tokens"),
    ("usage", "input_tokens_details", "cache_write_tokens"),
    ("usage", "output_tokens_details", "reasoning_tokens"),
    ("error", "code"),
    ("error", "message"),
    ("completed_at",),
    ("usage",),
    ("usage", "input_tokens_details"),
    ("usage", "output_tokens_details"),
    ("error",),
    ("incomplete_details",),
}
"""What the terminal event may say in other words without breaking the grammar."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything inside a JSON value, the containers too."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in inside:
        yield (*path, key)
        yield from leaves(entry, (*path, key))


def edits(value: Any) -> list[Any]:
    """Other values in place of one."""
    if isinstance(value, str):
        return [value + "x", None, 7]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, None]
    if isinstance(value, list):
        return [[*value, value[-1] if value else "x"], value[:-1] if value else None, None]
    if isinstance(value, dict):
        return [value | {"zzz": 1}, None]
    return ["x"]


def changed(event: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    event = copy.deepcopy(event)
    inside: Any = event
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return event


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_nothing_in_an_event_can_be_edited(outcome: Outcome) -> None:
    """Every value of every event, in turn, is made another."""
    events = stream(outcome)
    passed = [
        (place, event["type"], path, value)
        for place, event in enumerate(events)
        for path in leaves(event)
        if not (path[0] == "response" and path[1:] in FREE)
        for value in edits(at(event, path))
        if not refused([*events[:place], changed(event, path, value), *events[place + 1 :]])
    ]
    assert not passed, passed


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_no_key_can_be_left_out(outcome: Outcome) -> None:
    events = stream(outcome)
    for place, event in enumerate(events):
        for key in event:
            without = {name: entry for name, entry in event.items() if name != key}
            with pytest.raises((AssertionError, KeyError)):
                check_stream([*events[:place], without, *events[place + 1 :]])


@given(logs(), st.data())
@settings(max_examples=60)
def test_no_event_of_a_random_stream_can_be_dropped_or_doubled(log: list[e.Event], data: st.DataObject) -> None:
    events = read(log)
    check_stream(events)
    place = data.draw(st.integers(0, len(events) - 1))
    assert refused(renumbered(events[:place] + events[place + 1 :]))
    if events[place].get("delta") != "":
        assert refused(renumbered(events[: place + 1] + events[place:]))


def test_interleaved_words_are_refused() -> None:
    """Two messages may not be open at once, even with indices of their own."""
    events = stream(Completed(), [d.TextDelta("a"), d.CallBegun("f"), d.TextDelta("b")], "in_progress")
    names = [(event["type"], event.get("output_index")) for event in events]
    done, added = names.index(("response.output_item.done", 0)), names.index(("response.output_item.added", 1))
    assert added == done + 1
    events[done], events[added] = events[added], events[done]
    assert refused(renumbered(events))


def test_a_null_for_a_key_without_a_value_is_refused() -> None:
    events = stream(Completed(), [d.TextDelta("a")])
    for event in events:
        for item in [event.get("item"), *event.get("response", {}).get("output", [])]:
            if item:
                item["phase"] = None
    assert refused(events)


def frame(event: dict[str, Any]) -> bytes:
    return b"event: " + event["type"].encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n"


END = b"data: [DONE]\n\n"
ONE = {"type": "response.output_text.delta", "sequence_number": 0, "delta": "a\u2028"}


def test_sse_as_it_should_be() -> None:
    assert parse_sse(frame(ONE) + b": ping\n\n" + frame(ONE) + END) == [ONE, ONE]
    assert parse_sse(END) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        frame(ONE),
        frame(ONE) + b"data: [DONE]\n",
        frame(ONE) + END + END,
        frame(ONE) + END + frame(ONE),
        (frame(ONE) + END).replace(b"\n", b"\r\n"),
        frame(ONE).replace(b"event: ", b"event:") + END,
        frame(ONE).replace(b"\n\n", b"\n") + END,
        frame(ONE).replace(b"event: response.", b"event: ") + END,
        frame(ONE).split(b"\n", 1)[1] + END,
        b"id: 0\n" + frame(ONE) + END,
        frame(ONE).replace(b"\\u2028", "\u2028".encode()) + END,
        frame(ONE).replace(b"\\u2028", "\u2029".encode()) + END,
        frame(ONE).replace(b"\\u2028", "\x85".encode()) + END,
        frame(ONE).replace(b"0", b"NaN") + END,
        frame(ONE).replace(b'"delta"', b'"type"') + END,
        b"event: None\ndata: []\n\n" + END,
        frame(ONE).replace(b', "delta"', b',\ndata: "delta"') + END,
    ],
)
def test_sse_as_it_should_not_be(raw: bytes) -> None:
    with pytest.raises((AssertionError, json.JSONDecodeError)):
        parse_sse(raw)
