"""Bad input: bodies that the default contract refuses, and what it tells of each.

Knows nothing of how a body is sent: the tests of the reader and of the door share these.
"""

from typing import Any

from antiphon.contract.decode import DEEPEST


def part(**keys: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": [keys]}]}


def call(**keys: Any) -> dict[str, Any]:
    return {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"} | keys]}


# What is sent beside a model and an input, and the code, the param and a piece of the message that come back.
REFUSED: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("model null", {"model": None}, "missing_required_parameter", "model", "Missing required parameter: 'model'."),
    ("model number", {"model": 5}, "invalid_type", "model", "expected a string, but got an integer instead."),
    ("input null", {"input": None}, "missing_required_parameter", "input", "Missing required parameter: 'input'."),
    ("input empty", {"input": ""}, "empty_string", "input", "but got an empty string instead."),
    ("input no items", {"input": []}, "empty_array", "input", "but got an empty array instead."),
    ("input object", {"input": {"a": 1}}, "invalid_type", "input", "expected a string or an array, but got an object"),
    (
        "input too long",
        {"input": "x" * 10485761},
        "string_above_max_length",
        "input",
        "got a string with length 10485761",
    ),
    ("item not object", {"input": ["a"]}, "invalid_type", "input[0]", "expected an object, but got a string instead."),
    ("item empty", {"input": [{}]}, "missing_required_parameter", "input[0].role", "'input[0].role'"),
    ("item type", {"input": [{"type": "poem"}]}, "invalid_value", "input[0].type", "Invalid value: 'poem'."),
    ("item type number", {"input": [{"type": 5}]}, "invalid_type", "input[0].type", "got an integer"),
    ("role", {"input": [{"role": "wizard", "content": "x"}]}, "invalid_value", "input[0].role", "and 'developer'."),
    ("content missing", {"input": [{"role": "user"}]}, "missing_required_parameter", "input[0].content", "content"),
    (
        "content null",
        {"input": [{"role": "user", "content": None}]},
        "missing_required_parameter",
        "input[0].content",
        "",
    ),
    (
        "part type",
        part(type="input_video"),
        "invalid_value",
        "input[0].content[0].type",
        "Invalid value: 'input_video'.",
    ),
    ("part untyped", part(text="x"), "missing_required_parameter", "input[0].content[0].type", "Missing"),
    ("part text", part(type="input_text"), "missing_required_parameter", "input[0].content[0].text", "Missing"),
    ("part text type", part(type="input_text", text=5), "invalid_type", "input[0].content[0].text", "got an integer"),
    ("image nowhere", part(type="input_image"), "missing_required_parameter", "input[0].content[0].image_url", ""),
    (
        "image object",
        part(type="input_image", image_url={}),
        "invalid_type",
        "input[0].content[0].image_url",
        "an object",
    ),
    (
        "image detail",
        part(type="input_image", image_url="x", detail="x"),
        "invalid_value",
        "input[0].content[0].detail",
        "",
    ),
    ("file nowhere", part(type="input_file"), "missing_required_parameter", "input[0].content[0].file_data", ""),
    (
        "image of an assistant",
        {"input": [{"role": "assistant", "content": [{"type": "input_image", "image_url": "x"}]}]},
        "invalid_value",
        "input[0].content[0].type",
        "'output_text'",
    ),
    ("status", call(status="odd"), "invalid_value", "input[0].status", "'in_progress'"),
    ("call id empty", call(call_id=""), "empty_string", "input[0].call_id", "minimum length 1"),
    ("call id long", call(call_id="c" * 65), "string_above_max_length", "input[0].call_id", "maximum length 64"),
    ("call name long", call(name="f" * 129), "string_above_max_length", "input[0].name", "maximum length 128"),
    ("call arguments", call(arguments={}), "invalid_type", "input[0].arguments", "expected a string"),
    (
        "output missing",
        {"input": [{"type": "function_call_output", "call_id": "c"}]},
        "missing_required_parameter",
        "input[0].output",
        "",
    ),
    (
        "output part",
        {"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "refusal", "refusal": ""}]}]},
        "invalid_value",
        "input[0].output[0].type",
        "'input_text'",
    ),
    (
        "second item",
        {"input": [{"role": "user", "content": "x"}, {"type": "reasoning", "summary": [{"type": "text"}]}]},
        "invalid_value",
        "input[1].summary[0].type",
        "Supported values are: 'summary_text'.",
    ),
    ("instructions", {"instructions": ["x"]}, "invalid_type", "instructions", "got an array"),
    ("stream", {"stream": "yes"}, "invalid_type", "stream", "expected a boolean, but got a string instead."),
    ("store", {"store": 1}, "invalid_type", "store", "expected a boolean, but got an integer instead."),
    ("tokens 0", {"max_output_tokens": 0}, "integer_below_min_value", "max_output_tokens", ">= 1, but got 0 instead."),
    ("tokens huge", {"max_output_tokens": 10**40}, "integer_above_max_value", "max_output_tokens", "<= 2147483647"),
    ("tokens half", {"max_output_tokens": 1.5}, "invalid_type", "max_output_tokens", "but got a decimal instead."),
    ("tokens true", {"max_output_tokens": True}, "invalid_type", "max_output_tokens", "but got a boolean instead."),
    ("temperature", {"temperature": 2.5}, "decimal_above_max_value", "temperature", "<= 2, but got 2.5 instead."),
    ("temperature low", {"temperature": -1}, "decimal_below_min_value", "temperature", ">= 0, but got -1 instead."),
    ("temperature text", {"temperature": "1"}, "invalid_type", "temperature", "expected a decimal"),
    ("top_p", {"top_p": 1.01}, "decimal_above_max_value", "top_p", "decimal above maximum value"),
    ("top_k", {"top_k": 0}, "integer_below_min_value", "top_k", "integer below minimum value"),
    ("top_k high", {"top_k": 101}, "integer_above_max_value", "top_k", "<= 100"),
    ("presence", {"presence_penalty": 3}, "decimal_above_max_value", "presence_penalty", "<= 2"),
    ("frequency", {"frequency_penalty": -3}, "decimal_below_min_value", "frequency_penalty", ">= -2"),
    ("top_logprobs", {"top_logprobs": 21}, "integer_above_max_value", "top_logprobs", "<= 20"),
    ("include", {"include": ["message.soul"]}, "invalid_value", "include[0]", "Invalid value: 'message.soul'."),
    ("include null", {"include": [None]}, "invalid_type", "include[0]", "but got null instead."),
    ("effort", {"reasoning": {"effort": "heroic"}}, "invalid_value", "reasoning.effort", "'none', 'minimal'"),
    ("verbosity", {"text": {"verbosity": "chatty"}}, "invalid_value", "text.verbosity", "'medium'"),
    ("format", {"text": {"format": {"type": "xml"}}}, "invalid_value", "text.format.type", "'json_object'"),
    ("format untyped", {"text": {"format": {}}}, "missing_required_parameter", "text.format.type", ""),
    (
        "format nameless",
        {"text": {"format": {"type": "json_schema", "schema": {}}}},
        "missing_required_parameter",
        "text.format.name",
        "",
    ),
    (
        "nested format nameless",
        {"text": {"format": {"type": "json_schema", "json_schema": {"schema": {}}}}},
        "missing_required_parameter",
        "text.format.json_schema.name",
        "",
    ),
    (
        "truncation",
        {"truncation": "some"},
        "invalid_value",
        "truncation",
        "Supported values are: 'auto' and 'disabled'.",
    ),
    ("metadata list", {"metadata": []}, "invalid_type", "metadata", "expected an object"),
    ("metadata number", {"metadata": {"a": 1}}, "invalid_type", "metadata.a", "expected a string"),
    ("metadata long", {"metadata": {"a": "x" * 513}}, "string_above_max_length", "metadata.a", "length 513"),
    ("metadata key", {"metadata": {"a" * 65: "x"}}, "string_above_max_length", "metadata", "longer than 64 characters"),
    (
        "metadata many",
        {"metadata": {str(n): "" for n in range(17)}},
        "object_above_max_properties",
        "metadata",
        "an object with 17 properties",
    ),
    ("tier", {"service_tier": "gold"}, "invalid_value", "service_tier", "'auto'"),
    ("cache key", {"prompt_cache_key": "x" * 65}, "string_above_max_length", "prompt_cache_key", "maximum length 64"),
    ("safety", {"safety_identifier": "x" * 129}, "string_above_max_length", "safety_identifier", "maximum length 128"),
    ("tool untyped", {"tools": [{"name": "f"}]}, "missing_required_parameter", "tools[0].type", ""),
    ("tool unknown", {"tools": [{"type": "hammer"}]}, "invalid_value", "tools[0].type", "Invalid value: 'hammer'."),
    (
        "tool nested",
        {"tools": [{"type": "function", "function": {}}]},
        "missing_required_parameter",
        "tools[0].name",
        "",
    ),
    ("tool name", {"tools": [{"type": "function", "name": "a b"}]}, "invalid_value", "tools[0].name", "pattern"),
    (
        "tool strict",
        {"tools": [{"type": "function", "name": "f", "strict": "yes"}]},
        "invalid_type",
        "tools[0].strict",
        "expected a boolean",
    ),
    (
        "tool number of 70 bits",
        {"tools": [{"type": "function", "name": "f", "parameters": {"maximum": 2**70}}]},
        "integer_above_max_value",
        "tools[0].parameters.maximum",
        "<= 18446744073709551615",
    ),
    (
        "tools 129",
        {"tools": [{"type": "function", "name": "f"}] * 129},
        "array_above_max_length",
        "tools",
        "array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
    ),
    ("choice", {"tool_choice": "maybe"}, "invalid_value", "tool_choice", "'none', 'auto', and 'required'"),
    ("choice untyped", {"tool_choice": {"name": "f"}}, "missing_required_parameter", "tool_choice.type", ""),
    ("choice nameless", {"tool_choice": {"type": "function"}}, "missing_required_parameter", "tool_choice.name", ""),
    ("choice of none", {"tool_choice": {"type": "allowed_tools", "tools": []}}, "empty_array", "tool_choice.tools", ""),
    ("conversation", {"conversation": {}}, "missing_required_parameter", "conversation.id", ""),
    (
        "two pasts",
        {"previous_response_id": "resp_1", "conversation": {"id": "conv_1"}},
        "invalid_value",
        "previous_response_id",
        "Give one of them.",
    ),
    ("kept nowhere", {"background": True, "store": False}, "unsupported_value", "store", "has to be kept"),
]


BODIES: list[tuple[str, bytes, str, str | None]] = [
    ("nothing", b"", "invalid_json", None),
    ("half", b'{"model": "m", "inp', "invalid_json", None),
    ("trailing", b'{"model": "m", "input": "x"} x', "invalid_json", None),
    ("single quotes", b"{'model': 'm'}", "invalid_json", None),
    ("a number that is none", b'{"model": "m", "input": "x", "temperature": NaN}', "invalid_json", None),
    ("infinity", b'{"model": "m", "input": "x", "temperature": Infinity}', "invalid_json", None),
    ("beyond a double", b'{"model": "m", "input": "x", "temperature": 1e999}', "invalid_json", None),
    ("a lone surrogate", b'{"model": "m", "input": "\\ud800"}', "invalid_json", None),
    ("no UTF-8", b'{"model": "m", "input": "\xff"}', "invalid_json", None),
    ("a list", b"[]", "invalid_type", None),
    ("text", b'"hello"', "invalid_type", None),
    ("null", b"null", "invalid_type", None),
    ("no field", b"{}", "missing_required_parameter", "model"),
    ("10,000 lists", b"[" * 10_000 + b"]" * 10_000, "invalid_value", None),
    ("too deep by one", b'{"model":"m","input":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "invalid_value", None),
    ("deep aside", b'{"model":"m","input":"x","y":' + b'{"z":' * 500 + b"1" + b"}" * 501, "invalid_value", None),
]


FUNCTION = {"type": "function", "name": "f"}
LATER: list[tuple[str, Any, str]] = [
    ("input", [{"type": "configuration_update", "reasoning": {"effort": "low"}}], "input[0].type"),
]
