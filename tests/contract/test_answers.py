"""Answers: responses as services tell them."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.contract import answers
from antiphon.contract.telling import NO_TIMING
from antiphon.core import wire
from antiphon.core.request import AllowedTools, CustomTool, FunctionTool, JsonSchemaFormat, NamedChoice, Text
from antiphon.core.response import (
    InputTokensDetails,
    OutputTokensDetails,
    Response,
    Timing,
    Usage,
)

PLAIN = Response(id="resp_1", created_at=1, model="m")
USED = replace(
    PLAIN,
    usage=Usage(
        input_tokens=10,
        input_tokens_details=InputTokensDetails(cached_tokens=4),
        output_tokens=8,
        output_tokens_details=OutputTokensDetails(reasoning_tokens=5),
        total_tokens=18,
    ),
)


def after(step: Any, response: Response, timing: Timing = NO_TIMING) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(wire.encode(response))
    step(told, timing)
    return told


def test_a_format_is_nested() -> None:
    form = JsonSchemaFormat(name="n", schema={"type": "object"}, strict=True)
    told = after(answers.nested_format, replace(PLAIN, text=Text(format=form)))
    inner = {"name": "n", "schema": {"type": "object"}, "strict": True}
    assert told["text"]["format"] == {"type": "json_schema", "json_schema": inner}
    assert after(answers.nested_format, PLAIN)["text"] == {"format": {"type": "text"}}
    flat = after(answers.no_format_schema, replace(PLAIN, text=Text(format=form)))["text"]["format"]
    assert (flat["name"], flat["schema"]) == ("n", None)


def test_usage_that_is_not_known_yet() -> None:
    assert after(answers.usage_or_zeros, PLAIN)["usage"]["input_tokens_details"]["cached_tokens"] == 0
    assert after(answers.usage_or_zeros, USED)["usage"]["total_tokens"] == 18
    assert "usage" not in after(answers.usage_when_known, PLAIN)
    assert after(answers.usage_with_seconds, PLAIN)["usage"] is None
    assert after(answers.usage_in_both_names, PLAIN)["usage"] is None


def test_seconds_are_told_with_usage() -> None:
    usage = after(answers.usage_with_seconds, USED, Timing(0.5, 2.0))["usage"]
    assert (usage["time_to_first_token"], usage["total_latency"], usage["output_tokens_per_sec"]) == (0.5, 2.0, 4.0)
    unmeasured = after(answers.usage_with_seconds, USED)["usage"]
    assert unmeasured["output_tokens_per_sec"] is unmeasured["total_latency"] is None


def test_usage_in_both_families_of_names() -> None:
    usage = after(answers.usage_in_both_names, USED)["usage"]
    assert (usage["input_tokens"], usage["prompt_tokens"], usage["completion_tokens"]) == (10, 10, 8)
    assert usage["prompt_tokens_details"] == {
        "cached_tokens": 4,
        "text_tokens": 10,
        "audio_tokens": 0,
        "image_tokens": 0,
    }
    assert usage["completion_tokens_details"] == {"text_tokens": 3, "audio_tokens": 0, "reasoning_tokens": 5}


def test_tools_are_told_in_two_ways() -> None:
    response = replace(PLAIN, tools=[FunctionTool(name="f"), CustomTool(name="g")])
    assert after(answers.given_tool_keys, response)["tools"][0] == {"type": "function", "name": "f"}
    kinds = [tool["type"] for tool in after(answers.own_tool_kinds, response)["tools"]]
    assert kinds == ["function", "openai:custom"]


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("none", "none"),
        (NamedChoice(type="function", name="f"), {"type": "function", "name": "f"}),
        (NamedChoice(type="mcp", server_label="s"), "required"),
        (
            AllowedTools(tools=[NamedChoice(type="custom", name="g")]),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "openai:custom", "name": "g"}]},
        ),
    ],
)
def test_of_choices_open_responses_knows_three(choice: Any, told: Any) -> None:
    assert after(answers.own_tool_kinds, replace(PLAIN, tool_choice=choice))["tool_choice"] == told


def test_what_was_kept_is_told_as_it_was_given() -> None:
    response = replace(PLAIN, metadata={"a": "1"}, asked={"metadata": {"a": 1}, "temperature": None, "id": "mine"})
    told = after(answers.as_asked, response)
    assert (told["metadata"], told["temperature"], told["top_p"], told["id"]) == ({"a": 1}, None, 1.0, "resp_1")
    assert after(answers.as_asked, PLAIN)["temperature"] == 1.0


def test_values_are_told_as_others() -> None:
    step = answers.told_as({"status": {"cancelled": "incomplete"}, "reasoning.effort": {"max": "high"}, "a.b": {}})
    told = after(step, replace(PLAIN, status="cancelled"))
    assert (told["status"], told["reasoning"]["effort"]) == ("incomplete", None)
    assert after(step, PLAIN)["status"] == "in_progress"


def test_fields_can_be_left_out() -> None:
    assert after(answers.kept_only(["id", "usage"]), PLAIN).keys() == {"id", "usage"}
    whole = json.loads(wire.encode(PLAIN)).keys()
    assert after(answers.kept_only([]), replace(PLAIN, asked={"a": 1})).keys() == whole
