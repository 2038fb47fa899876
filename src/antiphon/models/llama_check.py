"""What of a request the embedded model ignores, and what it refuses (contracts §D, column "embedded").

Knows nothing of prompts and of the engine.
"""

from collections.abc import Callable
from typing import NoReturn

from msgspec import UNSET

from antiphon.core.items import InputImage
from antiphon.core.offers import HOSTED, Offer, forced, offers, placed, refuse_approvals
from antiphon.core.problems import Problem
from antiphon.core.request import JsonSchemaFormat, PassedTool, Request, Tool, ToolChoice
from antiphon.models.llama_grammar import BadGrammar, arguments, input_rules, text_schema
from antiphon.models.llama_prompt import refuse_unseen
from antiphon.models.llama_schema import Enforceable, LeftOut, Unusable


def ignored(request: Request, *, thinks: bool) -> list[str]:
    """The parameters that are asked for and will not be done, by their places; `thinks` says whether the model can.

    Raises `Problem` 400: `unsupported_parameter` for pictures, a hosted tool that is forced, and its approval;
    `invalid_json_schema` for a schema that can't be enforced under `strict`, or at all;
    `invalid_value` for a grammar that can't be used and a tool choice that can't be met.
    """
    for number, item in enumerate(request.input):
        refuse_unseen(item, f"input[{number}]", (InputImage,))  # of files whoever gathers the prompt makes text
    refuse_approvals(request.input)
    names = _manner(request)
    if request.reasoning.effort not in {None, "none"} and not thinks:
        names.insert(0, "reasoning.effort")
    for tool, place in placed(request):
        names += _tool(tool, place)
    _refuse_forced(request.tool_choice)
    return names + _format(request)


def _manner(request: Request) -> list[str]:
    names = []
    if request.reasoning.summary is not None:
        names.append("reasoning.summary")
    if request.text.verbosity not in {UNSET, "medium"}:
        names.append("text.verbosity")
    if request.service_tier not in {None, "auto", "default"}:
        names.append("service_tier")
    return names


def _tool(tool: Tool, place: str) -> list[str]:
    if isinstance(tool, PassedTool) and tool.type in HOSTED:
        return [place]
    return [name for offer in offers([tool], []) for name in _offer(offer, place)]


def _offer(offer: Offer, place: str) -> list[str]:
    if offer.kind == "custom":
        try:
            input_rules(offer.grammar)
        except BadGrammar as fault:
            raise Problem(
                400,
                "invalid_value",
                f"The grammar of '{offer.tool_name}' can't be used: {fault}.",
                param=f"{place}.format.definition",
            ) from None
        return []
    what = f"function '{offer.tool_name}'"
    left_out = _enforced(lambda: arguments(offer), what, f"{place}.parameters", strict=offer.strict)
    return [f"{place}.parameters{one.pointer}" for one in left_out]


def _format(request: Request) -> list[str]:
    form = request.text.format
    if not isinstance(form, JsonSchemaFormat):
        return []
    place = "text.format.schema"
    left_out = _enforced(lambda: text_schema(form), f"text format '{form.name}'", place, strict=form.strict)
    return [f"{place}{one.pointer}" for one in left_out]


def _enforced(find: Callable[[], Enforceable | None], what: str, param: str, *, strict: bool | None) -> list[LeftOut]:
    """What is left out of a schema; refused where nothing may be."""
    try:
        found = find()
    except Unusable as fault:
        _refuse(what, param, LeftOut(fault.pointer, str(fault)))
    left_out = [] if found is None else found.left_out
    if strict and left_out:
        _refuse(what, param, left_out[0])
    return left_out


def _refuse(what: str, param: str, fault: LeftOut) -> NoReturn:
    message = f"Invalid schema for {what}: {fault.pointer}: {fault.reason}."
    raise Problem(400, "invalid_json_schema", message, param=param)


def _refuse_forced(choice: ToolChoice) -> None:
    """Refuse a choice that leaves only tools which are not here. One for what a history brings is seen to later."""
    named = forced(choice)
    if named and all(one.type in HOSTED for one in named):
        message = f"The tool '{named[0].type}' is not there, so that it can't be forced."
        raise Problem(400, "unsupported_parameter", message, param="tool_choice")
