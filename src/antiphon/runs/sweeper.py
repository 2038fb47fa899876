"""The sweeper: forgets what has expired, a little at a time (DESIGN §5).

Knows nothing of how the store forgets.
"""

import asyncio

from antiphon.core.ports import Store, Telemetry
from antiphon.core.problems import Problem
from antiphon.core.signals import Note
from antiphon.runs.ids import now

EVERY = 60.0
"""Seconds between two looks."""
PAUSE = 0.05
"""Seconds between two batches of one look, so that requests come in between."""


class Sweeper:
    """Looks every minute. `keep_log` is the seconds for which a log outlives its end."""

    def __init__(self, store: Store, telemetry: Telemetry, keep_log: int) -> None:
        self._store = store
        self._telemetry = telemetry
        self._keep_log = keep_log
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._look())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self) -> int:
        """Forget all that has expired, batch by batch; says how many rows went."""
        total = 0
        while gone := await self._store.sweep(now(), now() - self._keep_log):
            total += gone
            await asyncio.sleep(PAUSE)
        return total

    async def _look(self) -> None:
        while True:
            try:
                await self.sweep()
            except Problem as problem:
                self._telemetry(Note("could not forget what has expired", {"why": problem.message}))
            await asyncio.sleep(EVERY)
