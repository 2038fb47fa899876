"""What bad input gets, from outside: a JSON error with status, type, code and param; never a 500."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.asking import ask, check_refusal, create, read, refused
from tests.served import Server

MIB = 2**20


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"model": "scripted", "input": "a"',
        b'{"model": "scripted", "input": "a",}',
        b"{'model': 'scripted', 'input': 'a'}",
        b'{"model": "scripted", "input": NaN}',
        b'{"model": "scripted", "input": "\xff"}',
        b'{"model": "scripted", "input": "\\ud800"}',
        b'\xef\xbb\xbf{"model": "scripted", "input": "a"}',
        b'{"model": "scripted", "input": "a"} and more',
        b"\x00",
    ],
)
def test_what_is_not_json(server: Server, body: bytes) -> None:
    assert refused(ask(server, "POST", "/v1/responses", body)) == (400, "invalid_json", None)


@pytest.mark.parametrize("body", [None, 7, "text", True, [], [{"model": "scripted", "input": "a"}]])
def test_json_that_is_no_object(server: Server, body: Any) -> None:
    assert refused(create(server, body)) == (400, "invalid_type", None)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"input":' * 100_000, b'{"model":"scripted","input":' + b"[" * 5000 + b"]" * 5000 + b"}"]
)
def test_json_that_is_too_deep(server: Server, body: bytes) -> None:
    assert refused(ask(server, "POST", "/v1/responses", body))[0] == 400


def user(content: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": content}]}


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"model": None}, "missing_required_parameter", "model"),
    ({"model": 7}, "invalid_type", "model"),
    ({"model": ["scripted"]}, "invalid_type", "model"),
    ({"input": None}, "missing_required_parameter", "input"),
    ({"input": 7}, "invalid_type", "input"),
    ({"input": {"role": "user", "content": "a"}}, "invalid_type", "input"),
    ({"input": ["a"]}, "invalid_type", "input[0]"),
    ({"input": [None]}, "invalid_type", "input[0]"),
    ({"input": [{"role": "narrator", "content": "a"}]}, "invalid_value", "input[0].role"),
    ({"input": [{"role": 7, "content": "a"}]}, "invalid_type", "input[0].role"),
    ({"input": [{"content": "a"}]}, "missing_required_parameter", "input[0].role"),
    ({"input": [{"role": "user"}]}, "missing_required_parameter", "input[0].content"),
    ({"input": [{"type": "unheard_of"}]}, "invalid_value", "input[0].type"),
    ({"input": [{"type": 7}]}, "invalid_type", "input[0].type"),
    ({"input": [{"type": ["message"]}]}, "invalid_type", "input[0].type"),
    ({"input": [{"role": "user", "content": "a"}, {"role": "user", "content": 7}]}, "invalid_type", "input[1].content"),
    (user(["a"]), "invalid_type", "input[0].content[0]"),
    (user([{"type": "unheard_of"}]), "invalid_value", "input[0].content[0].type"),
    (user([{"text": "a"}]), "missing_required_parameter", "input[0].content[0].type"),
    (user([{"type": "input_text"}]), "missing_required_parameter", "input[0].content[0].text"),
    (user([{"type": "input_text", "text": 7}]), "invalid_type", "input[0].content[0].text"),
    (
        {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
        "missing_required_parameter",
        "input[0].call_id",
    ),
    ({"instructions": 7}, "invalid_type", "instructions"),
    ({"temperature": "hot"}, "invalid_type", "temperature"),
    ({"temperature": True}, "invalid_type", "temperature"),
    ({"temperature": -0.1}, "decimal_below_min_value", "temperature"),
    ({"temperature": 2.1}, "decimal_above_max_value", "temperature"),
    ({"top_p": 1.1}, "decimal_above_max_value", "top_p"),
    ({"top_k": 0}, "integer_below_min_value", "top_k"),
    ({"top_k": 101}, "integer_above_max_value", "top_k"),
    ({"presence_penalty": -3}, "decimal_below_min_value", "presence_penalty"),
    ({"frequency_penalty": 3}, "decimal_above_max_value", "frequency_penalty"),
    ({"max_output_tokens": 0}, "integer_below_min_value", "max_output_tokens"),
    ({"max_output_tokens": -(10**30)}, "integer_below_min_value", "max_output_tokens"),
    ({"max_output_tokens": 10**30}, "integer_above_max_value", "max_output_tokens"),
    ({"max_output_tokens": 1.5}, "invalid_type", "max_output_tokens"),
    ({"max_output_tokens": "many"}, "invalid_type", "max_output_tokens"),
    ({"top_logprobs": 21}, "integer_above_max_value", "top_logprobs"),
    ({"stream": "yes"}, "invalid_type", "stream"),
    ({"store": 1}, "invalid_type", "store"),
    ({"metadata": []}, "invalid_type", "metadata"),
    ({"metadata": {"a": 7}}, "invalid_type", "metadata.a"),
    ({"metadata": {"a": "b" * 513}}, "string_above_max_length", "metadata.a"),
    ({"metadata": {f"k{n}": "v" for n in range(17)}}, "object_above_max_properties", "metadata"),
    ({"include": ["everything"]}, "invalid_value", "include[0]"),
    ({"tools": 7}, "invalid_type", "tools"),
    ({"tools": [{"type": "function", "name": "f"}] * 129}, "array_above_max_length", "tools"),
    ({"tool_choice": 7}, "invalid_type", "tool_choice"),
    ({"truncation": "sometimes"}, "invalid_value", "truncation"),
    ({"text": "short"}, "invalid_type", "text"),
    ({"text": {"format": {"type": "poem"}}}, "invalid_value", "text.format.type"),
    ({"service_tier": "gold"}, "invalid_value", "service_tier"),
    ({"user": 7}, "invalid_type", "user"),
    ({"safety_identifier": "a" * 129}, "string_above_max_length", "safety_identifier"),
    ({"prompt_cache_key": "a" * 65}, "string_above_max_length", "prompt_cache_key"),
    ({"reasoning": {"effort": "heroic"}}, "invalid_value", "reasoning.effort"),
]


@pytest.mark.parametrize(("change", "code", "param"), FAULTS, ids=lambda value: str(value)[:60])
def test_a_field_at_fault(server: Server, change: dict[str, Any], code: str, param: str) -> None:
    for stream in (False, True):
        body = {"model": "scripted", "input": "a", "stream": stream} | change
        assert refused(create(server, body)) == (400, code, param)


def test_the_message_of_a_bound_says_both_numbers(server: Server) -> None:
    error = check_refusal(create(server, {"model": "scripted", "input": "a", "max_output_tokens": 0}))
    assert error["message"] == (
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead."
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [({}, "missing_required_parameter"), ({"input": ""}, "empty_string"), ({"input": []}, "empty_array")],
)
def test_no_input(server: Server, change: dict[str, Any], code: str) -> None:
    assert refused(create(server, {"model": "scripted"} | change)) == (400, code, "input")


def test_no_model(server: Server) -> None:
    assert refused(create(server, {"input": "a"})) == (400, "missing_required_parameter", "model")


@pytest.mark.parametrize("model", ["nobody", "", "scripted ", "SCRIPTED", "../scripted", "a" * 512])
def test_an_unknown_model(server: Server, model: str) -> None:
    for stream in (False, True):
        body = {"model": model, "input": "a", "stream": stream}
        assert refused(create(server, body)) == (404, "model_not_found", "model")


EXAMPLES: dict[str, Any] = {
    "background": True,
    "context_management": [{"type": "compaction", "compact_threshold": 1000}],
    "conversation": "conv_1",
    "max_tool_calls": 3,
    "previous_response_id": "resp_1",
    "prompt": {"id": "pmpt_1"},
    "stream_options.include_obfuscation": True,
    "text.format.type": "json_object",
    "tool_choice": "required",
    "tools": [{"type": "function", "name": "f"}],
    "truncation": "auto",
}


@pytest.mark.parametrize("path", EXAMPLES)
def test_a_null_asks_for_nothing(server: Server, path: str) -> None:
    answer = create(server, {"model": "scripted", "input": "a", path.partition(".")[0]: None})
    assert answer.status == 200, answer.body


def test_nothing_is_asked_by_these(server: Server) -> None:
    body = {
        "model": "scripted",
        "input": "a",
        "tools": [],
        "tool_choice": "auto",
        "background": False,
        "stream": None,
        "include": [],
        "metadata": {},
        "truncation": "disabled",
        "text": {"format": {"type": "text"}},
        "parallel_tool_calls": True,
        "reasoning": None,
    }
    answer = create(server, body)
    assert answer.status == 200, answer.body
    assert "x-ignored-parameters" not in answer.headers


def test_an_unknown_field_is_named(server: Server) -> None:
    for stream in (False, True):
        answer = create(server, {"model": "scripted", "input": "a", "stream": stream, "seed": 7, "magic": {"a": 1}})
        assert answer.status == 200, answer.body
        assert set(answer.headers["x-ignored-parameters"].split(", ")) == {"seed", "magic"}


def test_an_unknown_field_cannot_break_the_headers(server: Server) -> None:
    body = {"model": "scripted", "input": "a", "a\r\nset-cookie: b": 1, "é\u2028": 1, "k" * 100_000: 1}
    body |= {f"field{n}": n for n in range(1000)}
    answer = create(server, body)
    assert answer.status == 200, answer.body
    assert "set-cookie" not in answer.headers
    assert len(answer.headers["x-ignored-parameters"]) <= 4096


def test_a_context_that_is_too_long(server: Server) -> None:
    for stream in (False, True):
        answer = create(server, {"model": "scripted", "input": "word " * 140_000, "stream": stream})
        assert refused(answer) == (400, "context_length_exceeded", "input")
        assert "131072" in answer.json()["error"]["message"]
        assert "140000" in answer.json()["error"]["message"]


def test_a_body_that_is_declared_too_large(server: Server) -> None:
    """It is refused before it is sent."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/v1/responses")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(64 * MIB + 1))
    connection.endheaders()
    try:
        assert refused(read(connection.getresponse())) == (413, "request_too_large", None)
    finally:
        connection.close()


def test_a_body_that_grows_too_large(server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"model": "scripted", "input": "'
        for _ in range(65):
            yield b"a" * MIB
        yield b'"}'

    assert refused(ask(server, "POST", "/v1/responses", chunks())) == (413, "request_too_large", None)


def test_a_body_of_the_largest_size_is_read(server: Server) -> None:
    head, tail = b'{"model": "nobody", "input": "a", "x": "', b'"}'
    body = head + b"a" * (64 * MIB - len(head) - len(tail)) + tail
    assert refused(ask(server, "POST", "/v1/responses", body)) == (404, "model_not_found", "model")


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
    ],
)
def test_a_body_of_another_type(server: Server, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = ask(server, "POST", "/v1/responses", b'{"model": "scripted", "input": "a"}', headers)
    assert refused(answer) == (415, "unsupported_media_type", None)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_a_body_of_json(server: Server, kind: str) -> None:
    answer = ask(server, "POST", "/v1/responses", b'{"model": "scripted", "input": "a"}', {"Content-Type": kind})
    assert answer.status == 200


def test_a_refusal_of_the_door_is_as_quiet_as_any(server: Server) -> None:
    """No value that was sent stands in a log line."""
    told = "sesame-4f1c"
    create(server, {"model": "scripted", "input": told})
    create(server, {"model": "scripted", "input": [{"role": told, "content": told}]})
    ask(server, "POST", "/v1/responses", json.dumps({"model": "scripted", "input": told}).encode()[:-1])
    assert told not in server.wrote()
