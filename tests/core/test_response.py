"""The response object: its keys, its echo, its sums (protocol §3)."""

import json

from hypothesis import given
from hypothesis import strategies as st

from antiphon.core.request import FunctionTool, NamedChoice, ReasoningOptions, Request
from antiphon.core.response import (
    InputTokensDetails,
    OutputTokensDetails,
    Response,
    Usage,
    add_usage,
    respond,
)
from antiphon.core.wire import encode
from tests.grammar import RESPONSE_KEYS, check_response


def test_the_full_set_of_keys_is_always_there() -> None:
    response = json.loads(encode(respond(Request(model="m"), id="resp_1", created_at=1)))
    assert set(response) == RESPONSE_KEYS
    check_response(response)


def test_what_was_not_asked_is_echoed_as_its_default() -> None:
    response = json.loads(encode(respond(Request(model="m"), id="resp_1", created_at=1)))
    defaults = {
        "object": "response",
        "status": "in_progress",
        "background": False,
        "store": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "top_logprobs": 0,
        "tool_choice": "auto",
        "tools": [],
        "parallel_tool_calls": True,
        "truncation": "disabled",
        "service_tier": "default",
        "text": {"format": {"type": "text"}},
        "reasoning": {"effort": None, "summary": None},
        "metadata": {},
        "output": [],
        "usage": None,
        "max_output_tokens": None,
        "instructions": None,
    }
    assert {key: response[key] for key in defaults} == defaults


def test_what_was_asked_is_echoed() -> None:
    request = Request(
        model="m",
        instructions="Be brief.",
        background=True,
        conversation="conv_1",
        temperature=0.0,
        top_p=0.0,
        presence_penalty=-2.0,
        frequency_penalty=2.0,
        top_logprobs=3,
        max_output_tokens=7,
        max_tool_calls=2,
        metadata={"a": "b"},
        user="someone",
        safety_identifier="hash",
        prompt_cache_key="key",
        previous_response_id="resp_0",
        truncation="auto",
        parallel_tool_calls=False,
        store=False,
        reasoning=ReasoningOptions(effort="low"),
        tools=[FunctionTool(name="f", strict=True)],
        tool_choice=NamedChoice(type="function", name="f"),
    )
    response = json.loads(encode(respond(request, id="resp_1", created_at=1)))
    asked = json.loads(encode(request))
    same = set(asked) & set(response) - {"input", "conversation", "service_tier"}
    assert {key: response[key] for key in same} == {key: asked[key] for key in same}
    assert response["status"] == "queued"
    assert response["conversation"] == {"id": "conv_1"}
    assert response["user"] == "someone"


def test_zero_is_not_nothing() -> None:
    response = respond(Request(model="m", temperature=0.0, top_p=0.0), id="resp_1", created_at=1)
    assert (response.temperature, response.top_p) == (0.0, 0.0)


_tokens = st.integers(0, 2**40)
_usages = st.builds(
    lambda i, c, w, o, r: Usage(i, InputTokensDetails(c, w), o, OutputTokensDetails(r), i + o),
    *[_tokens] * 5,
)


@given(st.lists(_usages, min_size=1, max_size=5))
def test_usage_adds_up(turns: list[Usage]) -> None:
    total = None
    for turn in turns:
        total = add_usage(total, turn)
    assert total is not None
    assert total.input_tokens == sum(turn.input_tokens for turn in turns)
    assert total.output_tokens == sum(turn.output_tokens for turn in turns)
    assert total.total_tokens == total.input_tokens + total.output_tokens
    assert total.input_tokens_details.cached_tokens == sum(turn.input_tokens_details.cached_tokens for turn in turns)
    assert total.input_tokens_details.cache_write_tokens == sum(
        turn.input_tokens_details.cache_write_tokens for turn in turns
    )
    assert total.output_tokens_details.reasoning_tokens == sum(
        turn.output_tokens_details.reasoning_tokens for turn in turns
    )


def test_two_responses_share_nothing() -> None:
    one, other = (Response(id="resp_1", created_at=1, model="m") for _ in range(2))
    one.output.append("item")  # type: ignore[arg-type]  # only the list's identity matters here
    one.metadata["a"] = "b"
    assert (other.output, other.metadata) == ([], {})
