"""Random bodies: whatever comes in, what goes out is a response, a stream, or a refusal with its envelope."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.contract.contract import load
from tests.asking import Answer, ask, check_refusal
from tests.grammar import check_response, check_stream, parse_sse
from tests.openapi import document
from tests.served import Server

SCHEMA = load("openai").schema
FIELDS = sorted(
    SCHEMA["properties"].keys() | document()["components"]["schemas"]["CreateResponseBody"]["properties"].keys()
)
KINDS = [
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "reasoning",
    "item_reference",
    "compaction",
    "web_search_call",
    "configuration_update",
    "mcp_approval_request",
    "mcp_approval_response",
    "acme:thing",
    "openai:configuration_update",
    "openai:mcp_approval_response",
    "unheard_of",
]
PARTS = ["input_text", "output_text", "refusal", "input_image", "input_file", "summary_text", "reasoning_text", "text"]
WORDS = st.sampled_from(
    [
        "scripted",
        "auto",
        "none",
        "required",
        "user",
        "assistant",
        "system",
        "developer",
        "completed",
        "json_object",
        "json_schema",
        "text",
        "function",
        "custom",
        "low",
        "default",
        "disabled",
        "message.output_text.logprobs",
        "resp_1",
        "call_1",
        "",
        "{}",
        "\x00",
        "\u2028",
        "🦆" * 3,
    ]
)
NUMBERS = st.sampled_from([0, 1, -1, 2, 16, 2**31, 2**63, 2**64, -(2**63), 10**40, 0.5, -0.0, 1e300, 1e-300])
LEAVES = st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=6)
KEYS = st.sampled_from(
    [
        "type",
        "id",
        "role",
        "content",
        "status",
        "text",
        "name",
        "arguments",
        "call_id",
        "output",
        "summary",
        "schema",
        "format",
        "strict",
        "parameters",
        "tools",
        "mode",
        "phase",
        "encrypted_content",
        "effort",
        "image_url",
        "detail",
    ]
) | st.text(max_size=4)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)

_part = st.builds(
    lambda kind, more: {"type": kind, "text": "a"} | more,
    st.sampled_from(PARTS),
    st.dictionaries(KEYS, LEAVES, max_size=2),
)
_item = st.builds(
    lambda kind, role, content, more: {"type": kind, "role": role, "content": content} | more,
    st.sampled_from(KINDS),
    st.sampled_from(["user", "assistant", "system", "developer", "tool"]),
    st.text(max_size=5) | st.lists(_part, max_size=2),
    st.dictionaries(KEYS, ANYTHING, max_size=2),
)
_right: dict[str, st.SearchStrategy[Any]] = {
    "stream": st.booleans(),
    "store": st.booleans() | st.none(),
    "temperature": st.floats(0, 2) | st.sampled_from([0, 2]),
    "top_p": st.floats(0, 1),
    "max_output_tokens": st.integers(1, 9),
    "top_logprobs": st.integers(0, 20),
    "include": st.lists(st.just("message.output_text.logprobs"), max_size=2),
    "instructions": st.text(max_size=9),
    "metadata": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    "user": st.text(max_size=5),
    "text": st.fixed_dictionaries({}, optional={"verbosity": st.sampled_from(["low", "high"])}),
    "reasoning": st.fixed_dictionaries({}, optional={"effort": st.sampled_from(["none", "high", None])}),
}
_wrong = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), ANYTHING, max_size=2)
_said = st.lists(_item | ANYTHING, min_size=1, max_size=3)
BODIES = st.builds(
    lambda asked, more: asked | more,
    st.fixed_dictionaries(
        {"model": st.just("scripted"), "input": st.text(min_size=1, max_size=10) | _said}, optional=_right
    ),
    st.just({}) | _wrong,
)
"""Requests that are nearly right, and some that are."""

patiently = settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check(answer: Answer) -> None:
    """Hold an answer against what every answer must be."""
    if answer.status != 200:
        check_refusal(answer)
        return
    assert answer.headers["x-request-id"].startswith("req_")
    if answer.headers["content-type"].startswith("text/event-stream"):
        check_stream(parse_sse(answer.body))
    else:
        check_response(answer.json())


@given(body=BODIES)
@patiently
def test_bodies_that_are_nearly_requests(server: Server, body: Any) -> None:
    check(ask(server, "POST", "/v1/responses", json.dumps(body).encode()))


@given(body=ANYTHING)
@settings(patiently, max_examples=100)
def test_bodies_of_any_json(server: Server, body: Any) -> None:
    answer = ask(server, "POST", "/v1/responses", json.dumps(body).encode())
    assert answer.status == 400
    check(answer)


@given(body=BODIES, data=st.data())
@settings(patiently, max_examples=100)
def test_bodies_with_a_byte_at_fault(server: Server, body: Any, data: st.DataObject) -> None:
    raw = bytearray(json.dumps(body).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    check(ask(server, "POST", "/v1/responses", bytes(raw)))


@given(
    path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
)
@settings(patiently, max_examples=100)
def test_any_path(server: Server, path: str, method: str) -> None:
    for base in ("/v1/", "/v1/responses/", "/v1/models/"):
        answer = ask(server, method, base + path, None, {})
        check_refusal(answer)
