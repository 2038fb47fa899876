"""The worker: carries background runs, a few at once, the others in order (DESIGN §4).

Knows nothing of models or HTTP. A run that it carries is held under a lease, so that it is
taken up again by whoever comes when this process dies.
"""

import asyncio
import time
from collections import deque

from antiphon.core.ports import Queue, StaleEpoch, Telemetry
from antiphon.core.problems import Problem
from antiphon.core.response import TERMINAL
from antiphon.core.signals import Fault, Note
from antiphon.runs.keeping import RETRY
from antiphon.runs.run import Run
from antiphon.runs.runner import Runner

LEASE = 30.0
"""Seconds for which a run is held; renewed at a third of it."""


class Worker:
    """Carries at most `width` background runs at once."""

    def __init__(self, runner: Runner, queue: Queue, telemetry: Telemetry, width: int) -> None:
        self._runner = runner
        self._queue = queue
        self._telemetry = telemetry
        self._width = width
        self._waiting: deque[Run] = deque()
        self._carrying: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Take up what a dead process left (DESIGN §4, "Recovery"), in the order in which it was asked."""
        for left in await self._queue.interrupted():
            await self._runner.interrupt(left)
        await self._take_up()
        self._keeper = asyncio.get_running_loop().create_task(self._keep_leases())

    async def submit(self, run: Run) -> None:
        """Carry a run that was admitted, when its turn comes; where the server stops, another process will."""
        if self._stopping:
            await self._runner.leave(run)
            return
        self._waiting.append(run)
        self._fill()

    async def cancel(self, run: Run) -> None:
        """Cancel a background run, wherever it is."""
        if run in self._waiting:
            self._waiting.remove(run)
            await self._runner.cancel_waiting(run)
        else:
            run.cancel()

    async def stop(self) -> None:
        """Hand back what is carried and what waits; returns when nothing is left here."""
        self._stopping = True
        if self._keeper is not None:
            self._keeper.cancel()
        held = [*(run for run, _ in self._carrying.values()), *self._waiting]
        self._waiting.clear()
        for run in held:
            run.hand_back()
        tasks = [task for _, task in self._carrying.values()]
        if tasks:
            await asyncio.wait(tasks)
        for run in held:
            await self._runner.leave(run)
            if run.epoch and run.emitter.fold.response.status not in TERMINAL:
                await self._release(run)

    async def _take_up(self) -> None:
        """Take the runs that nobody holds, the oldest first."""
        taken = 0
        while (claim := await self._queue.claim(time.time(), time.time() + LEASE, None)) is not None:
            known = self._runner.running(claim.project, claim.response.id)
            if known is not None:  # it waits here; now it is held as well
                known.epoch = claim.epoch
                continue
            try:
                self._waiting.append(await self._runner.adopt(claim))
            except Problem as problem:
                self._telemetry(Note("a background run could not be taken up", {"why": problem.message}))
                await self._runner.interrupt(claim)
                continue
            taken += 1
        if taken:
            self._telemetry(Note("background runs taken up again", {"count": taken}))
        self._fill()

    def _fill(self) -> None:
        while self._waiting and len(self._carrying) < self._width and not self._stopping:
            run = self._waiting.popleft()
            self._carrying[run.id] = run, asyncio.get_running_loop().create_task(self._carry(run))

    async def _carry(self, run: Run) -> None:
        try:
            if run.epoch or await self._claim(run):
                await self._speak(run)
        except (StaleEpoch, Problem) as fault:
            self._telemetry(Fault("runs.worker", f"{type(fault).__name__}: {fault}"))
            await self._runner.leave(run)
        finally:
            if run.handed_back:
                await self._runner.leave(run)
            del self._carrying[run.id]
            self._fill()

    async def _claim(self, run: Run) -> bool:
        """Take the lease, however long the store takes; False where the run is another's, gone, or handed back."""
        while not run.handed_back:
            now = time.time()
            try:
                claim = await self._queue.claim(now, now + LEASE, run.id)
            except Problem as problem:
                self._telemetry(Note("a background run waits for the store", {"id": run.id, "why": problem.message}))
                await asyncio.sleep(RETRY)
                continue
            if claim is not None:
                run.epoch = claim.epoch
            if run.epoch:
                return True
            break
        await self._runner.leave(run)
        return False

    async def _speak(self, run: Run) -> None:
        """Let the runner carry the run; one that was stopped before it began is ended here."""
        if not (run.handed_back or run.cancelled):
            task = asyncio.get_running_loop().create_task(self._runner.carry(run))
            run.carried_by(task)
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
        if run.cancelled and not (run.handed_back or run.log.ended):
            await self._runner.cancel_waiting(run)

    async def _release(self, run: Run) -> None:
        try:
            await self._queue.release(run.project, run.id, run.epoch)
        except (StaleEpoch, Problem) as problem:
            self._telemetry(Note("a background run could not be handed back", {"id": run.id, "why": str(problem)}))

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            for run in [*(run for run, _ in self._carrying.values()), *self._waiting]:
                if run.epoch:
                    await self._renew(run)
            try:
                await self._take_up()
            except Problem as problem:
                self._telemetry(Note("no runs could be taken up", {"why": problem.message}))

    async def _renew(self, run: Run) -> None:
        try:
            await self._queue.renew(run.project, run.id, run.epoch, time.time() + LEASE)
        except StaleEpoch:
            run.hand_back()
        except Problem as problem:
            self._telemetry(Note("a lease could not be renewed", {"id": run.id, "why": problem.message}))
