from typing import Any

import pytest
from llguidance import LLMatcher

from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt, render
from antiphon.core.request import (
    CustomTool,
    Format,
    FunctionTool,
    JsonObjectFormat,
    JsonSchemaFormat,
    Request,
    Text,
    TextFormat,
    Tool,
    tool_choice_from_json,
)
from antiphon.models.llama_grammar import MOST_CALLS, Plan, plan
from antiphon.models.llama_schema import byte_tokens

PLACE: Any = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
WEATHER = FunctionTool(name="weather", parameters=PLACE)
CLOCK = FunctionTool(name="clock")
FREE = CustomTool(name="free")
FORCED: Any = {"type": "function", "name": "weather"}
PLAIN = TextFormat()
THING = JsonSchemaFormat(name="thing", schema={"type": "object", "properties": {"n": {"type": "integer"}}})


def custom(syntax: str, definition: str, name: str = "custom") -> CustomTool:
    return CustomTool(name=name, format={"type": "grammar", "syntax": syntax, "definition": definition})


def planned(
    *tools: Tool,
    choice: Any = "auto",
    form: Format = PLAIN,
    parallel: bool = True,
) -> Plan:
    return plan(asked(*tools, choice=choice, form=form, parallel=parallel))


def asked(*tools: Tool, choice: Any, form: Format, parallel: bool) -> Prompt:
    request = Request(
        model="m",
        tools=list(tools),
        tool_choice=tool_choice_from_json(choice),
        parallel_tool_calls=parallel,
        text=Text(format=form),
    )
    return render(request, request.input, max_output_tokens=9)


def takes(found: Plan, text: str) -> bool:
    """Whether the decoder could have written all of the text and ended there."""
    if found.grammar is None:
        return True
    assert LLMatcher.validate_grammar(found.grammar) == ""
    matcher = LLMatcher(byte_tokens(), found.grammar, log_level=0)
    return matcher.try_consume_tokens(list(text.encode())) == len(text.encode()) and matcher.is_accepting()


def test_text_without_tools_is_free() -> None:
    assert planned() == Plan()


def test_json_on_one_line_and_nothing_else() -> None:
    found = planned(form=THING)
    assert found.opening == "" and takes(found, '{"n": 3}')
    for wrong in ('{"n": "3"}', "It is 3", '{"n":3}', '\n{"n": 3}', '{"n": 3} ', '{"n": 3', '{"m": 3}'):
        assert not takes(found, wrong), wrong
    assert takes(planned(form=JsonObjectFormat()), '{"any": [1, {"x": null}]}')
    assert not takes(planned(form=JsonObjectFormat()), "[1]")


def test_auto_is_text_or_calls() -> None:
    found = planned(WEATHER, CLOCK)
    assert takes(found, "reply\nIt is\nwarm.") and takes(found, 'weather\n{"place": "Rome"}')
    assert takes(found, 'weather\n{"place": "Rome"}\nclock\n{}\n')
    for wrong in (
        "It is warm.",
        "reply\n",
        "wheather\n{}",
        "weather\n{}",
        'weather\n{"place": "Rome"}\nreply\nNow.',
        "",
    ):
        assert not takes(found, wrong), wrong


def test_a_list_of_calls_ends_and_one_is_one() -> None:
    call = 'weather\n{"place": "a"}\n'
    assert takes(planned(WEATHER), call * MOST_CALLS) and not takes(planned(WEATHER), call * (MOST_CALLS + 1))
    assert takes(planned(WEATHER, parallel=False), call) and not takes(planned(WEATHER, parallel=False), call * 2)


def test_auto_with_a_schema_replies_by_that_schema() -> None:
    found = planned(WEATHER, form=THING)
    assert takes(found, 'reply\n{"n": 3}') and takes(found, 'weather\n{"place": "Rome"}')
    assert not takes(found, "reply\nthree")


def test_required_does_not_reply() -> None:
    found = planned(WEATHER, CLOCK, choice="required")
    assert takes(found, "clock\n{}") and not takes(found, "reply\nNo.")


def test_none_replies_only() -> None:
    assert planned(WEATHER, choice="none") == Plan(opening="reply\n", reply="reply")
    found = planned(WEATHER, choice="none", form=THING)
    assert found.opening == "reply\n" and takes(found, '{"n": 1}')


def test_a_forced_function_is_its_arguments() -> None:
    found = planned(WEATHER, CLOCK, choice=FORCED)
    assert found.opening == "weather\n" and takes(found, '{"place": "Rome"}')
    assert not takes(found, '{"place": 1}') and not takes(found, 'weather\n{"place": "Rome"}')


def test_allowed_tools_are_the_only_ones() -> None:
    allowed: Any = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "clock"}]}
    found = planned(WEATHER, CLOCK, choice=allowed)
    assert takes(found, "clock\n{}") and takes(found, "reply\nNo.")
    assert not takes(found, 'weather\n{"place": "Rome"}')
    assert not takes(planned(WEATHER, CLOCK, choice=allowed | {"mode": "required"}), "reply\nNo.")


def test_a_hosted_tool_alone_leaves_text() -> None:
    allowed: Any = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}
    assert planned(WEATHER, choice=allowed).opening == "reply\n"


def test_text_has_a_word_that_no_tool_has() -> None:
    found = planned(FunctionTool(name="reply"), FunctionTool(name="reply_"))
    assert found.reply == "reply__" and takes(found, "reply__\nYes.") and takes(found, "reply\n{}")


LARK = custom("lark", 'start: "SELECT" COLUMN\nCOLUMN: /[a-z{}]+/\n%ignore / +/', "sql")
SAME_RULES = custom("lark", 'start: call f0\ncall: "a"\nf0: TEXT\nTEXT: /[0-9]+/', "rules")
REGEX = custom("regex", r"^a/b\/[/\d]+\$?$", "path")


@pytest.mark.parametrize(
    ("tool", "good", "bad"),
    [
        (LARK, ["SELECT  {a}", "SELECTa"], ["SELECT A", "SELEC", " SELECT a;"]),
        (SAME_RULES, ["a12"], ["a", "12", "weather"]),
        (REGEX, ["a/b/1/", "a/b/1$"], ["a/b", "a/b/x", "xa/b/1"]),
        (FREE, ["anything\nat all", "{"], [""]),
    ],
)
def test_a_custom_tool_is_held_to_its_own_grammar(tool: CustomTool, good: list[str], bad: list[str]) -> None:
    forced = planned(WEATHER, tool, choice={"type": "custom", "name": tool.name})
    union = planned(WEATHER, LARK, SAME_RULES, REGEX, FREE)
    assert forced.opening == f"{tool.name}\n"
    for text in good:
        assert takes(forced, text) and takes(union, f"{tool.name}\n{text}")
        assert takes(union, f'weather\n{{"place": "a"}}\n{tool.name}\n{text}')
    for text in bad:
        assert not takes(forced, text) and not takes(union, f"{tool.name}\n{text}")


def test_custom_tools_alone() -> None:
    found = planned(LARK, REGEX, choice="required")
    assert takes(found, "sql\nSELECT a") and not takes(found, "sql\nSELECT a\npath\na/b/1")


def test_what_a_history_brought_and_cannot_be_used_is_refused() -> None:
    for tool in (custom("lark", "start: nothing"), FunctionTool(name="f", parameters={"type": "array"})):
        with pytest.raises(Problem) as refused:
            planned(tool)
        assert refused.value.status == 400
