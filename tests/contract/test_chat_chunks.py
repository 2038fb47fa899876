"""Chat chunks: joined as clients do they are the completion, and each is one by OpenAI's own document."""

import json
from typing import Any

from hypothesis import given
from msgspec.structs import replace

from antiphon.contract.chat_answer import completion, failure
from antiphon.contract.chat_chunks import Chunks
from antiphon.contract.chat_request import ChatAsk
from antiphon.core import deltas as d
from antiphon.core.emitter import Cancelled, Completed, Failed, Outcome
from antiphon.core.events import Event
from antiphon.core.response import Response
from antiphon.core.wire import encode
from tests.chat import check_chunk, joined
from tests.contract.test_chat_answer import ASK, CALLS, DONE, OLD
from tests.core.strategies import DELTAS, OUTCOMES, RESPONSES, play

COUNTED = replace(ASK, counted=True)


def told(log: list[Event], ask: ChatAsk = ASK) -> list[Any]:
    chunks = Chunks(ask)
    return [json.loads(data) for event in log for data in chunks.tell(event)]


def spoken(*deltas: d.Delta, outcome: Outcome = DONE, ask: ChatAsk = ASK) -> list[Any]:
    response = Response(id="resp_0a1b", created_at=1_800_000_000, model="m")
    return told(play(response, list(deltas), outcome), ask)


def deltas_of(chunks: list[Any]) -> list[Any]:
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


@given(RESPONSES, DELTAS, OUTCOMES)
def test_joined_they_are_the_completion(response: Response, deltas: list[d.Delta], outcome: Outcome) -> None:
    log = play(response, deltas, outcome)
    chunks = told(log, COUNTED)
    end = log[-1].response  # type: ignore[attr-defined]  # the last event is a terminal one
    if failure(end) is not None:
        assert chunks.pop()["error"]["message"]
        assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks)
    else:
        whole = json.loads(encode(completion(end, COUNTED)))
        whole.pop("metadata", None)
        found = joined(chunks)
        for one in (whole, found):
            one["choices"][0]["message"]["content"] = one["choices"][0]["message"]["content"] or None
        assert found == whole
    for chunk in chunks:
        calls = [call for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", ())]
        if not any("custom" in call for call in calls):  # which its document does not know in a stream
            check_chunk(chunk)


def test_a_text() -> None:
    chunks = spoken(d.TextDelta("a"), d.TextDelta("b"))
    assert deltas_of(chunks) == [{"role": "assistant", "content": ""}, {"content": "a"}, {"content": "b"}, {}]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    for chunk in chunks:
        assert chunk.keys() == {"id", "object", "created", "model", "service_tier", "choices"}
        assert (chunk["id"], chunk["object"]) == ("chatcmpl-0a1b", "chat.completion.chunk")


def test_usage_comes_last_where_it_was_asked_for() -> None:
    chunks = spoken(d.TextDelta("a"), d.UsageDelta(1, 2), ask=COUNTED)
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None, None, None]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 3


def test_calls() -> None:
    assert deltas_of(spoken(d.ReasoningDelta("Hm."), *CALLS)) == [
        {"role": "assistant", "content": None},
        {"reasoning_content": "Hm."},
        {"tool_calls": [{"index": 0, "id": "call_a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
        {"tool_calls": [{"index": 1, "id": "call_b", "type": "custom", "custom": {"name": "g", "input": ""}}]},
        {"tool_calls": [{"index": 1, "custom": {"input": "in"}}]},
        {},
    ]


def test_calls_as_they_were_before_there_were_tools() -> None:
    chunks = spoken(*CALLS[:3], *CALLS[:3], ask=OLD)
    assert joined(chunks)["choices"][0]["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"


def test_a_free_form_call_has_no_older_form() -> None:
    found = joined(spoken(*CALLS[3:], *CALLS[:3], ask=OLD))["choices"][0]["message"]
    assert [call["custom"]["name"] for call in found["tool_calls"]] == ["g"]
    assert "function_call" not in found


def test_a_refusal() -> None:
    assert deltas_of(spoken(d.RefusalDelta("No.")))[1] == {"refusal": "No."}


def test_a_citation() -> None:
    cited = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 1}
    found = deltas_of(spoken(d.TextDelta("a"), d.AnnotationDelta(cited), d.AnnotationDelta({"type": "other"})))
    assert [one for one in found if "annotations" in one] == [
        {
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {"start_index": 0, "end_index": 1, "url": "https://a.example", "title": "A"},
                }
            ]
        }
    ]


def test_what_breaks_off_ends_in_an_error() -> None:
    for outcome, code in ((Failed("model_error", "It broke."), "model_error"), (Cancelled(), "interrupted")):
        chunks = spoken(d.TextDelta("a"), outcome=outcome, ask=COUNTED)
        error = chunks[-1]["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert error["code"] == code
        assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks[:-1])


def test_lines_that_would_break_readers_are_escaped() -> None:
    chunks = Chunks(ASK)
    log = play(Response(id="resp_1", created_at=1, model="m"), [d.TextDelta("a\u2028b")], Completed())
    assert not any("\u2028".encode() in data for event in log for data in chunks.tell(event))
