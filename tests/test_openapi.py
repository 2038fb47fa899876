"""The validators of the Open Responses document: that they judge, and that text answers pass."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.core import deltas as d
from antiphon.core.emitter import Completed, Outcome
from tests.core.strategies import OUTCOMES
from tests.openapi import check_event, check_request, check_resource, document, events
from tests.test_grammar import read, stream

_words = st.lists(
    st.builds(d.TextDelta, st.text(max_size=8)) | st.builds(d.UsageDelta, st.just(3), st.just(2)), max_size=4
)


def answer() -> dict[str, Any]:
    response: dict[str, Any] = stream(Completed(), [d.TextDelta("a"), d.UsageDelta(1, 1)])[-1]["response"]
    return response


@given(_words, OUTCOMES, st.sampled_from(["in_progress", "queued"]))
def test_every_event_of_a_text_answer_is_the_documents(deltas: list[d.Delta], outcome: Outcome, status: str) -> None:
    for event in stream(outcome, deltas, status):
        check_event(event)
        if "response" in event:
            check_resource(event["response"])


def test_the_document_is_the_one_of_its_name() -> None:
    assert document()["openapi"] == "3.1.0"
    assert len(events()) == 24


@pytest.mark.parametrize("key", ["id", "output", "usage", "temperature", "service_tier", "prompt_cache_key", "store"])
def test_a_response_without_a_key_is_refused(key: str) -> None:
    response = answer()
    check_resource(response)
    del response[key]
    with pytest.raises(AssertionError, match=key):
        check_resource(response)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("created_at", 1.5),
        ("temperature", None),
        ("top_logprobs", None),
        ("service_tier", None),
        ("truncation", None),
        ("error", {"message": "without a code"}),
        ("reasoning", {"effort": None}),
        ("usage", {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}),
        ("output", [{"type": "message", "id": "msg_1", "role": "assistant", "content": []}]),
        ("output", [{"type": "reasoning", "id": "rs_1"}]),
        ("output", [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]),
        ("tools", [{"type": "function", "name": "f"}]),
    ],
)
def test_a_response_with_a_fault_is_refused(key: str, value: Any) -> None:
    with pytest.raises(AssertionError, match="not a ResponseResource"):
        check_resource(answer() | {key: value})


def test_an_event_with_a_fault_is_refused() -> None:
    for event in stream(Completed(), [d.TextDelta("a")]):
        check_event(event)
        for key in event:
            without = {name: value for name, value in event.items() if name not in (key, "logprobs")}
            if key != "logprobs":
                with pytest.raises(AssertionError):
                    check_event(without)


def test_an_event_that_the_document_does_not_know_is_refused() -> None:
    raw = read([])
    raw += [event for event in stream(Completed(), [d.ReasoningDelta("a")]) if "reasoning_text" in event["type"]]
    assert raw
    for event in raw:
        with pytest.raises(AssertionError, match="not among"):
            check_event(event)


def test_a_request_is_held_against_it_too() -> None:
    check_request({"model": "m", "input": [{"type": "message", "role": "user", "content": "a"}]})
    with pytest.raises(AssertionError, match="not a CreateResponseBody"):
        check_request({"model": "m", "max_output_tokens": 1})
