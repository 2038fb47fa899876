"""What of a request a Chat Completions upstream ignores, and what is refused (contracts §D, its column).

Knows nothing of prompts, and nothing of the upstream but what it takes.
"""

from typing import NoReturn

from antiphon.core.items import CustomToolCallOutput, FunctionCallOutput, InputFile, InputImage, Item, Message
from antiphon.core.offers import HOSTED, forced, offers, placed, refuse_approvals
from antiphon.core.problems import Problem
from antiphon.core.request import CustomTool, JsonSchemaFormat, PassedTool, Request, ToolChoice
from antiphon.models.llama_grammar import BadGrammar, input_rules
from antiphon.models.llama_schema import validator
from antiphon.models.upstream import Takes


def ignored(request: Request, takes: frozenset[Takes]) -> list[str]:
    """The parameters that are asked for and will not be done, by their places.

    Raises `Problem` 400: `unsupported_parameter` for a picture where the upstream takes none, a file, a hosted tool
    or a grammar that is forced, the approval of such a tool; `invalid_json_schema` for a format's schema that is none;
    `invalid_value` for a grammar that can't be used.
    """
    for number, item in enumerate(request.input):
        refuse_unseen(item, f"input[{number}]", takes)
    refuse_approvals(request.input)
    names: list[str] = []
    if request.top_k is not None and "top_k" not in takes:
        names.append("top_k")
    if request.reasoning.summary is not None:
        names.append("reasoning.summary")
    unheld: set[str] = set()
    for tool, place in placed(request):
        if isinstance(tool, PassedTool) and tool.type in HOSTED:
            names.append(place)
        elif isinstance(tool, CustomTool) and _has_grammar(tool, place) and "grammar" not in takes:
            names.append(f"{place}.format")
            unheld.add(tool.name)
    _refuse_forced(request.tool_choice, unheld)
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


def _refuse_forced(choice: ToolChoice, unheld: set[str]) -> None:
    """Refuse a choice that leaves only what is not there, or what can't be promised."""
    named = forced(choice)
    here = [one for one in named if one.type not in HOSTED]
    if named and not here:
        _refuse(f"The tool '{named[0].type}' is not there, so that it can't be forced.", "tool_choice")
    if here and all(one.type == "custom" and one.name in unheld for one in here):
        _refuse(
            f"This model's server can't hold the tool '{here[0].name}' to its grammar, so that it can't be forced.",
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
