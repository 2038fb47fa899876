"""A Chat Completions stream, read: every habit (`chat_habits`), every fault (`chat_faults`), what is told of them."""

import json
from collections.abc import Iterable, Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.core import deltas as d
from antiphon.core.emitter import Completed, Emitter, Failed, Incomplete
from antiphon.core.offers import Offer
from antiphon.core.problems import Problem
from antiphon.core.response import Response
from antiphon.core.wire import encode
from antiphon.models.chat_stream import ChatReader
from antiphon.models.event_stream import EventStream
from antiphon.models.upstream import Upstream, UpstreamFault
from tests.grammar import check_stream
from tests.models.chat_faults import FAULTS, Fault
from tests.models.chat_habits import HABITS, HI, LAST, TEXT, Habit, chunk, piece, token

KEYS = [
    "choices",
    "delta",
    "message",
    "content",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "index",
    "id",
    "usage",
    "finish_reason",
    "reasoning",
    "error",
    "logprobs",
    "prompt_tokens",
    "text",
    "custom",
    "input",
]

UPSTREAM = Upstream(name="far", url="http://127.0.0.1:1/v1")
SQL = Offer(name="crm__sql", tool_name="sql", namespace="crm", kind="custom")


def reader(**options: object) -> ChatReader:
    return ChatReader(
        UPSTREAM,
        offered={SQL.name: SQL},
        taken=["old"],
        prompt_tokens=lambda: 7,
        **options,  # type: ignore[arg-type]  # by name, as the reader takes them
    )


def read(data: Iterable[str], **options: object) -> list[d.Delta]:
    one = reader(**options)
    return [*(delta for line in data for delta in one.feed([line.encode()])), *one.finish()]


def wire(data: Iterable[str]) -> bytes:
    return b"".join(b"data: " + line.encode() + b"\n\n" for line in data)


def told(deltas: Sequence[d.Delta]) -> list[tuple[str, ...]]:
    """What was told, one entry an item."""
    found: list[list[str]] = []
    for delta in deltas:
        match delta:
            case d.CallBegun(name=name, call_id=call_id):
                found.append(["call", name, "", call_id if isinstance(call_id, str) else ""])
            case d.CustomBegun(name=name, call_id=call_id):
                found.append(["custom", name, "", call_id if isinstance(call_id, str) else ""])
            case d.CallDelta(text=text) | d.CustomDelta(text=text):
                found[-1][2] += text
            case d.TextDelta(text=text) | d.ReasoningDelta(text=text) | d.RefusalDelta(text=text):
                kind = {d.TextDelta: "text", d.ReasoningDelta: "thought", d.RefusalDelta: "refusal"}[type(delta)]
                if not found or found[-1][0] != kind:
                    found.append([kind, ""])
                found[-1][1] += text
    return [tuple(one) for one in found]


def usage_of(deltas: Sequence[d.Delta]) -> tuple[int, int, int, int, bool]:
    [usage] = [delta for delta in deltas if isinstance(delta, d.UsageDelta)]
    return usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens, usage.estimated


def emitted(deltas: Iterable[d.Delta], *, fails: bool = False) -> dict[str, object]:
    """The response that the deltas come to, its stream checked."""
    numbers = count()
    response = Response(id="resp_1", created_at=1_800_000_000, model="m")
    emitter = Emitter(response, new_id=lambda prefix: f"{prefix}_{next(numbers)}", now=lambda: 1_800_000_000)
    events = [*emitter.start(), *emitter.feed(deltas)]
    cut = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(emitter.stopped or "")
    end = Failed("server_error", "broken") if fails else Incomplete(cut) if cut else Completed()
    events += emitter.finish(end)
    return check_stream([json.loads(encode(event)) for event in events])


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
def test_every_habit_is_told_alike(habit: Habit) -> None:
    deltas = read(habit.data)
    assert told(deltas) == habit.told
    assert deltas[-1] == d.Stop(habit.stop)
    assert usage_of(deltas) == habit.usage


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
def test_every_habit_comes_to_a_legal_stream(habit: Habit) -> None:
    response = emitted(read(habit.data))
    assert response["status"] == ("completed" if habit.stop == "stop" else "incomplete")
    output = response["output"]
    assert isinstance(output, list)
    ids = [item["call_id"] for item in output if "call_id" in item]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_fault_is_a_problem_and_what_was_said_stays_legal(fault: Fault) -> None:
    one = reader()
    deltas: list[d.Delta] = []

    def hear() -> None:
        for line in fault.data:
            deltas.extend(one.feed([line.encode()]))
        deltas.extend(one.finish())

    with pytest.raises(UpstreamFault) as caught:
        hear()
    assert (caught.value.status, caught.value.code) == (fault.status, fault.code)
    assert told(deltas) == ([("text", "Hello")] if HI[1] in fault.data else [])
    assert emitted(deltas, fails=True)["status"] == "failed"


@given(st.sampled_from(sorted(HABITS)), st.lists(st.integers(min_value=1, max_value=60), min_size=1, max_size=40))
def test_however_the_stream_is_cut_the_same_is_told(name: str, lengths: list[int]) -> None:
    data = wire(HABITS[name].data)
    events, one = EventStream(), reader()
    deltas: list[d.Delta] = []
    while data:
        for length in lengths:
            deltas += one.feed(events.feed(data[:length]))
            data = data[length:]
    deltas += one.feed(events.finish())
    deltas += one.finish()
    assert deltas == read(HABITS[name].data)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JUNK, max_size=6))
def test_whatever_comes_it_is_told_in_the_grammar_or_refused(junk: list[object]) -> None:
    one = reader()
    deltas: list[d.Delta] = []
    try:
        for value in junk:
            deltas += one.feed([json.dumps(value).encode()])
        deltas += one.feed([b"[DONE]"])
        assert emitted(deltas)["status"] in ("completed", "incomplete")
    except UpstreamFault:
        emitted(deltas, fails=True)


def test_what_was_said_before_a_fault_in_the_same_read_is_told_first() -> None:
    one = reader()
    assert one.feed([chunk({"content": "Hel"}).encode(), b'{"error": "out of memory"}']) == [d.TextDelta("Hel")]
    assert one.fault is not None and one.fault.message == "out of memory"
    with pytest.raises(UpstreamFault):
        one.finish()


def test_a_blank_text_beside_calls_is_no_message() -> None:
    call = {"id": "a1", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    message = {"content": "\n\n", "tool_calls": [call]}
    deltas = reader().whole(json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode())
    assert told(deltas) == [("call", "time", "{}", "a1")]


def test_pieces_are_told_as_they_come() -> None:
    one = reader()
    assert one.feed([chunk({"content": "Hel"}).encode()]) == [d.TextDelta("Hel")]
    assert one.feed([chunk({"content": "lo"}).encode()]) == [d.TextDelta("lo")]
    call = {"index": 0, "id": "a1", "function": {"name": "weather", "arguments": '{"ci'}}
    assert one.feed([piece(**call).encode()]) == [d.CallBegun("weather", "a1"), d.CallDelta('{"ci')]
    assert one.feed([piece(index=0, function={"arguments": 'ty":1}'}).encode()]) == [d.CallDelta('ty":1}')]
    second = piece(index=1, id="a2", function={"name": "time", "arguments": "{"})
    assert one.feed([second.encode()]) == [d.CallBegun("time", "a2"), d.CallDelta("{")]


def test_a_whole_answer_tells_the_same_as_a_stream() -> None:
    message = {"role": "assistant", "content": "Hello", "reasoning_content": "Hm", "refusal": None}
    body = {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    deltas = reader().whole(json.dumps(body).encode())
    assert told(deltas) == [("thought", "Hm"), ("text", "Hello")]
    assert deltas[-1] == d.Stop()


def test_logprobs_stand_beside_their_text() -> None:
    data = [chunk({"content": "Hi"}, logprobs={"content": [token("Hi")]}), chunk(finish="stop"), LAST, "[DONE]"]
    [text, *_] = read(data, top_logprobs=1)
    assert isinstance(text, d.TextDelta)
    assert text.logprobs is not None
    assert (text.logprobs[0].token, text.logprobs[0].bytes) == ("Hi", [72, 105])
    assert text.logprobs[0].top_logprobs[0].logprob == -0.5
    [plain, *_] = read(data)
    assert plain == d.TextDelta("Hi")


def test_logprobs_that_are_wanted_and_not_given_are_refused() -> None:
    with pytest.raises(Problem) as caught:
        read(TEXT["plain"].data, top_logprobs=2)
    assert (caught.value.status, caught.value.code, caught.value.param) == (
        400,
        "unsupported_parameter",
        "top_logprobs",
    )
