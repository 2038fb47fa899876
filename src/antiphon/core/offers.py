"""Offers: the tools of a request as a model sees them, and which of them it may call (protocol §2.3, §2.4).

Knows nothing of how a model is told of tools, nor of how its calls are told to the client
(`calls`). Every tool that the client runs is offered as a function with a flat name; those that
a server would have to run are not offered here.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from antiphon.core.items import JSON, Item, Message, Passed
from antiphon.core.problems import Problem
from antiphon.core.request import (
    AllowedTools,
    CustomTool,
    FunctionTool,
    NamedChoice,
    PassedTool,
    Request,
    Tool,
    ToolChoice,
    tool_from_json,
)

Kind = Literal["function", "custom", "shell", "local_shell", "apply_patch", "tool_search"]


class Grammar(Struct, frozen=True):
    """What the input of a free-form tool has to match. `syntax` is `lark` or `regex`."""

    syntax: str
    definition: str


class Offer(Struct, frozen=True, kw_only=True):
    """A tool as the model sees it.

    name
        flat: `crm__find` for `find` in the namespace `crm`.
    parameters
        the JSON Schema of the arguments; None takes any object.
    kind, tool_name, namespace
        what a call of it is given back as.
    grammar
        for a custom tool: what its input has to match, or None for any text.
    """

    name: str
    description: str = ""
    parameters: JSON = None
    strict: bool | None = None
    kind: Kind = "function"
    tool_name: str
    namespace: str | UnsetType = UNSET
    grammar: Grammar | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """What may be called: `names` of offers, all of them visible whatever stands here.

    `mode` is `none`, `auto` (text or calls) or `required` (at least one call, no text).
    """

    mode: Literal["none", "auto", "required"] = "auto"
    names: frozenset[str] = frozenset()


HOSTED = frozenset(
    {
        "code_interpreter",
        "computer",
        "computer_use_preview",
        "file_search",
        "image_generation",
        "mcp",
        "programmatic_tool_calling",
        "web_search",
        "web_search_2025_08_26",
        "web_search_preview",
        "web_search_preview_2025_03_11",
    }
)
"""Kinds of tools that a server runs: offered by whoever runs them."""

_BRINGING = frozenset({"additional_tools", "tool_search_output"})
"""Kinds of items that bring tools."""

_CUSTOM = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
_CLIENT_RUN: dict[str, tuple[str, JSON]] = {
    "shell": (
        "Run shell commands, one after the other, and get their output.",
        {
            "type": "object",
            "properties": {
                "commands": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "timeout_ms": {"type": "integer", "minimum": 1},
                "max_output_length": {"type": "integer", "minimum": 1},
            },
            "required": ["commands"],
            "additionalProperties": False,
        },
    ),
    "local_shell": (
        "Run one command on the user's machine: the program and its arguments as a list.",
        {
            "type": "object",
            "properties": {
                "command": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "working_directory": {"type": "string"},
                "timeout_ms": {"type": "integer", "minimum": 1},
            },
            "required": ["command"],
            "additionalProperties": False,
        },
    ),
    "apply_patch": (
        "Create, update or delete one file. `diff` is the file's new lines, or a diff in V4A form.",
        {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                "path": {"type": "string"},
                "diff": {"type": "string"},
            },
            "required": ["type", "path"],
            "additionalProperties": False,
        },
    ),
    "tool_search": (
        "Search for further tools that fit what is to be done.",
        {
            "type": "object",
            "properties": {"query": {"type": "string"}},
            "required": ["query"],
            "additionalProperties": False,
        },
    ),
}


def offers(tools: Iterable[Tool], items: Iterable[Item]) -> list[Offer]:
    """What is offered of a request's tools, and of those that its items bring (`additional_tools`,
    `tool_search_output`), in order; of two with one name the later counts.

    Raises `msgspec.ValidationError` for a tool inside an item or namespace that has not its kind's shape.
    """
    found: dict[str, Offer] = {}
    brought = [tool for item in items for tool in _brought(item)]
    for tool in [*tools, *brought]:
        for offer in _offers_of(tool):
            found.pop(offer.name, None)
            found[offer.name] = offer
    return list(found.values())


def choose(offered: list[Offer], choice: ToolChoice) -> Choice:
    """What a tool choice means for what is offered. Raises `Problem` 400 for one that can't be met."""
    everything = frozenset(offer.name for offer in offered)
    match choice:
        case "none":
            return Choice(mode="none")
        case "auto":
            return Choice(mode="auto", names=everything)
        case "required":
            if not everything:
                raise _no_tool("'required' needs at least one tool in 'tools'.", "tool_choice")
            return Choice(mode="required", names=everything)
        case AllowedTools(mode=mode, tools=named):
            names = frozenset().union(*(_named(offered, one, f"tool_choice.tools[{n}]") for n, one in enumerate(named)))
            return Choice(mode=mode, names=names if mode != "none" else frozenset())
        case NamedChoice():
            return Choice(mode="required", names=_named(offered, choice, "tool_choice"))


def placed(request: Request) -> Iterator[tuple[Tool, str]]:
    """Every tool of a request, those that its items bring and those in namespaces too, with its place.

    Raises `Problem` 400 `invalid_value` for what is no tool inside another or in an item.
    """
    for number, tool in enumerate(request.tools):
        yield from _within(tool, f"tools[{number}]")
    for number, item in enumerate(request.input):
        if isinstance(item, Passed) and item.type in _BRINGING:
            yield from _inside(item.value.get("tools"), f"input[{number}]")


def refuse_approvals(items: Sequence[Item]) -> None:
    """Raise `Problem` 400 `unsupported_parameter` for an approval where the tool that would wait for it is not there
    (contracts §D). One that something was said after is history."""
    for place in range(len(items) - 1, -1, -1):
        match items[place]:
            case Passed(type="mcp_approval_response"):
                message = "The tool 'mcp' is not there, so that nothing waits for this approval. Leave it out."
                raise Problem(400, "unsupported_parameter", message, param=f"input[{place}].type")
            case Passed(type="mcp_call") | Message(role="assistant"):
                return


def forced(choice: ToolChoice) -> list[NamedChoice]:
    """The tools of which a choice demands a call, by name or kind; none where any will do, or no call."""
    match choice:
        case NamedChoice():
            return [choice]
        case AllowedTools(mode="required", tools=named):
            return named
        case _:
            return []


def _named(offered: list[Offer], choice: NamedChoice, path: str) -> frozenset[str]:
    """The offers that a named choice means; a hosted tool is nobody's offer, so that it means none."""
    by_name = isinstance(choice.name, str)
    names = frozenset(
        offer.name
        for offer in offered
        if offer.kind == choice.type and (not by_name or choice.name in (offer.tool_name, offer.name))
    )
    if not names and choice.type not in HOSTED:
        what = f"{choice.type} '{choice.name}'" if by_name else f"'{choice.type}' tool"
        raise _no_tool(f"Tool choice: there is no {what} in 'tools'.", path)
    return names


def _no_tool(message: str, path: str) -> Problem:
    return Problem(400, "invalid_value", message, param=path)


def _within(tool: Tool, place: str) -> Iterator[tuple[Tool, str]]:
    if isinstance(tool, PassedTool) and tool.type == "namespace":
        yield from _inside(tool.value.get("tools"), place)
    else:
        yield tool, place


def _inside(values: JSON, place: str) -> Iterator[tuple[Tool, str]]:
    for number, value in enumerate(values or ()):
        inner = f"{place}.tools[{number}]"
        try:
            tool = tool_from_json(value)
        except msgspec.ValidationError as fault:
            raise Problem(400, "invalid_value", f"This is no tool: {fault}", param=inner) from None
        yield from _within(tool, inner)


def _brought(item: Item) -> list[Tool]:
    if isinstance(item, Passed) and item.type in _BRINGING:
        return [tool_from_json(tool) for tool in item.value.get("tools") or []]
    return []


def _offers_of(tool: Tool, namespace: str | UnsetType = UNSET) -> Iterator[Offer]:
    match tool:
        case FunctionTool():
            yield Offer(
                name=flat(tool.name, namespace),
                description=tool.description or "",
                parameters=tool.parameters,
                strict=tool.strict,
                tool_name=tool.name,
                namespace=namespace,
            )
        case CustomTool():
            yield Offer(
                name=flat(tool.name, namespace),
                description=tool.description or "",
                parameters=_CUSTOM,
                kind="custom",
                tool_name=tool.name,
                namespace=namespace,
                grammar=_grammar(tool),
            )
        case _ if tool.type == "namespace":
            for nested in tool.value.get("tools") or []:
                yield from _offers_of(tool_from_json(nested), str(tool.value.get("name", "")))
        case _ if tool.type in _CLIENT_RUN:
            about, parameters = _CLIENT_RUN[tool.type]
            yield Offer(
                name=tool.type,
                description=tool.value.get("description") or about,
                parameters=tool.value.get("parameters") or parameters,
                kind=tool.type,  # type: ignore[arg-type]  # the keys of _CLIENT_RUN are kinds
                tool_name=tool.type,
            )


def _grammar(tool: CustomTool) -> Grammar | None:
    form = tool.format
    if not isinstance(form, dict) or form.get("type") != "grammar":
        return None
    return Grammar(str(form.get("syntax", "")), str(form.get("definition", "")))


def flat(name: str, namespace: str | UnsetType) -> str:
    """The one name under which a model knows a tool."""
    return f"{namespace}__{name}" if isinstance(namespace, str) else name
