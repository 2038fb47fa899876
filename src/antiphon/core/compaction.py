"""Compaction: what stays of a long conversation word by word, and what a model is asked to sum up (protocol §8.5).

Knows nothing of tokens, models or keys: whoever asks counts, has the summary written, and seals.

A compaction item stands for everything before it. It holds the messages of the user and of the developer that
stay, the summary of the rest, and the turn that is going on (`tail`): a prompt that begins with it needs nothing else.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct

from antiphon.core.items import (
    AnyItem,
    Compaction,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    Passed,
    Reasoning,
    Refusal,
)
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.wire import encode, open_union, pack

KIND = "compaction"
"""The kind under which compactions are sealed."""

TRIGGER = "compaction_trigger"

ASK = (
    "You sum up conversations, so that they can go on without being read again. Below is a conversation between a user "
    "and an assistant. Write down what it takes to go on: who the user is and what they want, every name, number, "
    "decision and fact, what was done and found, and what is left to do. Take over what an earlier summary says. "
    "Be brief, and say nothing that does not stand there."
)
"""Said as the system to the model that writes a summary; what is to be summed up is the one message of the user."""

CLOSING = "\n\nNow write the summary: who the user is (The user ...), what they want, then what was done and found."
"""Said behind what is to be summed up. A small model that is not told to write of "the user" tells of a person by their
name only, and later takes nobody to be asking (docs/log.md)."""

_SUMMED_UP = "Here is what you know about me and our conversation so far:\n"

_STANDING = frozenset({"additional_tools", "tool_search_output", "configuration_update"})
"""Kinds of items that say what holds for the turns after them: they stay."""


class Compacted(Struct, kw_only=True, omit_defaults=True):
    """What stands in a compaction. `model` wrote the summary."""

    model: str
    kept: list[AnyItem] = []
    summary: str = ""
    tail: list[AnyItem] = []


_decoder = msgspec.json.Decoder(Compacted, dec_hook=open_union)


def packed(compacted: Compacted) -> bytes:
    """What is sealed."""
    return pack(compacted)


def unpacked(data: bytes) -> Compacted:
    """What was sealed. Raises `msgspec.DecodeError` for other bytes."""
    return _decoder.decode(data)


def shown(compacted: Compacted) -> list[Item]:
    """What a model sees of it: the summary before what the user said since. Behind, a small one passes it over."""
    kept = compacted.kept
    place = next((place for place, item in enumerate(kept) if is_users(item)), len(kept))
    summary = [told(compacted.summary)] if compacted.summary else []
    return [*kept[:place], *summary, *kept[place:], *compacted.tail]


def told(summary: str) -> Message:
    """A summary, as a model is told it."""
    return Message(role="user", content=[InputText(_SUMMED_UP + summary)])


def latest(items: Sequence[Item]) -> int | None:
    """The place of the last compaction: what stands before it is not seen any more."""
    return next((place for place in range(len(items) - 1, -1, -1) if isinstance(items[place], Compaction)), None)


def take_trigger(request: Request) -> None:
    """Have a trigger at the end of the input ask for a compaction; it is no item then. Raises `Problem` 400 for one
    that stands elsewhere (protocol §2.1)."""
    for place, item in enumerate(request.input):
        if isinstance(item, Passed) and item.type == TRIGGER:
            if place < len(request.input) - 1:
                message = f"'{TRIGGER}' must be the last item of the input."
                raise Problem(400, "invalid_value", message, param=f"input[{place}].type")
            request.input = request.input[:-1]
            request.compacts = "item"


class Matter(NamedTuple):
    """What is to be compacted: all that a model would see, oldest first, and the summary of what it sees no more."""

    items: list[Item]
    summary: str = ""


def matter(head: Compacted | None, rest: Iterable[Item]) -> Matter:
    """What is to be compacted where `head` was compacted before, and `rest` came since."""
    if head is None:
        return Matter(list(rest))
    return Matter([*head.kept, *head.tail, *rest], head.summary)


def question(items: Sequence[Item]) -> int:
    """The place of the last message of the user, at which the turn begins that is going on; past the end without."""
    return next((place for place in range(len(items) - 1, -1, -1) if is_users(items[place])), len(items))


def is_users(item: Item) -> bool:
    """Whether the user said it."""
    return isinstance(item, Message) and item.role == "user"


class Split(NamedTuple):
    """How items are divided: `kept` word by word, `gone` into the summary, `tail` as the turn that goes on."""

    kept: list[Item]
    gone: list[Item]
    tail: list[Item]


def split(items: Sequence[Item], dropped: int, held: int, tail: int) -> Split:
    """Divide items: the `dropped` oldest messages of the user go, but not the one at place `held`; from place `tail`
    on all stays. Of the rest only what the developer said, and what brings tools, stays."""
    found = Split([], [], list(items[tail:]))
    for place, item in enumerate(items[:tail]):
        stays = _stands(item)
        if is_users(item):
            stays = dropped <= 0 or place == held
            dropped -= 1
        (found.kept if stays else found.gone).append(item)
    return found


def _stands(item: Item) -> bool:
    if isinstance(item, Passed):
        return item.type in _STANDING
    return isinstance(item, Message) and item.role in ("system", "developer")


def is_asked(items: Sequence[Item]) -> bool:
    """Whether a model is asked for a summary by these items."""
    return bool(items) and items[0] == _said_by_system()


def asking(text: str) -> list[Item]:
    """What a model is asked that is to sum up a text."""
    return [_said_by_system(), Message(role="user", content=[InputText(text + CLOSING)])]


def _said_by_system() -> Message:
    return Message(role="system", content=[InputText(ASK)])


def transcript(items: Iterable[Item], summary: str = "") -> str:
    """Items as a text to be summed up, behind the summary of what came before them; thoughts are left out."""
    found = [headed("summary of what came before", summary)] if summary else []
    for item in items:
        match item:
            case Message(role=role, content=parts):
                found.append(headed(role, _text(parts)))
            case FunctionCall(name=name, arguments=text) | CustomToolCall(name=name, input=text):
                found.append(headed(f"the assistant calls {name}", text))
            case FunctionCallOutput(output=output) | CustomToolCallOutput(output=output):
                found.append(headed("the tool answers", output if isinstance(output, str) else _text(output)))
            case Reasoning():
                pass
            case Passed(type=kind) if kind not in _STANDING:
                found.append(headed(kind, encode(item).decode()))
    return "\n\n".join(found)


def headed(title: str, text: str) -> str:
    """A part of a transcript: who speaks, on a line of its own, and what."""
    return f"[{title}]\n{text}"


def _text(parts: Iterable[Part]) -> str:
    return "\n".join(map(_part, parts))


def _part(part: Part) -> str:
    match part:
        case InputText(text=text) | OutputText(text=text):
            return text
        case Refusal(refusal=text):
            return text
    return f"({part.__struct_config__.tag})"
