"""Requests: tools and choices of every form, and what nobody asked for."""

from typing import Any

import msgspec
import pytest

from antiphon.core.request import (
    AllowedTools,
    CustomTool,
    FunctionTool,
    JsonSchemaFormat,
    NamedChoice,
    PassedTool,
    Request,
    Text,
    tool_choice_from_json,
    tool_from_json,
)
from antiphon.core.wire import convert, encode


@pytest.mark.parametrize(
    ("value", "tool"),
    [
        ({"type": "function", "name": "f"}, FunctionTool(name="f")),
        (
            {
                "type": "function",
                "name": "f",
                "description": None,
                "parameters": {"$schema": "x"},
                "strict": False,
            },
            FunctionTool(name="f", parameters={"$schema": "x"}, strict=False),
        ),
        ({"type": "custom", "name": "g", "description": None}, CustomTool(name="g")),
        (
            {"type": "web_search", "filters": None},
            PassedTool({"type": "web_search", "filters": None}),
        ),
    ],
)
def test_tools(value: dict[str, Any], tool: object) -> None:
    assert tool_from_json(value) == tool


def test_a_function_is_echoed_with_all_its_keys() -> None:
    """Open Responses asks for all five (protocol §2.3)."""
    assert encode(FunctionTool(name="f")) == (
        b'{"type":"function","name":"f","description":null,"parameters":null,"strict":null}'
    )


@pytest.mark.parametrize("value", [None, "f", 7, [], {}, {"name": "f"}, {"type": 7}, {"type": "function"}])
def test_what_is_no_tool_is_refused(value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        tool_from_json(value)


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "name": "f"}, NamedChoice(type="function", name="f")),
        (
            {"type": "mcp", "server_label": "s"},
            NamedChoice(type="mcp", server_label="s"),
        ),
        (
            {"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}]},
            AllowedTools(tools=[NamedChoice(type="function", name="f")]),
        ),
    ],
)
def test_tool_choices(value: Any, choice: object) -> None:
    assert tool_choice_from_json(value) == choice


def test_allowed_tools_are_echoed_with_their_mode() -> None:
    assert b'"mode":"auto"' in encode(AllowedTools(tools=[]))


@pytest.mark.parametrize("value", [None, 7, "always", [], {}, {"type": 7}, {"type": "allowed_tools"}])
def test_what_is_no_choice_is_refused(value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        tool_choice_from_json(value)


def test_a_bare_request_asks_for_nothing() -> None:
    request = convert({"model": "m"}, Request)
    assert (request.store, request.stream, request.background) == (True, False, False)
    assert (request.temperature, request.top_p, request.max_output_tokens) == (
        None,
        None,
        None,
    )
    assert (request.tool_choice, request.tools, request.truncation) == (
        "auto",
        [],
        "disabled",
    )
    assert request.text == Text()


def test_a_schema_is_carried_as_it_is() -> None:
    value = {
        "model": "m",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": ["null"]}}},
    }
    assert convert(value, Request).text.format == JsonSchemaFormat(name="n", schema={"type": ["null"]})
