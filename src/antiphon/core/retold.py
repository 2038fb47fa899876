"""Retold: a finished item as the deltas that would have told it (protocol §5.2).

Knows nothing of events; the emitter speaks what stands here.
"""

from collections.abc import Sequence

from msgspec import UNSET
from msgspec.structs import replace

from antiphon.core import deltas as d
from antiphon.core.items import CustomToolCall, FunctionCall, Item, Message, OutputText, Reasoning, Refusal


def retold(item: Item) -> tuple[Item, list[Sequence[d.Delta]]] | None:
    """The item as it is added, and the deltas of each of its parts; None where nothing of it is streamed."""
    match item:
        case Message(role="assistant") if all(isinstance(part, OutputText | Refusal) for part in item.content):
            return replace(item, status="in_progress", content=[]), [_words(part) for part in item.content]
        case Reasoning():
            runs: list[Sequence[d.Delta]] = [[d.SummaryDelta(part.text, begins=True)] for part in item.summary]
            if item.content is not UNSET:
                runs += [[d.ReasoningDelta(part.text)] for part in item.content]
            if item.encrypted_content is not UNSET:
                runs.append([d.ReasoningSealed(item.encrypted_content)])
            return Reasoning(id=item.id, status="in_progress"), runs
        case FunctionCall():
            return replace(item, status="in_progress", arguments=""), [[d.CallDelta(item.arguments)]]
        case CustomToolCall():
            return replace(item, status="in_progress", input=""), [[d.CustomDelta(item.input)]]
    return None


def _words(part: object) -> Sequence[d.Delta]:
    if isinstance(part, Refusal):
        return [d.RefusalDelta(part.refusal)]
    assert isinstance(part, OutputText)
    return [d.TextDelta(part.text, part.logprobs or None), *map(d.AnnotationDelta, part.annotations)]
