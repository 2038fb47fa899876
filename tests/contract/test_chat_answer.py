"""Chat answer: what a completion tells of a response, by OpenAI's own document."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.contract.chat_answer import annotation_of, completion, failure
from antiphon.contract.chat_places import Places
from antiphon.contract.chat_request import ChatAsk
from antiphon.core import deltas as d
from antiphon.core.emitter import Cancelled, Completed, Failed, Incomplete, Outcome
from antiphon.core.events import ResponseCompleted, ResponseFailed, ResponseIncomplete
from antiphon.core.items import Logprob, Passed, TopLogprob
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.response import Response
from antiphon.core.wire import encode
from tests.chat import check_completion
from tests.core.strategies import play

ASK = ChatAsk(Request(model="m"), Places([], [], {}), counted=False, deprecated=False, ignored=[])
OLD = replace(ASK, deprecated=True)
DONE = Completed()


def said(*deltas: d.Delta, outcome: Outcome = DONE, **fields: Any) -> Response:
    response = Response(id="resp_0a1b", created_at=1_800_000_000, model="m", **fields)
    end = play(response, list(deltas), outcome)[-1]
    assert isinstance(end, ResponseCompleted | ResponseIncomplete | ResponseFailed)
    return end.response


def told(response: Response, ask: ChatAsk = ASK) -> Any:
    whole = json.loads(encode(completion(response, ask)))
    check_completion(whole)
    return whole


def test_a_text() -> None:
    whole = told(said(d.TextDelta("Hel"), d.TextDelta("lo."), d.UsageDelta(10, 6, 4, 2), metadata={"a": "b"}))
    assert whole == {
        "id": "chatcmpl-0a1b",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello.", "refusal": None, "annotations": []},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 6,
            "total_tokens": 16,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 2,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "metadata": {"a": "b"},
    }


def test_an_estimate_is_marked() -> None:
    assert told(said(d.UsageDelta(1, 1, estimated=True)))["usage"]["estimated"] is True


def message(*deltas: d.Delta, ask: ChatAsk = ASK) -> Any:
    return told(said(*deltas), ask)["choices"][0]["message"]


def test_thought_refusal_and_messages() -> None:
    found = message(
        d.ReasoningDelta("One."),
        d.ReasoningSealed("s"),
        d.ReasoningDelta("Two."),
        d.TextDelta("Three."),
        d.MessageBegun(),
        d.TextDelta("Four."),
        d.RefusalDelta("No."),
        d.ItemDelta(Passed({"type": "web_search_call", "status": "completed"})),
    )
    assert found["reasoning_content"] == "One.\n\nTwo."
    assert (found["content"], found["refusal"]) == ("Three.\n\nFour.", "No.")
    assert "tool_calls" not in found
    only = message(d.RefusalDelta("No."))
    assert (only["content"], only["refusal"]) == (None, "No.")
    assert message()["content"] == ""


CALLS = [
    d.CallBegun("f", "call_a"),
    d.CallDelta('{"a":'),
    d.CallDelta("1}"),
    d.CustomBegun("g", "call_b"),
    d.CustomDelta("in"),
]


def test_calls() -> None:
    whole = told(said(*CALLS))
    assert whole["choices"][0]["finish_reason"] == "tool_calls"
    found = whole["choices"][0]["message"]
    assert found["content"] is None
    assert found["tool_calls"] == [
        {"type": "function", "id": "call_a", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"type": "custom", "id": "call_b", "custom": {"name": "g", "input": "in"}},
    ]


def test_a_call_as_it_was_before_there_were_tools() -> None:
    whole = told(said(*CALLS[:3]), OLD)
    assert whole["choices"][0]["finish_reason"] == "function_call"
    found = whole["choices"][0]["message"]
    assert found["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert "tool_calls" not in found
    assert "function_call" not in message(d.TextDelta("a"), ask=OLD)


def test_a_free_form_call_has_no_older_form() -> None:
    found = message(*CALLS[3:], *CALLS[:3], ask=OLD)
    assert found["tool_calls"] == [{"type": "custom", "id": "call_b", "custom": {"name": "g", "input": "in"}}]
    assert "function_call" not in found


def test_log_probabilities() -> None:
    token = Logprob("a", -0.5, [97], [TopLogprob("b", -1.0, [98])])
    assert told(said(d.TextDelta("a", [token])))["choices"][0]["logprobs"] == {
        "content": [
            {
                "token": "a",
                "logprob": -0.5,
                "bytes": [97],
                "top_logprobs": [{"token": "b", "logprob": -1.0, "bytes": [98]}],
            }
        ],
        "refusal": None,
    }


def test_citations_stand_where_their_text_stands() -> None:
    cited = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 3}
    found = message(d.TextDelta("One."), d.MessageBegun(), d.TextDelta("Two."), d.AnnotationDelta(cited))
    (one,) = found["annotations"]
    assert one["type"] == "url_citation"
    place = one["url_citation"]
    assert found["content"][place["start_index"] : place["end_index"]] == "Two"
    assert (place["url"], place["title"]) == ("https://a.example", "A")


@pytest.mark.parametrize("value", [None, "a", {"type": "file_citation", "url": "a"}, {"type": "url_citation"}])
def test_what_is_no_citation_of_a_page(value: Any) -> None:
    assert annotation_of(value, 0) is None


@pytest.mark.parametrize(
    ("outcome", "finish"),
    [
        (Completed(), "stop"),
        (Incomplete("max_output_tokens"), "length"),
        (Incomplete("content_filter"), "content_filter"),
    ],
)
def test_why_it_ended(outcome: Outcome, finish: str) -> None:
    assert told(said(d.TextDelta("a"), outcome=outcome))["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        (Failed("server_error", "It broke."), 503, "server_error"),
        (Failed("model_error", "It broke."), 503, "model_error"),
        (Failed("rate_limit_exceeded", "Too much."), 429, "rate_limit_exceeded"),
        (Failed("context_length_exceeded", "Too long."), 400, "context_length_exceeded"),
        (Failed("unsupported_parameter", "No."), 400, "unsupported_parameter"),
        (Cancelled(), 503, "interrupted"),
    ],
)
def test_what_did_not_come_to_its_end_is_no_answer(outcome: Outcome, status: int, code: str) -> None:
    response = said(d.TextDelta("a"), outcome=outcome)
    with pytest.raises(Problem) as found:
        completion(response, ASK)
    assert (found.value.status, found.value.code) == (status, code)
    assert failure(said(d.TextDelta("a"))) is None
