"""Each row of contracts §D that speaks of tools, formats and reasoning, for the embedded model."""

from typing import Any

import pytest

from antiphon.core.items import InputImage, InputText, Message, Passed
from antiphon.core.offers import HOSTED
from antiphon.core.problems import Problem
from antiphon.core.request import (
    JsonObjectFormat,
    JsonSchemaFormat,
    ReasoningOptions,
    Request,
    Text,
    tool_choice_from_json,
    tool_from_json,
)
from antiphon.models import llama_check

OPEN: Any = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
FUNCTION: Any = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def request(*tools: Any, choice: Any = "auto", **more: Any) -> Request:
    return Request(
        model="m", tools=[tool_from_json(tool) for tool in tools], tool_choice=tool_choice_from_json(choice), **more
    )


def ignored(asked: Request) -> list[str]:
    return llama_check.ignored(asked, thinks=False)


def refused(asked: Request) -> Problem:
    with pytest.raises(Problem) as found:
        ignored(asked)
    assert found.value.status == 400
    return found.value


def grammar(syntax: str, definition: str) -> Any:
    form = {"type": "grammar", "syntax": syntax, "definition": definition}
    return {"type": "custom", "name": "c", "format": form}


def schema(value: Any, *, strict: bool | None = None) -> Text:
    return Text(format=JsonSchemaFormat(name="n", schema=value, strict=strict))


def test_pictures_are_refused_with_their_place() -> None:
    item = Message(role="user", content=[InputText("Look:"), InputImage(image_url="https://example.com/a.png")])
    fault = refused(request(input=[Message(role="user"), item]))
    assert (fault.code, fault.param) == ("unsupported_parameter", "input[1].content[1]")


def test_an_approval_is_refused_as_the_tool_that_is_not_there() -> None:
    approval = Passed({"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True})
    fault = refused(request(input=[Message(role="user"), approval]))
    assert (fault.code, fault.param) == ("unsupported_parameter", "input[1].type")
    assert "'mcp' is not there" in fault.message
    assert ignored(request(input=[approval, Message(role="assistant"), Message(role="user")])) == []


def test_what_is_asked_for_and_ignored_is_named() -> None:
    asked = request(
        reasoning=ReasoningOptions(effort="high", summary="auto"),
        text=Text(verbosity="low"),
        service_tier="priority",
        top_k=5,
    )
    assert ignored(asked) == ["reasoning.effort", "reasoning.summary", "text.verbosity", "service_tier"]
    assert llama_check.ignored(asked, thinks=True) == ["reasoning.summary", "text.verbosity", "service_tier"]
    assert ignored(request(service_tier="auto", text=Text(verbosity="medium"))) == []


@pytest.mark.parametrize("kind", sorted(HOSTED | {"computer"}))
def test_a_hosted_tool_is_named_and_refused_where_it_is_forced(kind: str) -> None:
    hosted = {"type": kind, "server_label": "s"}
    assert ignored(request(FUNCTION, hosted)) == ["tools[1]"]
    fault = refused(request(FUNCTION, hosted, choice={"type": kind}))
    assert (fault.code, fault.param) == ("unsupported_parameter", "tool_choice")
    named = {"type": "allowed_tools", "mode": "required", "tools": [{"type": kind}]}
    assert refused(request(FUNCTION, hosted, choice=named)).code == "unsupported_parameter"
    named["tools"].append({"type": "function", "name": "f"})
    assert ignored(request(FUNCTION, hosted, choice=named)) == ["tools[1]"]


@pytest.mark.parametrize("kind", ["shell", "local_shell", "apply_patch", "tool_search"])
def test_tools_that_the_client_runs_are_honoured(kind: str) -> None:
    assert ignored(request({"type": kind}, choice="required")) == []


@pytest.mark.parametrize("strict", [None, False])
def test_what_cannot_be_enforced_is_named_where_it_stands(strict: bool | None) -> None:  # noqa: FBT001  # a case
    loose = {**FUNCTION, "parameters": OPEN, "strict": strict}
    space = {"type": "namespace", "name": "n", "tools": [FUNCTION, loose]}
    brought = Passed({"type": "additional_tools", "tools": [loose]})
    asked = request(loose, space, input=[Message(role="user"), brought], text=schema(OPEN, strict=strict))
    assert ignored(asked) == [
        "tools[0].parameters#/properties/a/uniqueItems",
        "tools[1].tools[1].parameters#/properties/a/uniqueItems",
        "input[1].tools[0].parameters#/properties/a/uniqueItems",
        "text.format.schema#/properties/a/uniqueItems",
    ]


def test_under_strict_it_is_refused_with_keyword_and_path() -> None:
    space = {"type": "namespace", "name": "n", "tools": [FUNCTION, {**FUNCTION, "parameters": OPEN, "strict": True}]}
    fault = refused(request(space))
    assert (fault.code, fault.param) == ("invalid_json_schema", "tools[0].tools[1].parameters")
    assert "#/properties/a/uniqueItems" in fault.message
    fault = refused(request(text=schema(OPEN, strict=True)))
    assert (fault.code, fault.param) == ("invalid_json_schema", "text.format.schema")
    assert "#/properties/a/uniqueItems" in fault.message


@pytest.mark.parametrize(
    "bad", [{"type": "strnig"}, {"type": "integer", "minimum": 2, "maximum": 1}, {"minLength": "a"}]
)
def test_no_schema_at_all_is_refused_always(bad: Any) -> None:
    assert refused(request(text=schema(bad))).code == "invalid_json_schema"
    parameters = {"type": "object", "properties": {"a": bad}, "required": ["a"]}
    fault = refused(request({**FUNCTION, "parameters": parameters}))
    assert (fault.code, fault.param) == ("invalid_json_schema", "tools[0].parameters")


def test_arguments_are_objects() -> None:
    assert refused(request({**FUNCTION, "parameters": {"type": "array"}})).code == "invalid_json_schema"
    assert ignored(request({**FUNCTION, "parameters": None}, {**FUNCTION, "parameters": {}, "name": "g"})) == []


def test_a_format_that_nobody_knows_is_an_annotation() -> None:
    assert ignored(request(text=schema({"type": "string", "format": "phone"}, strict=True))) == []
    assert refused(request(text=schema({"type": "string", "format": "regex"}, strict=True)))
    assert ignored(request(text=Text(format=JsonObjectFormat()))) == []


@pytest.mark.parametrize(
    ("syntax", "definition"),
    [
        ("lark", "start: nothing"),
        ("lark", "start: start"),
        ("lark", "begin: /a/"),
        ("lark", 'start: "a"~1..3'),  # of Lark, but the engine's own library can't read it
        ("lark", 'start: "a" }\nb: "c"'),
        ("regex", "(?=a)b"),
        ("regex", "("),
        ("gbnf", 'root ::= "a"'),
    ],
)
def test_a_grammar_that_cannot_be_used_is_refused(syntax: str, definition: str) -> None:
    fault = refused(request(FUNCTION, grammar(syntax, definition)))
    assert fault.param == "tools[1].format.definition" and "'c'" in fault.message


@pytest.mark.parametrize("tools", [[3], [{"type": "function"}], [{"name": "f"}]])
def test_what_is_no_tool_inside_another_is_refused_with_its_place(tools: Any) -> None:
    assert refused(request({"type": "namespace", "name": "n", "tools": tools})).param == "tools[0].tools[0]"
    brought = Passed({"type": "additional_tools", "tools": tools})
    assert refused(request(input=[brought])).param == "input[0].tools[0]"


def test_a_choice_of_what_is_not_there_is_left_to_the_prompt() -> None:
    assert ignored(request(choice={"type": "function", "name": "of an earlier turn"})) == []
