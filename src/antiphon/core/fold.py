"""Fold: the response that a log of events tells (DESIGN §1, §3).

Knows nothing of who made the events. `Fold.apply` is the only way in which a response changes.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from antiphon.core import events as e
from antiphon.core.items import (
    CustomToolCall,
    FunctionCall,
    Item,
    Logprob,
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    Refusal,
    SummaryText,
)
from antiphon.core.response import Response


class OpenPart(Struct):
    """A part that grows: text in pieces, joined once, when somebody looks."""

    part: OutputText | Refusal | ReasoningText | SummaryText
    pieces: list[str] = []
    logprobs: list[Logprob] = []
    annotations: list[Any] = []

    def close(self) -> OutputText | Refusal | ReasoningText | SummaryText:
        """The part as it stands, a copy of its own."""
        text = "".join(self.pieces)
        if isinstance(self.part, OutputText):
            return OutputText(text, list(self.annotations), list(self.logprobs))
        if isinstance(self.part, Refusal):
            return Refusal(text)
        return type(self.part)(text)


class OpenItem(Struct):
    """An item that grows: as it was added, the parts that are done, the one that is open."""

    item: Item
    parts: list[Any] = []
    summary: list[SummaryText] = []
    open: OpenPart | None = None
    pieces: list[str] = []

    def text(self) -> str:
        """What a call has been given so far: its arguments, or its input."""
        return "".join(self.pieces)

    def snapshot(self) -> Item:
        """The item as it stands, a copy of its own."""
        item = self.item
        if isinstance(item, FunctionCall):
            return replace(item, arguments=self.text())
        if isinstance(item, CustomToolCall):
            return replace(item, input=self.text())
        parts, summary = list(self.parts), list(self.summary)
        if self.open is not None:
            part = self.open.close()
            if isinstance(part, SummaryText):
                summary.append(part)
            else:
                parts.append(part)
        if isinstance(item, Message):
            return replace(item, content=parts)
        if isinstance(item, Reasoning):
            return replace(item, summary=summary, content=parts or item.content)
        return item


class Fold:
    """The state of a response between two events.

    After `apply(event)` for every event of a log in order, `snapshot()` is the response at
    that point: a value of its own, which later events do not touch.
    """

    __slots__ = ("open", "response")

    def __init__(self, response: Response) -> None:
        self.response = replace(response, output=list(response.output))
        self.open: dict[int, OpenItem] = {}

    def apply(self, event: e.Event) -> None:
        """Let one event change the response. Events come in order, each once."""
        _APPLY[type(event)](self, event)

    def snapshot(self) -> Response:
        """The response as it stands, open items included as far as they were told."""
        output = list(self.response.output)
        output.extend(self.open[index].snapshot() for index in sorted(self.open))
        return replace(self.response, output=output)

    def _replace(self, event: Any) -> None:
        self.response = replace(event.response, output=list(event.response.output))
        self.open = {}

    def _item_added(self, event: e.OutputItemAdded) -> None:
        self.open[event.output_index] = OpenItem(event.item)

    def _item_done(self, event: e.OutputItemDone) -> None:
        self.open.pop(event.output_index, None)
        self.response.output.append(event.item)

    def _part_added(self, event: e.ContentPartAdded | e.SummaryPartAdded) -> None:
        self.open[event.output_index].open = OpenPart(event.part)

    def _part_done(self, event: e.ContentPartDone) -> None:
        item = self.open[event.output_index]
        item.open = None
        item.parts.append(event.part)

    def _summary_done(self, event: e.SummaryPartDone) -> None:
        item = self.open[event.output_index]
        item.open = None
        item.summary.append(event.part)

    def _text(self, event: e.OutputTextDelta) -> None:
        part = self.open[event.output_index].open
        assert part is not None, "a delta of a part that is not open"
        part.pieces.append(event.delta)
        if event.logprobs:
            part.logprobs.extend(event.logprobs)

    def _part_delta(self, event: Any) -> None:
        self._part(event.output_index).pieces.append(event.delta)

    def _annotation(self, event: e.AnnotationAdded) -> None:
        self._part(event.output_index).annotations.append(event.annotation)

    def _call_delta(self, event: Any) -> None:
        self.open[event.output_index].pieces.append(event.delta)

    def _nothing(self, event: e.Event) -> None:
        """A `done` repeats what the deltas said."""

    def _part(self, output_index: int) -> OpenPart:
        part = self.open[output_index].open
        assert part is not None, "a delta of a part that is not open"
        return part


_APPLY: dict[type[e.Event], Callable[[Fold, Any], None]] = {
    e.ResponseCreated: Fold._replace,
    e.ResponseQueued: Fold._replace,
    e.ResponseInProgress: Fold._replace,
    e.ResponseCompleted: Fold._replace,
    e.ResponseIncomplete: Fold._replace,
    e.ResponseFailed: Fold._replace,
    e.OutputItemAdded: Fold._item_added,
    e.OutputItemDone: Fold._item_done,
    e.ContentPartAdded: Fold._part_added,
    e.ContentPartDone: Fold._part_done,
    e.SummaryPartAdded: Fold._part_added,
    e.SummaryPartDone: Fold._summary_done,
    e.OutputTextDelta: Fold._text,
    e.RefusalDelta: Fold._part_delta,
    e.ReasoningTextDelta: Fold._part_delta,
    e.SummaryTextDelta: Fold._part_delta,
    e.AnnotationAdded: Fold._annotation,
    e.ArgumentsDelta: Fold._call_delta,
    e.CustomInputDelta: Fold._call_delta,
    e.OutputTextDone: Fold._nothing,
    e.RefusalDone: Fold._nothing,
    e.ReasoningTextDone: Fold._nothing,
    e.SummaryTextDone: Fold._nothing,
    e.ArgumentsDone: Fold._nothing,
    e.CustomInputDone: Fold._nothing,
}
