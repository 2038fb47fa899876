"""Tools as a model sees them, and which of them it may call (protocol §2.3, §2.4)."""

from typing import Any

import pytest

from antiphon.core.items import Message, Passed
from antiphon.core.offers import Choice, Grammar, choose, forced, offers, placed, refuse_approvals
from antiphon.core.problems import Problem
from antiphon.core.request import AllowedTools, CustomTool, FunctionTool, NamedChoice, PassedTool, Request, ToolChoice

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


def test_every_tool_has_its_place() -> None:
    inner = {"type": "namespace", "name": "inner", "tools": [{"type": "custom", "name": "c"}]}
    outer = {"type": "namespace", "name": "outer", "tools": [{"type": "function", "name": "f"}, inner]}
    brought = Passed({"type": "tool_search_output", "tools": [{"type": "web_search"}, inner]})
    asked = Request(model="m", tools=[TOOLS[0], PassedTool(outer)], input=[Passed({"type": "mcp_list_tools"}), brought])
    assert [(tool.type if isinstance(tool, PassedTool) else tool.name, place) for tool, place in placed(asked)] == [
        ("find", "tools[0]"),
        ("f", "tools[1].tools[0]"),
        ("c", "tools[1].tools[1].tools[0]"),
        ("web_search", "input[1].tools[0]"),
        ("c", "input[1].tools[1].tools[0]"),
    ]


@pytest.mark.parametrize("tools", [[3], [{"type": "function"}], [{"name": "f"}]])
def test_what_is_no_tool_is_refused_with_its_place(tools: Any) -> None:
    space = {"type": "namespace", "name": "n", "tools": tools}
    for asked, param in (
        (Request(model="m", tools=[PassedTool(space)]), "tools[0].tools[0]"),
        (
            Request(model="m", input=[Passed({"type": "additional_tools", "tools": [space]})]),
            "input[0].tools[0].tools[0]",
        ),
    ):
        with pytest.raises(Problem) as told:
            list(placed(asked))
        assert (told.value.status, told.value.param) == (400, param)


def test_a_choice_demands_what_it_names() -> None:
    one = NamedChoice(type="function", name="find")
    assert forced(one) == [one] == forced(AllowedTools(mode="required", tools=[one]))
    free: list[ToolChoice] = ["auto", "required", "none", AllowedTools(tools=[one])]
    assert [forced(choice) for choice in free] == [[], [], [], []]


def test_an_approval_that_nothing_waits_for_is_refused_until_something_was_said_since() -> None:
    approval = Passed({"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True})
    user, assistant = Message(role="user"), Message(role="assistant")
    for items in ([approval], [assistant, approval, user], [approval, Passed({"type": "additional_tools"})]):
        with pytest.raises(Problem, match="The tool 'mcp' is not there") as told:
            refuse_approvals(items)
        place = items.index(approval)
        assert (told.value.status, told.value.code) == (400, "unsupported_parameter")
        assert told.value.param == f"input[{place}].type"
    refuse_approvals([approval, assistant, user])
    refuse_approvals([approval, Passed({"type": "mcp_call", "approval_request_id": "mcpr_1"}), user])
