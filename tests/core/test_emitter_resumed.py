"""The emitter where a log broke off: what was told stays, and the rest is in the grammar (DESIGN §4, "Recovery")."""

import json
from collections.abc import Callable
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.core import deltas as d
from antiphon.core import events as e
from antiphon.core.emitter import Cancelled, Completed, Emitter, Failed, Outcome
from antiphon.core.items import Message
from antiphon.core.response import Response
from antiphon.core.wire import decode_event, encode
from tests.core.strategies import DELTAS, OUTCOMES, RESPONSES, emitter_of, play
from tests.grammar import check_stream

RESPONSE = Response(id="resp_1", created_at=1_800_000_000, model="scripted")


def told(events: list[e.Event]) -> list[dict[str, object]]:
    return [json.loads(encode(event)) for event in events]


def kinds(events: list[e.Event]) -> list[str]:
    return [e.event_type(event).removeprefix("response.") for event in events]


def numbered(start: int) -> Callable[[str], str]:
    numbers = count(start)
    return lambda prefix: f"{prefix}_{next(numbers)}"


@settings(max_examples=60)
@given(RESPONSES, DELTAS, DELTAS, OUTCOMES, st.data())
def test_a_log_that_broke_off_anywhere_goes_on_in_the_grammar(
    response: Response, said: list[d.Delta], then: list[d.Delta], outcome: Outcome, data: st.DataObject
) -> None:
    log = play(response, said, outcome)
    cut = data.draw(st.integers(1, len(log) - 1))
    before = [encode(event) for event in log[:cut]]
    resumed = Emitter.resume(
        [decode_event(line) for line in before], response, new_id=numbered(1000), now=lambda: response.created_at + 5
    )
    if any(getattr(item, "status", "") == "incomplete" for item in resumed.said()):
        then, outcome = [], Cancelled()  # an item was cut already: nothing but the end may follow
    rest = [*resumed.proceed(), *resumed.feed(then), *resumed.finish(outcome)]
    whole = [decode_event(line) for line in before] + rest
    assert [event.sequence_number for event in whole] == list(range(len(whole)))
    check_stream(told(whole))


@settings(max_examples=60)
@given(RESPONSES, DELTAS, DELTAS, OUTCOMES)
def test_resumed_between_two_batches_it_says_what_it_would_have_said(
    response: Response, said: list[d.Delta], then: list[d.Delta], outcome: Outcome
) -> None:
    """A process commits whole batches: there the resumed stream is the one that was not interrupted."""
    numbers = numbered(0)
    emitter = Emitter(response, new_id=numbers, now=lambda: response.created_at + 2)
    before = [*emitter.start(), *emitter.proceed(), *emitter.feed(said)]
    resumed = Emitter.resume(before, response, new_id=numbers, now=lambda: response.created_at + 2)
    assert resumed.open_item == emitter.open_item
    assert resumed.said() == emitter.said()
    resumed.usage, resumed.stopped = emitter.usage, emitter.stopped
    rest = [*resumed.proceed(), *resumed.feed(then), *resumed.finish(outcome)]
    numbers_again = numbered(0)
    once = Emitter(response, new_id=numbers_again, now=lambda: response.created_at + 2)
    assert [*before, *rest] == [
        *once.start(),
        *once.proceed(),
        *once.feed(said),
        *once.feed(then),
        *once.finish(outcome),
    ]


def test_text_that_broke_off_grows_in_the_same_item() -> None:
    emitter = emitter_of(RESPONSE)
    before = [*emitter.start(), *emitter.feed([d.TextDelta("one "), d.TextDelta("two ")])]
    resumed = Emitter.resume(before, RESPONSE, new_id=numbered(50), now=lambda: RESPONSE.created_at + 1)
    assert isinstance(resumed.open_item, Message)
    log = [*before, *resumed.proceed(), *resumed.feed([d.TextDelta("three")]), *resumed.finish(Completed())]
    (item,) = check_stream(told(log))["output"]
    assert item["id"] == "msg_0"
    assert item["content"][0]["text"] == "one two three"


@settings(max_examples=40)
@given(RESPONSES, DELTAS, OUTCOMES)
def test_a_terminal_event_that_nobody_saw_can_become_a_failure(
    response: Response, deltas: list[d.Delta], outcome: Outcome
) -> None:
    emitter = emitter_of(response)
    log = [*emitter.start(), *emitter.proceed(), *emitter.feed(deltas), *emitter.finish(outcome)]
    amended = emitter.amend(Failed("store_unavailable", "The disk is full."))
    assert amended.sequence_number == log[-1].sequence_number
    final = check_stream(told([*log[:-1], amended]))
    assert (final["status"], final["error"]["code"]) == ("failed", "store_unavailable")
    assert emitter.fold.snapshot().status == "failed"


def test_what_waits_proceeds_once() -> None:
    emitter = emitter_of(Response(id="resp_1", created_at=1, model="m", status="queued"))
    assert kinds(emitter.start()) == ["created", "queued"]
    assert kinds(emitter.proceed()) == ["in_progress"]
    assert emitter.proceed() == []
