"""What of a request a Chat Completions upstream ignores, and what is refused (contracts §D, its column).

Knows nothing of prompts, and nothing of the upstream but what it takes.
"""

from collections.abc import Iterator
from typing import NoReturn

import msgspec

from antiphon.core.items import CustomToolCallOutput, FunctionCallOutput, InputFile, InputImage, Item, Message, Passed
from antiphon.core.offers import HOSTED, choose, offers
from antiphon.core.problems import Problem
from antiphon.core.request import (
    AllowedTools,
    CustomTool,
    JsonSchemaFormat,
    NamedChoice,
    PassedTool,
    Request,
    Tool,
    tool_from_json,
)
from antiphon.models.answer_check import validator
from antiphon.models.llama_grammar import BadGrammar, input_rules
from antiphon.models.upstream import Takes


def ignored(request: Request, takes: frozenset[Takes]) -> list[str]:
    """The parameters that are asked for and will not be done, by their places.

    Raises `Problem` 400: `unsupported_parameter` for a picture where the upstream takes none, a file, a hosted tool
    or a grammar that is forced; `invalid_json_schema` for a format's schema that is none; `invalid_value` for a
    grammar that can't be used.
    """
    for number, item in enumerate(request.input):
        refuse_unseen(item, f"input[{number}]", takes)
    names: list[str] = []
    if request.top_k is not None and "top_k" not in takes:
        names.append("top_k")
    if request.reasoning.summary is not None:
        names.append("reasoning.summary")
    unheld: set[str] = set()
    for tool, place in _placed(request):
        if isinstance(tool, PassedTool) and tool.type in HOSTED:
            names.append(place)
        elif isinstance(tool, CustomTool) and _has_grammar(tool, place) and "grammar" not in takes:
            names.append(f"{place}.format")
            unheld.add(tool.name)
    _refuse_forced(request, unheld)
    _check_format(request)
    return names


def refuse_unseen(item: Item, place: str, takes: frozenset[Takes]) -> None:
    """Raise `Problem` 400 `unsupported_parameter` for what the upstream can't see in an item that stands at `place`."""
    match item:
        case Message(content=parts):
            place += ".content"
        case FunctionCallOutput(output=[*parts]) | CustomToolCallOutput(output=[*parts]):
            place += ".output"
        case _:
            return
    for number, part in enumerate(parts):
        if isinstance(part, InputImage) and "images" not in takes:
            _refuse("This model can't see pictures.", f"{place}[{number}]")


def refuse_files(item: Item, place: str) -> None:
    """Raise `Problem` 400 for a file that nobody has made text of."""
    parts = item.content if isinstance(item, Message) else getattr(item, "output", ())
    if not isinstance(parts, str) and any(isinstance(part, InputFile) for part in parts):
        _refuse("This model can't read files of this kind.", place)


def _placed(request: Request) -> Iterator[tuple[Tool, str]]:
    """Every tool of the request, those in its items and in namespaces too, with its place."""
    for number, tool in enumerate(request.tools):
        yield from _within(tool, f"tools[{number}]")
    for number, item in enumerate(request.input):
        if isinstance(item, Passed) and item.type in {"additional_tools", "tool_search_output"}:
            yield from _inside(item.value.get("tools"), f"input[{number}]")


def _within(tool: Tool, place: str) -> Iterator[tuple[Tool, str]]:
    if isinstance(tool, PassedTool) and tool.type == "namespace":
        yield from _inside(tool.value.get("tools"), place)
    else:
        yield tool, place


def _inside(values: object, place: str) -> Iterator[tuple[Tool, str]]:
    for number, value in enumerate(values if isinstance(values, list) else ()):
        inner = f"{place}.tools[{number}]"
        try:
            yield from _within(tool_from_json(value), inner)
        except msgspec.ValidationError as fault:
            raise Problem(400, "invalid_value", f"This is no tool: {fault}", param=inner) from None


def _has_grammar(tool: CustomTool, place: str) -> bool:
    offer = offers([tool], [])[0]
    if offer.grammar is None:
        return False
    try:
        input_rules(offer.grammar)
    except BadGrammar as fault:
        message = f"The grammar of '{tool.name}' can't be used: {fault}."
        raise Problem(400, "invalid_value", message, param=f"{place}.format.definition") from None
    return True


def _refuse_forced(request: Request, unheld: set[str]) -> None:
    """Refuse a choice that leaves only what is not there, or what can't be promised."""
    choice = request.tool_choice
    named = [choice] if isinstance(choice, NamedChoice) else []
    if isinstance(choice, AllowedTools) and choice.mode == "required":
        named = choice.tools
    hosted = [one.type for one in named if one.type in HOSTED]
    if hosted:
        offered = offers(request.tools, request.input)
        if not choose(offered, choice).names:
            _refuse(f"The tool '{hosted[0]}' is not there, so that it can't be forced.", "tool_choice")
    if named and all(one.type == "custom" and one.name in unheld for one in named):
        _refuse(
            f"This model's server can't hold the tool '{named[0].name}' to its grammar, so that it can't be forced.",
            "tool_choice",
        )


def _check_format(request: Request) -> None:
    form = request.text.format
    if not isinstance(form, JsonSchemaFormat) or not form.strict or form.schema is None:
        return
    try:
        validator(form.schema)
    except ValueError as fault:
        said = str(fault).partition("\n")[0]
        message = f"Invalid schema for text format '{form.name}': {said[:300]}"
        raise Problem(400, "invalid_json_schema", message, param="text.format.schema") from None


def _refuse(message: str, param: str) -> NoReturn:
    raise Problem(400, "unsupported_parameter", message, param=param)
