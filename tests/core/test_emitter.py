"""The emitter and its properties (DESIGN §3), against the grammar's own checker."""

import json
from itertools import count

import pytest
from hypothesis import given, settings

from antiphon.core import deltas as d
from antiphon.core import events as e
from antiphon.core.emitter import Cancelled, Completed, Emitter, Failed, Incomplete, Outcome, Read
from antiphon.core.items import (
    Compaction,
    FunctionCall,
    Logprob,
    Message,
    OutputText,
    Passed,
    Reasoning,
)
from antiphon.core.response import Response
from antiphon.core.wire import decode_event, encode
from tests.core.strategies import DELTAS, OUTCOMES, RESPONSES, emitter_of, logs, play
from tests.grammar import check_stream

RESPONSE = Response(id="resp_1", created_at=1_800_000_000, model="scripted")


def told(events: list[e.Event]) -> list[dict[str, object]]:
    return [json.loads(encode(event)) for event in events]


def kinds(events: list[e.Event]) -> list[str]:
    return [e.event_type(event).removeprefix("response.") for event in events]


@given(logs())
def test_any_run_is_in_the_grammar(log: list[e.Event]) -> None:
    check_stream(told(log))


@given(logs())
def test_numbers_have_no_gap(log: list[e.Event]) -> None:
    assert [event.sequence_number for event in log] == list(range(len(log)))


@given(logs())
def test_every_item_is_done_once_and_in_order(log: list[e.Event]) -> None:
    places = [(kind, event.output_index) for kind, event in zip(kinds(log), log, strict=True) if "output_item" in kind]
    items = len(places) // 2
    assert places == [(f"output_item.{end}", n) for n in range(items) for end in ("added", "done")]


@given(RESPONSES, DELTAS, OUTCOMES)
def test_an_event_owns_what_it_tells(response: Response, deltas: list[d.Delta], outcome: Outcome) -> None:
    """What was encoded at once and what is encoded after everything else are the same bytes."""
    emitter = emitter_of(response)
    events = [*emitter.start(), *emitter.proceed()]
    at_once = [encode(event) for event in events]
    for delta in deltas:
        fed = emitter.feed([delta])
        at_once += map(encode, fed)
        events += fed
    last = emitter.finish(outcome)
    assert [encode(event) for event in events + last] == at_once + [encode(event) for event in last]


@given(RESPONSES, DELTAS, OUTCOMES)
def test_batches_make_no_difference(response: Response, deltas: list[d.Delta], outcome: Outcome) -> None:
    emitter = emitter_of(response)
    events = [*emitter.start(), *emitter.proceed()]
    for delta in deltas:
        events += emitter.feed([delta])
    assert events + emitter.finish(outcome) == play(response, deltas, outcome)


@given(logs())
@settings(max_examples=50)
def test_no_optional_key_is_null(log: list[e.Event]) -> None:
    """Several clients refuse a null in an item, a part or a word of `text` (compliance notes)."""
    for event in told(log):
        item = event.get("item") or {}
        if isinstance(item, dict) and item.get("type") in (
            "message",
            "reasoning",
            "function_call",
            "custom_tool_call",
        ):
            assert None not in item.values()
        part = event.get("part") or {}
        assert isinstance(part, dict) and None not in part.values()


def test_text() -> None:
    log = play(
        RESPONSE,
        [d.TextDelta("Hello"), d.TextDelta(" there"), d.UsageDelta(3, 2)],
        Completed(),
    )
    assert kinds(log) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    final = check_stream(told(log))
    assert final["output"][0]["content"][0]["text"] == "Hello there"
    assert final["usage"]["total_tokens"] == 5
    assert final["completed_at"] == 1_800_000_002


def test_an_answer_of_nothing_is_an_empty_message() -> None:
    final = check_stream(told(play(RESPONSE, [], Completed())))
    assert [(item["type"], item["status"], item["content"]) for item in final["output"]] == [
        ("message", "completed", [])
    ]


@given(RESPONSES, DELTAS, DELTAS)
def test_a_log_that_broke_off_goes_on(response: Response, before: list[d.Delta], after: list[d.Delta]) -> None:
    """Taken up from its stored bytes it stands where it stood."""
    emitter = emitter_of(response)
    events = emitter.start() + emitter.proceed() + emitter.feed(before)
    stored = [decode_event(encode(event)) for event in events]
    numbers = count()
    again = Emitter.resume(stored, response, new_id=lambda prefix: f"{prefix}_x{next(numbers)}", now=lambda: 0)
    assert [encode(item) for item in again.said()] == [encode(item) for item in emitter.said()]
    check_stream(told(events + again.feed(after) + again.finish(Failed("interrupted", "It broke."))))


@given(RESPONSES, OUTCOMES)
def test_what_ends_while_it_waits_is_in_the_grammar(response: Response, outcome: Outcome) -> None:
    emitter = emitter_of(response)
    check_stream(told(emitter.start() + emitter.finish(outcome)))


def test_what_was_only_to_be_read_is_answered_with_no_item() -> None:
    log = play(RESPONSE, [d.UsageDelta(5, 0), d.Stop()], Read())
    final = check_stream(told(log))
    assert kinds(log) == ["created", "in_progress", "completed"]
    assert (final["output"], final["usage"]["input_tokens"]) == ([], 5)


def test_a_waiting_response_is_queued_first() -> None:
    log = play(
        Response(id="resp_1", created_at=1, model="m", status="queued"),
        [d.TextDelta("a")],
        Completed(),
    )
    assert kinds(log)[:3] == ["created", "queued", "in_progress"]
    assert [event["response"]["status"] for event in told(log)[:3]] == [
        "queued",
        "queued",
        "in_progress",
    ]


@pytest.mark.parametrize(
    ("outcome", "last", "status", "item_status"),
    [
        (Completed(), "completed", "completed", "completed"),
        (Incomplete("max_output_tokens"), "incomplete", "incomplete", "incomplete"),
        (Failed("server_error", "It broke."), "failed", "failed", "incomplete"),
        (Cancelled(), "incomplete", "cancelled", "incomplete"),
    ],
)
@pytest.mark.parametrize(
    "deltas",
    [
        [d.TextDelta("a")],
        [d.RefusalDelta("no")],
        [d.ReasoningDelta("hm")],
        [d.SummaryDelta("hm", True)],
        [d.CallBegun("f"), d.CallDelta('{"a":')],
        [d.CallBegun("f")],
        [d.CustomBegun("f"), d.CustomDelta("x")],
    ],
)
def test_every_end_closes_what_is_open(
    deltas: list[d.Delta], outcome: Outcome, last: str, status: str, item_status: str
) -> None:
    log = play(RESPONSE, deltas, outcome)
    final = check_stream(told(log))
    assert kinds(log)[-2:] == ["output_item.done", last]
    assert (final["status"], final["output"][-1]["status"]) == (status, item_status)


def test_a_failure_tells_why_and_keeps_what_was_said() -> None:
    final = check_stream(
        told(
            play(
                RESPONSE,
                [d.TextDelta("half")],
                Failed("interrupted", "The model is gone."),
            )
        )
    )
    assert final["error"] == {"code": "interrupted", "message": "The model is gone."}
    assert final["output"][0]["content"][0]["text"] == "half"


def test_a_failure_before_any_word_has_no_output() -> None:
    assert check_stream(told(play(RESPONSE, [], Failed("server_error", "It broke."))))["output"] == []


def test_kinds_of_items_follow_one_another() -> None:
    deltas = [
        d.SummaryDelta("first", True),
        d.SummaryDelta("second", True),
        d.ReasoningDelta("raw"),
        d.ReasoningSealed("sealed"),
        d.TextDelta("text"),
        d.AnnotationDelta({"type": "url_citation", "url": "https://a.example", "title": "A"}),
        d.CallBegun("f", call_id="call_a"),
        d.CallDelta("{}"),
        d.CallBegun("g"),
        d.CustomBegun("h"),
        d.CustomDelta("input"),
        d.ItemDelta(Compaction(encrypted_content="e")),
    ]
    output = check_stream(told(play(RESPONSE, deltas, Completed())))["output"]
    assert [item["type"] for item in output] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
        "custom_tool_call",
        "compaction",
    ]
    assert [part["text"] for part in output[0]["summary"]] == ["first", "second"]
    assert output[0]["content"] == [{"type": "reasoning_text", "text": "raw"}]
    assert output[0]["encrypted_content"] == "sealed"
    assert output[1]["content"][0]["annotations"][0]["title"] == "A"
    assert (output[2]["call_id"], output[2]["arguments"]) == ("call_a", "{}")
    assert output[3]["call_id"] != output[2]["call_id"]
    assert output[4]["input"] == "input"


@pytest.mark.parametrize("between", [[], [d.ReasoningSealed("sealed")]])
def test_a_summary_after_raw_thought_is_a_thought_of_its_own(
    between: list[d.Delta],
) -> None:
    """Summaries stand before raw reasoning in an item (protocol §5.2)."""
    deltas = [d.ReasoningDelta("raw"), *between, d.SummaryDelta("told", True)]
    output = check_stream(told(play(RESPONSE, deltas, Completed())))["output"]
    assert [(len(item["summary"]), "content" in item) for item in output] == [
        (0, True),
        (1, False),
    ]


def test_what_is_sealed_grows_no_more() -> None:
    deltas = [
        d.ReasoningDelta("one"),
        d.ReasoningSealed("of one"),
        d.ReasoningDelta("two"),
    ]
    output = check_stream(told(play(RESPONSE, deltas, Completed())))["output"]
    assert [item.get("encrypted_content") for item in output] == ["of one", None]


def test_two_sealed_thoughts_are_two_items() -> None:
    deltas = [d.ReasoningSealed("one"), d.ReasoningSealed("two")]
    output = check_stream(told(play(RESPONSE, deltas, Cancelled())))["output"]
    assert [(item["encrypted_content"], item["status"]) for item in output] == [
        ("one", "completed"),
        ("two", "completed"),
    ]


def test_a_refusal_after_text_is_a_message_of_its_own() -> None:
    output = check_stream(told(play(RESPONSE, [d.TextDelta("a"), d.RefusalDelta("no")], Completed())))["output"]
    assert [[part["type"] for part in item["content"]] for item in output] == [
        ["output_text"],
        ["refusal"],
    ]


def test_a_carried_item_without_an_id_gets_one() -> None:
    item = Passed({"type": "web_search_call", "status": "completed", "action": None})
    output = check_stream(told(play(RESPONSE, [d.ItemDelta(item)], Completed())))["output"]
    assert output[0] == {
        "type": "web_search_call",
        "status": "completed",
        "action": None,
        "id": output[0]["id"],
    }
    assert output[0]["id"].startswith("ws_")


@pytest.mark.parametrize(
    "item",
    [
        Message(role="assistant", content=[OutputText("whole")]),
        Reasoning(summary=[], encrypted_content="sealed"),
        FunctionCall(call_id="call_1", name="f", arguments="{}"),
    ],
)
def test_a_whole_item_of_a_streamed_kind_is_told_in_its_grammar(
    item: Message | Reasoning | FunctionCall,
) -> None:
    output = check_stream(told(play(RESPONSE, [d.ItemDelta(item)], Completed())))["output"]
    assert len(output) == 1
    assert output[0] == json.loads(encode(item)) | {"id": output[0]["id"]}


def test_usage_is_the_sum_of_the_turns() -> None:
    deltas = [
        d.UsageDelta(10, 5, cached_tokens=4, reasoning_tokens=1),
        d.TextDelta("a"),
        d.UsageDelta(20, 7),
    ]
    usage = check_stream(told(play(RESPONSE, deltas, Completed())))["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (
        30,
        12,
        42,
    )
    assert usage["input_tokens_details"]["cached_tokens"] == 4
    assert usage["output_tokens_details"]["reasoning_tokens"] == 1


def test_a_cancelled_response_has_no_usage() -> None:
    log = play(RESPONSE, [d.UsageDelta(1, 1), d.TextDelta("a")], Cancelled())
    assert check_stream(told(log))["usage"] is None


def test_logprobs_add_up() -> None:
    chosen = [Logprob("a", -0.5, [97]), Logprob("b", -1.5, [98])]
    log = play(
        RESPONSE,
        [d.TextDelta("a", chosen[:1]), d.TextDelta("b", chosen[1:])],
        Completed(),
    )
    part = check_stream(told(log))["output"][0]["content"][0]
    assert [word["token"] for word in part["logprobs"]] == ["a", "b"]


def test_a_further_message_is_an_item_of_its_own_with_its_phase() -> None:
    first, second = d.MessageBegun("commentary"), d.MessageBegun("final_answer")
    log = play(RESPONSE, [first, d.TextDelta("I look."), second, d.TextDelta("42")], Completed())
    check_stream(told(log))
    output = log[-1].response.output  # type: ignore[union-attr]  # the last event is terminal
    assert [(item.phase, item.content[0].text) for item in output] == [
        ("commentary", "I look."),
        ("final_answer", "42"),
    ]
