"""Keeping: what is promised of a run's events, by kind of run (DESIGN §4, "What is promised").

Knows nothing of models or readers: it says when events may be seen, and hands them to the store.

`opened` comes before the first event is told, `told` after each batch that was appended,
`ended` when the terminal event stands in the log: it returns once that may be seen, and raises
`Problem` where the end could not be kept.
"""

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from antiphon.core.events import OutputItemDone, ResponseInProgress
from antiphon.core.ports import Opening, Responses, StaleEpoch
from antiphon.core.problems import Problem
from antiphon.core.response import Response
from antiphon.runs.run import Run

FLUSH = 0.02
"""Seconds between two commits of streams that are being read (DESIGN §4)."""
RETRY = 1.0
"""Seconds between two attempts to write what a background run said."""


class Keeping(Protocol):
    """What is promised of one run."""

    async def opened(self) -> None:
        """The run begins."""
        ...

    def told(self) -> None:
        """Events were appended, none of them the last."""
        ...

    async def ended(self, response: Response) -> None:
        """The terminal event was appended; `response` is what it says."""
        ...

    async def written(self) -> None:
        """Wait until what was told so far is written, as far as it is before the end."""
        ...


class Forgotten:
    """`store:false`: the log lives in memory and goes with its last reader."""

    def __init__(self, run: Run) -> None:
        self._log = run.log

    async def opened(self) -> None:
        """Nothing is kept."""

    def told(self) -> None:
        """Seen at once."""
        self._log.show()

    async def ended(self, response: Response) -> None:
        """Seen at once."""
        self._log.show()

    async def written(self) -> None:
        """Nothing is written."""


class Flusher:
    """Writes the streams of foreground runs to the store, all together, every `FLUSH` seconds."""

    def __init__(self) -> None:
        self._dirty: set[Streamed] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, keeping: "Streamed") -> None:
        """A stream has something new."""
        self._dirty.add(keeping)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH, self._flush)

    def drop(self, keeping: "Streamed") -> None:
        """A stream writes its rest itself."""
        self._dirty.discard(keeping)

    def _flush(self) -> None:
        self._timer = None
        dirty, self._dirty = self._dirty, set()
        for keeping in dirty:
            keeping.flush()


class Whole:
    """A stored run that is not streamed: its reader waits for the end, so that it is kept at once, whole."""

    def __init__(self, run: Run, store: Responses, opening: Opening) -> None:
        self._run = run
        self._store = store
        self._opening = opening

    async def opened(self) -> None:
        """Nothing is written before the end: a crash leaves a 404, as promised."""

    def told(self) -> None:
        """Seen at once, by whoever looks."""
        self._run.log.show()

    async def ended(self, response: Response) -> None:
        """Seen after its commit."""
        run = self._run
        opened = self._store.open(self._opening)
        closed = self._store.close(run.project, run.epoch, response, None)
        await together(opened, closed)
        run.log.show()

    async def written(self) -> None:
        """Nothing was written."""


class Streamed:
    """A stored run that is streamed: no token waits for a disk, the terminal event waits for its commit."""

    def __init__(self, run: Run, store: Responses, opening: Opening, flusher: Flusher) -> None:
        self._run = run
        self._store = store
        self._opening = opening
        self._flusher = flusher
        self._written = 0
        self._writes: list[asyncio.Future[None]] = []

    async def opened(self) -> None:
        """The row is handed over; nobody waits for it."""
        self._wait_for(self._store.open(self._opening))

    def told(self) -> None:
        """Seen at once, written soon."""
        self._run.log.show()
        self._flusher.add(self)

    def flush(self) -> None:
        """Hand what is new to the store."""
        run, upto = self._run, len(self._run.log)
        if upto > self._written:
            chunk = run.log.chunk(self._written, upto)
            self._wait_for(self._store.append(run.project, run.id, run.epoch, chunk))
            self._written = upto

    def _wait_for(self, write: Awaitable[None]) -> None:
        """Have the end wait for a write, and for no more of those that are done."""
        self._writes = [one for one in self._writes if not one.done() or one.exception() is not None]
        self._writes.append(asyncio.ensure_future(write))

    async def ended(self, response: Response) -> None:
        """Seen after its commit."""
        run = self._run
        self._flusher.drop(self)
        chunk = run.log.chunk(self._written, len(run.log))
        await together(*self._writes, self._store.close(run.project, run.epoch, response, chunk))
        run.log.show()

    async def written(self) -> None:
        """What was handed over is written."""
        self._flusher.drop(self)
        await asyncio.gather(*self._writes, return_exceptions=True)


class Background:
    """A background run: an event is seen after its commit, so that what was read is always read again.

    A run created without `stream` is committed item by item: nobody could have seen what is between.
    """

    def __init__(self, run: Run, store: Responses, opening: Opening | None = None) -> None:
        self._run = run
        self._store = store
        self._opening = opening
        self._committed = len(run.log)
        self._looked = len(run.log)
        self._whole = len(run.log)
        self._writing: asyncio.Task[None] | None = None
        self._ending = False

    async def opened(self) -> None:
        """The row and the first events are committed before anybody is answered."""
        if self._opening is None:
            return
        run, store = self._run, self._store
        upto = len(run.log)
        await together(store.open(self._opening), store.append(run.project, run.id, run.epoch, run.log.chunk(0, upto)))
        self._committed = self._looked = self._whole = upto
        self._seen(upto)

    def told(self) -> None:
        """Seen after the next commit."""
        if self._writing is None and self._upto() > self._committed:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def ended(self, response: Response) -> None:
        """Kept, however long the store takes; seen after that."""
        run = self._run
        self._ending = True
        if self._writing is not None:
            await asyncio.shield(self._writing)
        while True:
            chunk = run.log.chunk(self._committed, len(run.log))
            try:
                await self._store.close(run.project, run.epoch, response, chunk)
                break
            except Problem:
                if run.handed_back:
                    raise
                await asyncio.sleep(RETRY)
        run.log.show()

    async def written(self) -> None:
        """What is left was seen by nobody."""
        if self._writing is not None:
            # Who is cancelled while it waits must not cancel the write: what was committed would be written again.
            await asyncio.shield(self._writing)

    async def _write(self) -> None:
        run = self._run
        try:
            while (upto := self._upto()) > self._committed:
                chunk = run.log.chunk(self._committed, upto)
                try:
                    await self._store.append(run.project, run.id, run.epoch, chunk)
                except Problem:
                    if run.handed_back:
                        return
                    await asyncio.sleep(RETRY)
                    continue
                self._committed = upto
                self._seen(upto)
        except StaleEpoch:
            run.hand_back()
        finally:
            self._writing = None

    def _upto(self) -> int:
        """How far may be committed: everything, or where it begins and up to the last item that is done."""
        log = self._run.log
        if self._ending:  # what is left goes with the end, in one commit
            return self._committed
        if self._run.request.stream:
            return len(log)
        for place, event in enumerate(log.events(self._looked), start=self._looked + 1):
            if isinstance(event, OutputItemDone | ResponseInProgress):
                self._whole = place
        self._looked = len(log)
        return self._whole

    def _seen(self, upto: int) -> None:
        if self._run.request.stream:
            self._run.log.show(upto)
        else:
            self._run.log.know(upto)


async def together(*writes: Awaitable[None]) -> None:
    """Wait for every write; the first fault is raised when all have ended."""
    results = await asyncio.gather(*writes, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
