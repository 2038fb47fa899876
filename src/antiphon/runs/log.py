"""The log of a live run, and cursors on it (DESIGN §1, §4).

Knows nothing of HTTP, nor of what stands on disk: this is the part that readers are served
from while the run lasts.

An event is encoded when somebody first takes its bytes, once; a run that nobody streams and
nobody keeps encodes none. How far readers may see is said by whoever keeps the run.
"""

import asyncio
from collections.abc import Iterable, Sequence

from antiphon.core.events import TERMINAL_EVENTS, Event
from antiphon.core.fold import Fold
from antiphon.core.ports import Chunk
from antiphon.core.response import Response
from antiphon.core.wire import decode_event, encode


class Told:
    """An event and, once somebody took them, its bytes."""

    __slots__ = ("_data", "event")

    def __init__(self, event: Event, data: bytes | None = None) -> None:
        self.event = event
        self._data = data

    @property
    def data(self) -> bytes:
        """The event's JSON, the same object for every reader."""
        if self._data is None:
            self._data = encode(self.event)
        return self._data


def told_by(chunks: Sequence[Chunk]) -> list[Told]:
    """The events that stand in chunks, with their bytes."""
    return [Told(decode_event(line), line) for chunk in chunks for line in chunk.data.split(b"\n")]


class RunLog:
    """The events of one response, in order, from number 0.

    `append` adds; `show` lets cursors see; `know` lets snapshots see, and no more.
    """

    def __init__(self, first: Response, told: Sequence[Told] = ()) -> None:
        self._first = first
        self._told = list(told)
        self._shown = len(self._told)
        self._known = len(self._told)
        self._ended = False
        self._waiting: list[asyncio.Future[None]] = []
        self._closing: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        return len(self._told)

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self._ended

    def restate(self, first: Response) -> None:
        """Begin with another response, as long as nothing was told of it."""
        assert not self._told, "what was told stays"
        self._first = first

    async def closed(self) -> None:
        """Wait until nothing follows."""
        if not self._ended:
            future = asyncio.get_running_loop().create_future()
            self._closing.append(future)
            await future

    def append(self, events: Sequence[Event]) -> None:
        """Add events. Nobody sees them yet."""
        self._told.extend(map(Told, events))

    def amend(self, event: Event) -> None:
        """Put another event in the place of the last, which nobody has seen."""
        assert self._shown < len(self._told), "an event that was shown stays"
        self._told[-1] = Told(event)

    def show(self, upto: int | None = None) -> None:
        """Let cursors and snapshots see the first `upto` events, all without it."""
        self._shown = shown = len(self._told) if upto is None else upto
        self._known = max(self._known, shown)
        self._wake()

    def know(self, upto: int) -> None:
        """Let snapshots see the first `upto` events; cursors go on waiting."""
        self._known = max(self._known, upto)

    def end(self) -> None:
        """Say that nothing follows."""
        self._ended = True
        self._wake()
        closing, self._closing = self._closing, []
        _release(closing)

    def events(self, start: int) -> list[Event]:
        """The events from place `start` on, seen or not."""
        return [told.event for told in self._told[start:]]

    def chunk(self, start: int, stop: int) -> Chunk:
        """The events at places `start` to before `stop`, for the store."""
        return Chunk(start, stop - 1, b"\n".join([told.data for told in self._told[start:stop]]))

    def snapshot(self) -> Response:
        """The response as far as it may be known: the fold of the log."""
        known = self._told[: self._known]
        if known and isinstance(known[-1].event, TERMINAL_EVENTS):
            return known[-1].event.response  # it tells all that the events before it do
        fold = Fold(self._first)
        for told in known:
            fold.apply(told.event)
        return fold.snapshot()

    def _wake(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            _release(waiting)


def _release(waiting: Iterable[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():  # whoever waited may have been cancelled
            future.set_result(None)


class Cursor:
    """One reader's place in a log.

    `after` is the number of the last event that the reader has; -1 for none.
    """

    def __init__(self, log: RunLog, after: int = -1) -> None:
        self._log = log
        self._next = after + 1
        self._nudged = False
        self._future: asyncio.Future[None] | None = None

    async def take(self) -> Sequence[Told] | None:
        """All events that are new to this reader; waits for one. None at the end of the log.

        An empty sequence after `nudge`. A cursor that stands behind the terminal event ends at once.
        """
        log = self._log
        while True:
            if self._next < log._shown:
                new = log._told[self._next : log._shown]
                self._next = log._shown
                return new
            if log._ended:
                return None
            if self._nudged:
                self._nudged = False
                return ()
            self._future = asyncio.get_running_loop().create_future()
            log._waiting.append(self._future)
            await self._future

    def nudge(self) -> None:
        """Let a `take` that waits return, with nothing (for a heartbeat)."""
        self._nudged = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
