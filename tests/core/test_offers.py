"""Tools as a model sees them, and which of them it may call (protocol §2.3, §2.4)."""

import pytest

from antiphon.core.items import Passed
from antiphon.core.offers import Choice, Grammar, choose, offers
from antiphon.core.problems import Problem
from antiphon.core.request import AllowedTools, CustomTool, FunctionTool, NamedChoice, PassedTool, ToolChoice

SPACE = {"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "find"}]}
TOOLS = [
    FunctionTool(name="find", description="Finds.", parameters={"type": "object"}, strict=True),
    CustomTool(name="note", format={"type": "grammar", "syntax": "regex", "definition": "a+"}),
    PassedTool(SPACE),
    PassedTool({"type": "apply_patch"}),
    PassedTool({"type": "web_search"}),
]


def named(*names: str) -> Choice:
    return Choice(mode="required", names=frozenset(names))


def test_each_kind_that_the_client_runs_is_a_function_with_a_flat_name() -> None:
    found = {offer.name: offer for offer in offers(TOOLS, [])}
    assert list(found) == ["find", "note", "crm__find", "apply_patch"]
    assert (found["find"].strict, found["find"].description) == (True, "Finds.")
    assert found["note"].grammar == Grammar("regex", "a+")
    assert (found["crm__find"].tool_name, found["crm__find"].namespace) == ("find", "crm")
    assert found["apply_patch"].kind == "apply_patch"


def test_items_bring_tools_and_the_later_of_one_name_counts() -> None:
    brought = {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "find"}]}
    found = offers(TOOLS[:1], [Passed(brought)])
    assert [(offer.name, offer.description) for offer in found] == [("find", "")]


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ("none", Choice(mode="none")),
        ("auto", Choice(names=frozenset({"find", "note", "crm__find", "apply_patch"}))),
        (NamedChoice(type="function", name="crm__find"), named("crm__find")),
        (NamedChoice(type="custom", name="note"), named("note")),
        (NamedChoice(type="apply_patch"), named("apply_patch")),
        (AllowedTools(tools=[NamedChoice(type="custom", name="note")]), Choice(names=frozenset({"note"}))),
        (AllowedTools(mode="required", tools=[NamedChoice(type="custom", name="note")]), named("note")),
        (AllowedTools(mode="none", tools=[NamedChoice(type="custom", name="note")]), Choice(mode="none")),
    ],
)
def test_what_a_choice_means(choice: ToolChoice, meant: Choice) -> None:
    assert choose(offers(TOOLS, []), choice) == meant


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        (NamedChoice(type="function", name="gone"), "tool_choice"),
        (AllowedTools(tools=[NamedChoice(type="function", name="gone")]), "tool_choice.tools[0]"),
    ],
)
def test_a_choice_of_nothing_is_refused(choice: ToolChoice, param: str) -> None:
    with pytest.raises(Problem) as told:
        choose(offers(TOOLS, []), choice)
    assert (told.value.status, told.value.param) == (400, param)


def test_required_needs_a_tool() -> None:
    with pytest.raises(Problem, match="at least one tool"):
        choose([], "required")
