"""A prompt as the messages of a chat template.

Knows nothing of any one model's template or tokenizer.
"""

from collections.abc import Iterator

from antiphon.core.calls import AsFunction, AsOutput, as_function
from antiphon.core.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    Refusal,
)
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt
from antiphon.models.llama_frames import Said
from antiphon.models.llama_grammar import reply_word
from antiphon.models.llama_tools import call, output, shots, told


def messages(prompt: Prompt) -> list[Said]:
    """The messages of a prompt's items, in order. Thought is left out, and so is what only a hosted tool did.

    Where tools are offered, or another form than text is asked for, the model is told so at the head.
    Raises `Problem` 400 for pictures and files.
    """
    word = reply_word(prompt.offers)
    head = told(prompt.offers, word, prompt.text.format)
    said = list(_messages([*prompt.items, *_finished(prompt.said)], word if prompt.offers else None))
    first = []
    if said and said[0].role == "system":
        first = [said.pop(0).content]
    system = [Said("system", "\n\n".join([*first, head] if head else first))] if first or head else []
    shown = [] if prompt.choice.mode == "required" else shots(prompt.offers, word, prompt.text.format)
    return [*system, *shown, *said]


def begun(prompt: Prompt) -> str:
    """The text with which the answer has begun already, after an interruption; "" where it has not."""
    last = prompt.said[-1] if prompt.said else None
    if isinstance(last, Message) and last.status == "in_progress":
        return _text(last.content)
    return ""


def called(prompt: Prompt) -> bool:
    """Whether an answer that was interrupted had come to calls, which end it."""
    return bool(prompt.said) and isinstance(as_function(prompt.said[-1]), AsFunction)


def _finished(said: list[Item]) -> list[Item]:
    return [item for item in said if getattr(item, "status", "completed") != "in_progress"]


def _messages(items: list[Item], reply: str | None) -> Iterator[Said]:
    """Each item's message; calls that stand together are one, and so are their outputs."""
    names: dict[str, str] = {}
    together: list[str] = []
    kind = ""
    for number, item in enumerate(items):
        refuse_unseen(item, f"input[{number}]")
        said = _called(item, names)
        if said is not None and said.role == kind:
            together.append(said.content)
            continue
        if together:
            yield Said(kind, "\n".join(together))
            together, kind = [], ""
        if said is not None:
            together, kind = [said.content], said.role
        elif isinstance(item, Message):
            yield _spoken(item, reply)
    if together:
        yield Said(kind, "\n".join(together))


def _spoken(message: Message, reply: str | None) -> Said:
    text = _text(message.content)
    if message.role == "assistant" and reply is not None:
        text = call(reply, text)
    return Said("system" if message.role == "developer" else message.role, text)


def _called(item: Item, names: dict[str, str]) -> Said | None:
    """What is said of a call or an output; None for any other item. `names` maps a call's id to its name."""
    match as_function(item):
        case AsFunction(call_id=call_id, name=name, arguments=given):
            names[call_id] = name
            return Said("assistant", call(name, item.input if isinstance(item, CustomToolCall) else given))
        case AsOutput(call_id=call_id, output=given):
            text = given if isinstance(given, str) else _text(given)
            return Said("user", output(names.get(call_id, "The function"), text))
        case _:
            return None


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


def refuse_unseen(item: Item, place: str, kinds: tuple[type[Part], ...] = (InputImage, InputFile)) -> None:
    """Raise `Problem` 400 `unsupported_parameter` for parts of those kinds in an item that stands at `place`."""
    match item:
        case Message(content=parts):
            place += ".content"
        case FunctionCallOutput(output=[*parts]) | CustomToolCallOutput(output=[*parts]):
            place += ".output"
        case _:
            return
    for number, part in enumerate(parts):
        if isinstance(part, kinds):
            kind = "pictures" if isinstance(part, InputImage) else "files"
            raise Problem(400, "unsupported_parameter", f"This model can't see {kind}.", param=f"{place}[{number}]")
