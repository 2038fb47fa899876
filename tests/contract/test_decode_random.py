"""Random bodies, and random mutations of a legal one: a request or a 400, never anything else."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from msgspec.structs import replace

from antiphon.contract.contract import Contract, load, names
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.response import Timing, respond

VALID: dict[str, Any] = {
    "model": "m",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": "y"}]},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file", "file_data": "z"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "content": []},
        {"type": "mcp_call", "id": "mcp_1", "arguments": "{}"},
    ],
    "conversation": {"id": "conv_1"},
    "tools": [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}},
        {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "regex", "definition": "a"}},
        {"type": "mcp", "server_label": "s"},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["message.output_text.logprobs"],
    "metadata": {"a": "b"},
    "stream_options": {"include_obfuscation": False},
    "temperature": 0.5,
    "max_output_tokens": 7,
    "background": False,
}

PLAIN: dict[str, Any] = {
    "model": "m",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "c", "output": "18"},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "s"}]},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
    "reasoning": {"effort": "low"},
    "metadata": {"a": "b"},
    "temperature": 0.5,
    "max_output_tokens": 70,
}
"""What every contract takes."""

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["function", "message", "allowed_tools", "json_schema", "input_image", "reasoning", "auto", ""])
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    [*load("openai").schema["properties"], "type", "role", "content", "id", "name", "format", "json_schema", "call_id"]
)
ANY_JSON = st.recursive(SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(KEYS, part, max_size=4))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key) below a value."""
    entries = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    below = [place for _, entry in entries if isinstance(entry, dict | list) for place in places(entry)]
    return [(value, key) for key, _ in entries] + below


def check(body: bytes) -> None:
    """A request that can be told again, or a 400 of this contract: nothing else, ever."""
    contract = load("openai")
    read = read_by(contract, body)
    if isinstance(read, Problem):
        told = contract.error(read)
        assert read.status == told.status == 400
        assert set(json.loads(told.body)["error"]) == {"message", "type", "param", "code"}
        return
    response = respond(read, id="resp_1", created_at=0)
    assert contract.response(replace(response, output=read.input))
    ", ".join(read.ignored).encode("ascii")


def read_by(contract: Contract, body: bytes) -> Request | Problem:
    """What the contract makes of a body."""
    try:
        return contract.read(body)
    except Problem as problem:
        return problem


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_random_bytes(body: bytes) -> None:
    check(body)


@settings(deadline=None)
@given(st.dictionaries(KEYS, ANY_JSON, max_size=6))
def test_random_objects(body: dict[str, Any]) -> None:
    check(json.dumps(body).encode())
    check(json.dumps({"model": "m", "input": "x"} | body).encode())


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([name for name in names() if name != "openai"]))
def test_mutations_in_every_contract(data: st.DataObject, name: str) -> None:
    """A request whose response can be told by this contract's own schema, or its own 400 or 422."""
    contract = load(name)
    read = read_by(contract, json.dumps(mutated(data, PLAIN)).encode())
    if isinstance(read, Problem):
        told = contract.error(read)
        assert told.status in ((400, 422) if name == "gateway" else (400,))
        assert json.loads(told.body)
        return
    answer = json.loads(contract.response(respond(read, id="resp_1", created_at=0), Timing()))
    Draft202012Validator(contract.answer).validate(answer)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutations_of_a_legal_body(data: st.DataObject) -> None:
    check(json.dumps(mutated(data, VALID)).encode())


def mutated(data: st.DataObject, legal: dict[str, Any]) -> Any:
    """A legal body with some mutations."""
    body = json.loads(json.dumps(legal))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places(body)))
        match data.draw(st.sampled_from(["replace", "delete", "add"])):
            case "replace":
                holder[key] = data.draw(ANY_JSON)
            case "delete":
                del holder[key]
            case "add" if isinstance(holder, dict):
                holder[data.draw(KEYS)] = data.draw(ANY_JSON)
        if not isinstance(body, dict) or not places(body):
            break
    return body


@pytest.mark.parametrize("name", names())
def test_the_plain_body_is_legal_everywhere(name: str) -> None:
    assert load(name).read(json.dumps(PLAIN).encode()).ignored == (["metadata"] if name == "infercom" else [])


def test_the_body_that_is_mutated_is_legal() -> None:
    assert load("openai").read(json.dumps(VALID).encode()).ignored == []
