"""Estimates: tokens that nobody counted, from the characters.

Knows nothing of any model's tokenizer. Pictures are not counted: what they take differs by model.
"""

from collections.abc import Iterable, Sequence

from antiphon.core.items import (
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
    ReasoningText,
    Refusal,
    SummaryText,
)
from antiphon.core.request import Tool
from antiphon.core.wire import encode

CHARACTERS_A_TOKEN = 4


def tokens(characters: int) -> int:
    """What so many characters are taken for."""
    return -(-characters // CHARACTERS_A_TOKEN)


def of_items(items: Iterable[Item]) -> int:
    """The tokens of what items say."""
    return tokens(sum(map(_characters, items)))


def of_prompt(tools: Sequence[Tool], seen: Iterable[Item]) -> int:
    """The tokens of what a model was given: the tools, and the items that it has seen."""
    return tokens((len(encode(tools)) if tools else 0) + sum(map(_characters, seen)))


def _characters(item: Item) -> int:
    match item:
        case Message(content=parts):
            return _of_parts(parts)
        case FunctionCall(name=name, arguments=text) | CustomToolCall(name=name, input=text):
            return len(name) + len(text)
        case FunctionCallOutput(output=output) | CustomToolCallOutput(output=output):
            return len(output) if isinstance(output, str) else _of_parts(output)
        case Reasoning(summary=summary, content=content):
            return _of_parts(content or summary)
        case Passed():
            return len(encode(item))
    return 0


def _of_parts(parts: Sequence[Part]) -> int:
    return sum(map(_of_part, parts))


def _of_part(part: Part) -> int:
    match part:
        case InputText(text=text) | OutputText(text=text) | ReasoningText(text=text) | SummaryText(text=text):
            return len(text)
        case Refusal(refusal=text):
            return len(text)
    return 0
