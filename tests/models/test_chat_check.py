"""What a Chat Completions upstream ignores of a request, and what is refused for it (contracts §D, its column)."""

from typing import Any

import pytest

from antiphon.core.items import item_from_json
from antiphon.core.problems import Problem
from antiphon.core.request import (
    JsonSchemaFormat,
    ReasoningOptions,
    Request,
    Text,
    tool_choice_from_json,
    tool_from_json,
)
from antiphon.models.chat_check import ignored, refuse_files
from antiphon.models.upstream import Takes

GRAMMAR = {"type": "custom", "name": "sum", "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "1"'}}
PICTURE = {"type": "input_image", "image_url": "https://a.example/a.png"}


def request_of(tools: Any = (), tool_choice: Any = "auto", items: Any = (), **fields: Any) -> Request:
    return Request(
        model="m",
        tools=[tool_from_json(tool) for tool in tools],
        tool_choice=tool_choice_from_json(tool_choice),
        input=[item_from_json(item) for item in items],
        **fields,
    )


def named(*takes: Takes, **fields: Any) -> list[str]:
    return ignored(request_of(**fields), frozenset(takes))


def refused(*takes: Takes, **fields: Any) -> tuple[int, str | None, str | None]:
    with pytest.raises(Problem) as caught:
        named(*takes, **fields)
    return caught.value.status, caught.value.code, caught.value.param


def test_what_asks_for_nothing_is_not_named() -> None:
    assert named() == []
    assert named(temperature=0.0, top_logprobs=3, reasoning=ReasoningOptions(effort="high"), user="u") == []


def test_what_is_ignored_is_named_by_its_place() -> None:
    assert named(top_k=5, reasoning=ReasoningOptions(summary="auto")) == ["top_k", "reasoning.summary"]
    assert named("top_k", top_k=5) == []
    hosted = [{"type": "web_search"}, {"type": "function", "name": "f"}, {"type": "image_generation"}]
    assert named(tools=hosted) == ["tools[0]", "tools[2]"]


def test_a_grammar_is_named_unless_the_server_takes_it() -> None:
    inside = {"type": "namespace", "name": "n", "description": "", "tools": [GRAMMAR]}
    assert named(tools=[GRAMMAR, inside]) == ["tools[0].format", "tools[1].tools[0].format"]
    assert named("grammar", tools=[GRAMMAR, inside]) == []


def test_what_is_forced_and_can_not_be_held_is_refused() -> None:
    forced = {"type": "custom", "name": "sum"}
    assert refused(tools=[GRAMMAR], tool_choice=forced) == (400, "unsupported_parameter", "tool_choice")
    assert named("grammar", tools=[GRAMMAR], tool_choice=forced) == []
    search = {"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}}
    assert refused(**search) == (400, "unsupported_parameter", "tool_choice")


def test_a_grammar_that_can_not_be_used_is_refused_at_its_place() -> None:
    bad = {
        "type": "custom",
        "name": "n",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: nowhere"},
    }
    assert refused(tools=[bad]) == (400, "invalid_value", "tools[0].format.definition")


def test_a_strict_schema_that_is_none_is_refused_and_one_that_is_not_strict_is_the_servers_affair() -> None:
    bad = {"type": "object", "properties": {"a": {"type": "nonsense"}}}
    strict = Text(format=JsonSchemaFormat(name="n", schema=bad, strict=True))
    assert refused(text=strict) == (400, "invalid_json_schema", "text.format.schema")
    assert named(text=Text(format=JsonSchemaFormat(name="n", schema=bad))) == []


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"role": "user", "content": [{"type": "input_text", "text": "a"}, PICTURE]}, "input[0].content[1]"),
        ({"type": "function_call_output", "call_id": "c", "output": [PICTURE]}, "input[0].output[0]"),
        ({"type": "custom_tool_call_output", "call_id": "c", "output": [PICTURE]}, "input[0].output[0]"),
    ],
)
def test_a_picture_is_refused_where_the_server_takes_none(item: Any, place: str) -> None:
    assert refused(items=[item]) == (400, "unsupported_parameter", place)
    assert named("images", items=[item]) == []


def test_a_file_that_nobody_made_text_of_is_refused() -> None:
    part = {"type": "input_file", "file_url": "https://a.example/a.bin"}
    for value in (
        {"role": "user", "content": [part]},
        {"type": "function_call_output", "call_id": "c", "output": [part]},
    ):
        with pytest.raises(Problem) as caught:
            refuse_files(item_from_json(value), "input[3]")
        assert (caught.value.status, caught.value.param) == (400, "input[3]")
    refuse_files(item_from_json({"type": "function_call_output", "call_id": "c", "output": "text"}), "input[0]")


def test_an_approval_is_refused_as_the_tool_that_is_not_there() -> None:
    approval = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    assert refused(items=[approval]) == (400, "unsupported_parameter", "input[0].type")
    assert named(items=[approval, {"role": "assistant", "content": "done"}, {"role": "user", "content": "x"}]) == []
