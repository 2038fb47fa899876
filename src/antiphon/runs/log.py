"""The log of a live run, and cursors on it (DESIGN §1, §4).

Knows nothing of HTTP, nor of what stands on disk: this is the part that readers are served
from while the run lasts.

An event is encoded when the first reader takes its bytes, once; a run that nobody streams
encodes none.
"""

import asyncio
from collections.abc import Sequence

from antiphon.core.events import Event
from antiphon.core.fold import Fold
from antiphon.core.response import Response
from antiphon.core.wire import encode


class Told:
    """An event and, once somebody took them, its bytes."""

    __slots__ = ("_data", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self._data: bytes | None = None

    @property
    def data(self) -> bytes:
        """The event's JSON, the same object for every reader."""
        if self._data is None:
            self._data = encode(self.event)
        return self._data


class RunLog:
    """The events of one response, in order, from number 0."""

    def __init__(self, response: Response) -> None:
        self._first = response
        self._told: list[Told] = []
        self._ended = False
        self._waiting: list[asyncio.Future[None]] = []
        self._closing: asyncio.Future[None] | None = None

    @property
    def begun(self) -> bool:
        """Whether anything was told."""
        return bool(self._told)

    async def closed(self) -> None:
        """Wait until nothing follows."""
        if not self._ended:
            self._closing = self._closing or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._closing)

    def append(self, events: Sequence[Event]) -> None:
        """Add events and wake the readers."""
        self._told.extend(map(Told, events))
        self._wake()

    def end(self) -> None:
        """Say that nothing follows."""
        self._ended = True
        self._wake()
        if self._closing is not None:
            self._closing.set_result(None)

    def snapshot(self) -> Response:
        """The response as far as it was told: the fold of the log."""
        fold = Fold(self._first)
        for told in self._told:
            fold.apply(told.event)
        return fold.snapshot()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
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
            if self._next < len(log._told):
                new = log._told[self._next :]
                self._next = len(log._told)
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
