"""Emitter: deltas in, events out, always in the grammar (protocol §5.2).

Knows nothing of models, clocks or randomness: ids and times are handed in.

The rules of this file:
- only the emitter makes events and gives sequence numbers;
- at most one item is open, and in it at most one part;
- a delta that does not belong to what is open closes it first;
- whatever was opened is closed before the terminal event, and nothing follows that.

The caller owes `start`, then any number of `feed`, then one `finish`.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from antiphon.core import deltas as d
from antiphon.core import events as e
from antiphon.core.fold import Fold
from antiphon.core.grammar import ROWS, Row
from antiphon.core.items import (
    CustomToolCall,
    FunctionCall,
    Item,
    ItemStatus,
    Message,
    Reasoning,
    SummaryText,
    identified,
)
from antiphon.core.response import (
    IncompleteDetails,
    Response,
    ResponseError,
    Usage,
    add_usage,
    turn_usage,
)
from antiphon.core.retold import retold

NewId = Callable[[str], str]
"""Gives an id that never was, for a prefix (`msg` → `msg_…`)."""
Now = Callable[[], int]
"""Gives the time in unix seconds."""


class Completed(Struct, frozen=True):
    """The model said all that it wanted to say."""


class Read(Completed, frozen=True):
    """The model was to read, and to say nothing."""


class Incomplete(Struct, frozen=True):
    """A limit cut the answer: `max_output_tokens` or `content_filter`."""

    reason: str


class Failed(Struct, frozen=True):
    """The run broke; what was said until then stays."""

    code: str
    message: str


class Cancelled(Struct, frozen=True):
    """Somebody stopped the run."""


Outcome = Completed | Incomplete | Failed | Cancelled


class Emitter:
    """Makes the events of one response.

    `response` is the response before anything was said. `usage` is the sum over the turns
    that were fed; `stopped` is why the model stopped last.
    """

    def __init__(self, response: Response, *, new_id: NewId, now: Now) -> None:
        self.fold = Fold(response)
        self.usage: Usage | None = None
        self.stopped: str | None = None
        self.index = -1
        self.item_id = ""
        self.part_index = 0
        self._row: Row | None = None
        self._in_item = False
        self._half_closed = False
        self._sequence = -1
        self._new_id = new_id
        self._now = now

    def next(self) -> int:
        """The next sequence number."""
        self._sequence += 1
        return self._sequence

    def grown(self) -> Any:
        """The part that is open, as it stands."""
        part = self.fold.open[self.index].open
        assert part is not None
        return part.close()

    def snapshot(self) -> Any:
        """The item that is open, as it stands."""
        return self.fold.open[self.index].snapshot()

    def start(self) -> list[e.Event]:
        """`created`, then `queued` where the response waits for its turn, else `in_progress`."""
        response = self.fold.snapshot()
        events: list[e.Event] = [e.ResponseCreated(self.next(), response)]
        waits = response.status == "queued"
        events.append((e.ResponseQueued if waits else e.ResponseInProgress)(self.next(), response))
        self._apply(events)
        return events

    def proceed(self) -> list[e.Event]:
        """`in_progress` for a response that waited, and the rest of what a log that broke off had half closed."""
        events: list[e.Event] = []
        waits = self.fold.response.status == "queued"
        if waits and self._sequence == 0:
            self._emit(e.ResponseQueued(self.next(), self.fold.snapshot()), events)
        if waits or self._sequence == 0:
            going = replace(self.fold.snapshot(), status="in_progress")
            self._emit(e.ResponseInProgress(self.next(), going), events)
        if self._half_closed:
            if self._row is not None and self._row.part is SummaryText:
                self._close_part(events)
            else:  # nothing but a summary is closed while its item goes on
                self._close_item(events, "completed")
        return events

    @classmethod
    def resume(cls, told: Iterable[e.Event], response: Response, *, new_id: NewId, now: Now) -> "Emitter":
        """An emitter that goes on where a log broke off. `told` is the whole log, from number 0."""
        emitter = cls(response, new_id=new_id, now=now)
        for event in told:
            emitter._apply([event])
            emitter._sequence = event.sequence_number
            emitter._recall(event)
        return emitter

    def said(self) -> list[Item]:
        """The output so far; the last item is `in_progress` where it is open."""
        return self.fold.snapshot().output

    @property
    def open_item(self) -> Item | None:
        """The item that is open, or None between items."""
        item: Item | None = self.snapshot() if self._in_item else None
        return item

    def _recall(self, event: e.Event) -> None:
        """Stand where the emitter stood after it made `event`."""
        match event:
            case e.OutputItemAdded(output_index=index, item=item):
                self.index, self.item_id, self._in_item, self._row = (index, str(item.id), True, None)
            case e.OutputItemDone():
                self._in_item, self._row = False, None
            case e.ContentPartAdded(content_index=index) | e.SummaryPartAdded(summary_index=index):
                self.part_index = index
                self._row = next(row for row in ROWS.values() if row.part is type(event.part))
            case e.ContentPartDone() | e.SummaryPartDone():
                self._row = None
            case e.ArgumentsDelta() | e.ArgumentsDone():
                self._row = ROWS[d.CallDelta]
            case e.CustomInputDelta() | e.CustomInputDone():
                self._row = ROWS[d.CustomDelta]
        self._half_closed = isinstance(event, _DONE)

    def feed(self, deltas: Iterable[d.Delta]) -> list[e.Event]:
        """The events that tell `deltas`, in order."""
        events: list[e.Event] = []
        apply = self.fold.apply
        for delta in deltas:
            row = ROWS.get(type(delta))
            if row is None:
                _OTHERS[type(delta)](self, delta, events)
                continue
            says = delta.text or getattr(delta, "logprobs", None)  # type: ignore[union-attr]  # every row's delta has text
            if row is not self._row or (type(delta) is d.SummaryDelta and delta.begins):
                if not says and not (self._in_item and isinstance(self.fold.open[self.index].item, row.item)):
                    continue  # what says nothing opens no item
                self._enter(row, events)
            if says:
                event = row.delta(self, delta)
                apply(event)
                events.append(event)
        return events

    def close(self, status: ItemStatus = "completed") -> list[e.Event]:
        """Close what is open; nothing where nothing is."""
        events: list[e.Event] = []
        self._close_item(events, status)
        return events

    def finish(self, outcome: Outcome) -> list[e.Event]:
        """Close what is open, then the one terminal event."""
        events = self.proceed()  # what ends while it waits is in the grammar too
        self._close_item(events, "completed" if isinstance(outcome, Completed) else "incomplete")
        if type(outcome) in (Completed, Incomplete) and not self.fold.response.output:
            self._open_item(Message(id=self._new_id("msg"), role="assistant", status="in_progress"), events)
            self._close_item(events, "completed" if isinstance(outcome, Completed) else "incomplete")
        terminal = self._terminal(outcome)
        self._emit(terminal, events)
        return events

    def amend(self, outcome: Failed) -> e.Event:
        """Another terminal event in the place of the last, which nobody has seen."""
        self._sequence -= 1
        event = self._terminal(outcome)
        self.fold.apply(event)
        return event

    def _terminal(self, outcome: Outcome) -> e.Event:
        response = self.fold.snapshot()
        match outcome:
            case Completed():
                done = replace(response, status="completed", completed_at=self._now(), usage=self._final_usage())
                return e.ResponseCompleted(self.next(), done)
            case Incomplete(reason):
                cut = IncompleteDetails(reason)
                done = replace(response, status="incomplete", incomplete_details=cut, usage=self._final_usage())
                return e.ResponseIncomplete(self.next(), done)
            case Failed(code, message):
                error = ResponseError(code, message)
                broken = replace(response, status="failed", error=error, usage=self.usage)
                return e.ResponseFailed(self.next(), replace(broken, completed_at=None, incomplete_details=None))
            case Cancelled():
                return e.ResponseIncomplete(self.next(), replace(response, status="cancelled"))

    def _final_usage(self) -> Usage:
        return self.usage if self.usage is not None else Usage()

    def _apply(self, events: list[e.Event]) -> None:
        for event in events:
            self.fold.apply(event)

    def _emit(self, event: e.Event, events: list[e.Event]) -> None:
        self.fold.apply(event)
        events.append(event)

    def _enter(self, row: Row, events: list[e.Event]) -> None:
        """Make `row` the one that is open: its item, then its part."""
        same_item = self._in_item and isinstance(self.fold.open[self.index].item, row.item)
        before = self._row.part if self._row is not None else None
        if same_item and row.part is not None and (before in (None, row.part) or before is SummaryText):
            self._close_part(events)
        elif same_item and row.part is None:
            self._row = row
            return
        else:
            self._close_item(events, "completed")
            self._open_item(self._empty(row.item), events)
        self._row = row
        if row.part is not None:
            self._open_part(row.part, events)

    def _empty(self, kind: type) -> Item:
        if kind is Message:
            return Message(id=self._new_id("msg"), role="assistant", status="in_progress")
        if kind is Reasoning:
            return Reasoning(id=self._new_id("rs"), status="in_progress")
        raise AssertionError(f"a delta of a {kind.__name__} that was not begun")

    def _open_item(self, item: Item, events: list[e.Event]) -> None:
        assert isinstance(item.id, str)
        self.index += 1
        self.item_id = item.id
        self.part_index = -1
        self._in_item = True
        self._row = None
        self._emit(e.OutputItemAdded(self.next(), self.index, item), events)

    def _open_part(self, kind: type, events: list[e.Event]) -> None:
        opened, is_summary = self.fold.open[self.index], kind is SummaryText
        self.part_index = len(opened.summary if is_summary else opened.parts)
        added = e.SummaryPartAdded if is_summary else e.ContentPartAdded
        self._emit(added(self.next(), self.item_id, self.index, self.part_index, kind()), events)

    def _close_part(self, events: list[e.Event]) -> None:
        row, told = self._row, self._half_closed
        self._row, self._half_closed = None, False
        if row is None:
            return
        if not told:
            self._emit(row.done(self), events)
        if row.part is not None:
            done = e.SummaryPartDone if row.part is SummaryText else e.ContentPartDone
            self._emit(done(self.next(), self.item_id, self.index, self.part_index, self.grown()), events)

    def _close_item(self, events: list[e.Event], status: ItemStatus, sealed: str | None = None) -> None:
        if not self._in_item:
            return
        opened = self.fold.open[self.index]
        if self._row is None and isinstance(opened.item, FunctionCall | CustomToolCall):
            self._row = ROWS[d.CallDelta if isinstance(opened.item, FunctionCall) else d.CustomDelta]
        self._close_part(events)
        done: Any = opened.snapshot()
        if hasattr(done, "status"):
            done = replace(done, status=status)
        if sealed is not None:
            done = replace(done, encrypted_content=sealed)
        self._in_item = False
        self._emit(e.OutputItemDone(self.next(), self.index, done), events)

    def _begin_call(self, delta: d.CallBegun | d.CustomBegun, events: list[e.Event]) -> None:
        self._close_item(events, "completed")
        call_id = delta.call_id if isinstance(delta.call_id, str) else self._new_id("call")
        kind, prefix = (FunctionCall, "fc") if isinstance(delta, d.CallBegun) else (CustomToolCall, "ctc")
        item_id = self._new_id(prefix)
        call = kind(id=item_id, call_id=call_id, name=delta.name, status="in_progress", namespace=delta.namespace)
        self._open_item(call, events)

    def _begin_message(self, delta: d.MessageBegun, events: list[e.Event]) -> None:
        self._close_item(events, "completed")
        message = Message(id=self._new_id("msg"), role="assistant", status="in_progress", phase=delta.phase)
        self._open_item(message, events)

    def _seal(self, delta: d.ReasoningSealed, events: list[e.Event]) -> None:
        """Put the sealed form on the open reasoning item, or on one that has nothing else, and close it."""
        if not (self._in_item and isinstance(self.fold.open[self.index].item, Reasoning)):
            self._close_item(events, "completed")
            self._open_item(Reasoning(id=self._new_id("rs"), status="in_progress"), events)
        self._close_item(events, "completed", delta.encrypted_content)

    def _whole(self, delta: d.ItemDelta, events: list[e.Event]) -> None:
        """A whole item: told in the grammar of its kind; where nothing is streamed, added and done."""
        self._close_item(events, "completed")
        item = identified(delta.item, self._new_id)
        told = retold(item)
        if told is None:
            self._open_item(item, events)
            self._in_item = False
            self._emit(e.OutputItemDone(self.next(), self.index, item), events)
            return
        self._open_item(told[0], events)
        for run in told[1]:
            self._close_part(events)
            events += self.feed(run)
        self._close_item(events, "incomplete" if getattr(item, "status", "") == "incomplete" else "completed")

    def _annotate(self, delta: d.AnnotationDelta, events: list[e.Event]) -> None:
        text = ROWS[d.TextDelta]
        if self._row is not text:
            self._enter(text, events)
        opened = self.fold.open[self.index].open
        number = len(opened.annotations) if opened is not None else 0
        place = (self.item_id, self.index, self.part_index)
        self._emit(e.AnnotationAdded(self.next(), *place, number, delta.annotation), events)

    def _count(self, delta: d.UsageDelta, events: list[e.Event]) -> None:
        cached, thought = delta.cached_tokens, delta.reasoning_tokens
        turn = turn_usage(delta.input_tokens, delta.output_tokens, cached, thought, estimated=delta.estimated)
        self.usage = add_usage(self.usage, turn)

    def _stop(self, delta: d.Stop, events: list[e.Event]) -> None:
        self.stopped = delta.reason


_DONE = (
    e.OutputTextDone,
    e.RefusalDone,
    e.ReasoningTextDone,
    e.SummaryTextDone,
    e.ArgumentsDone,
    e.CustomInputDone,
    e.ContentPartDone,
)
"""Events behind which a closing goes on."""

_OTHERS: dict[type, Callable[[Emitter, Any, list[e.Event]], None]] = {
    d.CallBegun: Emitter._begin_call,
    d.CustomBegun: Emitter._begin_call,
    d.MessageBegun: Emitter._begin_message,
    d.ReasoningSealed: Emitter._seal,
    d.ItemDelta: Emitter._whole,
    d.AnnotationDelta: Emitter._annotate,
    d.UsageDelta: Emitter._count,
    d.Stop: Emitter._stop,
}
