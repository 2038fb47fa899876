"""The grammar: how each kind of delta that is streamed is told, as a table (protocol §5.2).

Knows nothing of order: the emitter decides what is open, and asks the row what to say.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from antiphon.core import deltas as d
from antiphon.core import events as e
from antiphon.core.items import (
    CustomToolCall,
    FunctionCall,
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    Refusal,
    SummaryText,
)


class Speaker(Protocol):
    """What a row needs of the emitter: where it stands, and what has grown there."""

    index: int
    item_id: str
    part_index: int

    def next(self) -> int:
        """The next sequence number."""
        ...

    def grown(self) -> Any:
        """The part that is open, as it stands."""
        ...

    def snapshot(self) -> Any:
        """The item that is open, as it stands."""
        ...


class Row(NamedTuple):
    """How one kind of delta is told: the item and part it stands in, and its two events."""

    item: type
    part: type | None
    delta: Callable[["Speaker", Any], e.Event]
    done: Callable[["Speaker"], e.Event]


def _text_delta(m: "Speaker", delta: d.TextDelta) -> e.Event:
    return e.OutputTextDelta(m.next(), m.item_id, m.index, m.part_index, delta.text, delta.logprobs or [])


def _text_done(m: "Speaker") -> e.Event:
    part = m.grown()
    return e.OutputTextDone(m.next(), m.item_id, m.index, m.part_index, part.text, part.logprobs)


def _refusal_delta(m: "Speaker", delta: d.RefusalDelta) -> e.Event:
    return e.RefusalDelta(m.next(), m.item_id, m.index, m.part_index, delta.text)


def _refusal_done(m: "Speaker") -> e.Event:
    return e.RefusalDone(m.next(), m.item_id, m.index, m.part_index, m.grown().refusal)


def _reasoning_delta(m: "Speaker", delta: d.ReasoningDelta) -> e.Event:
    return e.ReasoningTextDelta(m.next(), m.item_id, m.index, m.part_index, delta.text)


def _reasoning_done(m: "Speaker") -> e.Event:
    return e.ReasoningTextDone(m.next(), m.item_id, m.index, m.part_index, m.grown().text)


def _summary_delta(m: "Speaker", delta: d.SummaryDelta) -> e.Event:
    return e.SummaryTextDelta(m.next(), m.item_id, m.index, m.part_index, delta.text)


def _summary_done(m: "Speaker") -> e.Event:
    return e.SummaryTextDone(m.next(), m.item_id, m.index, m.part_index, m.grown().text)


def _call_delta(m: "Speaker", delta: d.CallDelta) -> e.Event:
    return e.ArgumentsDelta(m.next(), m.item_id, m.index, delta.text)


def _call_done(m: "Speaker") -> e.Event:
    call = m.snapshot()
    return e.ArgumentsDone(m.next(), m.item_id, m.index, call.arguments, call.name)


def _custom_delta(m: "Speaker", delta: d.CustomDelta) -> e.Event:
    return e.CustomInputDelta(m.next(), m.item_id, m.index, delta.text)


def _custom_done(m: "Speaker") -> e.Event:
    return e.CustomInputDone(m.next(), m.item_id, m.index, m.snapshot().input)


ROWS: dict[type, Row] = {
    d.TextDelta: Row(Message, OutputText, _text_delta, _text_done),
    d.RefusalDelta: Row(Message, Refusal, _refusal_delta, _refusal_done),
    d.ReasoningDelta: Row(Reasoning, ReasoningText, _reasoning_delta, _reasoning_done),
    d.SummaryDelta: Row(Reasoning, SummaryText, _summary_delta, _summary_done),
    d.CallDelta: Row(FunctionCall, None, _call_delta, _call_done),
    d.CustomDelta: Row(CustomToolCall, None, _custom_delta, _custom_done),
}
"""The grammar of what is streamed. A new kind of call is a row here and a struct in `deltas`."""
