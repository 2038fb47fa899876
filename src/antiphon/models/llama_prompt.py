"""A prompt as the messages of a chat template, and what of a request the embedded model ignores or refuses.

Knows nothing of any one model's template or tokenizer.
"""

from collections.abc import Iterator

from msgspec import UNSET

from antiphon.core.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    Reasoning,
    Refusal,
)
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt
from antiphon.core.request import Request
from antiphon.models.llama_frames import Said


def ignored(request: Request) -> list[str]:
    """The parameters that are asked for and will not be done (contracts §D, column "embedded").

    Raises `Problem` 400 `unsupported_parameter` for pictures and files.
    """
    for number, item in enumerate(request.input):
        _refuse_unseen(item, f"input[{number}]")
    names = []
    if request.reasoning.effort not in {None, "none"}:
        names.append("reasoning.effort")
    if request.reasoning.summary is not None:
        names.append("reasoning.summary")
    if request.text.verbosity not in {UNSET, "medium"}:
        names.append("text.verbosity")
    if request.service_tier not in {None, "auto", "default"}:
        names.append("service_tier")
    return names


def messages(prompt: Prompt) -> list[Said]:
    """The messages of a prompt's items, in order. Thought is left out, and so is what only a hosted tool did.

    Calls and their outputs stand as plain text. Raises `Problem` 400 for pictures and files.
    """
    return list(_messages([*prompt.items, *_finished(prompt.said)]))


def begun(prompt: Prompt) -> str:
    """The text with which the answer has begun already, after an interruption; "" where it has not."""
    last = prompt.said[-1] if prompt.said else None
    if isinstance(last, Message) and last.status == "in_progress":
        return _text(last.content)
    return ""


def _finished(said: list[Item]) -> list[Item]:
    return [item for item in said if getattr(item, "status", "completed") != "in_progress"]


def _messages(items: list[Item]) -> Iterator[Said]:
    names: dict[str, str] = {}
    for number, item in enumerate(items):
        _refuse_unseen(item, f"input[{number}]")
        match item:
            case Message(role=role, content=content):
                yield Said("system" if role == "developer" else role, _text(content))
            case (
                FunctionCall(call_id=call_id, name=name, arguments=given)
                | CustomToolCall(call_id=call_id, name=name, input=given)
            ):
                names[call_id] = name
                yield Said("assistant", f"I call {name} with: {given}")
            case (
                FunctionCallOutput(call_id=call_id, output=output)
                | CustomToolCallOutput(call_id=call_id, output=output)
            ):
                told = output if isinstance(output, str) else _text(output)
                yield Said("user", f"{names.get(call_id, 'The function')} returned: {told}")
            case _:
                continue


def _text(parts: list[Part]) -> str:
    return "\n".join(_words(part) for part in parts)


def _words(part: Part) -> str:
    match part:
        case InputText(text=text) | OutputText(text=text):
            return text
        case Refusal(refusal=text):
            return text
        case _:
            return ""


def _refuse_unseen(item: Item, place: str) -> None:
    match item:
        case Message(content=parts):
            place += ".content"
        case FunctionCallOutput(output=[*parts]) | CustomToolCallOutput(output=[*parts]):
            place += ".output"
        case Reasoning() | _:
            return
    for number, part in enumerate(parts):
        if isinstance(part, InputImage | InputFile):
            kind = "pictures" if isinstance(part, InputImage) else "files"
            raise Problem(400, "unsupported_parameter", f"This model can't see {kind}.", param=f"{place}[{number}]")
