"""The runner: one plain coroutine waits for the model and appends what the emitter gives (DESIGN §1, §4).

Knows nothing of HTTP, and nothing of which model speaks or where a response is kept.

Streamed or not, a request runs the same way: `Runner.start` gives a `Run`, and whoever
wants to know reads its log.
"""

import asyncio
import time
import traceback
from contextlib import aclosing

from antiphon.core.emitter import Cancelled, Completed, Emitter, Failed, Incomplete, Outcome
from antiphon.core.ports import Models, Opening, Responses, Telemetry, Turn
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt, render
from antiphon.core.request import Request
from antiphon.core.response import Response, respond
from antiphon.core.signals import Fault, RunEnded
from antiphon.runs.ids import new_id, now
from antiphon.runs.log import Cursor, RunLog

_CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a model stopped, and the reason that an incomplete response gives for it (protocol §3.1)."""


class Run:
    """A response that comes to be.

    Until the first event, a run may end in a `refusal` instead: the `Problem` for which the model
    did not accept the prompt. After `promise()` nothing is refused any more: the reader has been
    told 200, so a fault is told in the stream.
    """

    def __init__(self, request: Request, response: Response, project: str, request_id: str) -> None:
        self.id = response.id
        self.request = request
        self.project = project
        self.request_id = request_id
        self.emitter = Emitter(response, new_id=new_id, now=now)
        self.log = RunLog(response)
        self.refusal: Problem | None = None
        self.promised = False
        self._task: asyncio.Task[None] | None = None
        self._readers = 0
        self._ending = False

    def promise(self) -> None:
        """From now on a fault is told in the stream."""
        self.promised = True

    def cursor(self, after: int = -1) -> Cursor:
        """A reader's place in the log."""
        return Cursor(self.log, after)

    async def finished(self) -> Response:
        """The response at its end. Raises the `Problem` for which the prompt was not accepted."""
        await self.log.closed()
        if self.refusal is not None:
            raise self.refusal
        return self.emitter.fold.snapshot()

    def joined(self) -> None:
        """A reader came."""
        self._readers += 1

    def left(self) -> None:
        """A reader went; with the last one a foreground run is cancelled (DESIGN §4, "Ends")."""
        self._readers -= 1
        if self._readers == 0:
            self.cancel()

    def cancel(self) -> None:
        """Stop the model; the run ends as `cancelled`. Does nothing to a run that has ended."""
        if self._task is not None and not self._ending:
            self._task.cancel()

    def begin(self, task: asyncio.Task[None]) -> None:
        """Know the task that carries the run."""
        self._task = task

    def ending(self) -> None:
        """From now on nothing stops it: the end is being written."""
        self._ending = True


class Runner:
    """Starts runs and carries them to their end.

    `max_output_tokens` is the server's own bound on what one response may generate.
    """

    def __init__(
        self, models: Models, responses: Responses, telemetry: Telemetry, *, max_output_tokens: int
    ) -> None:
        self._models = models
        self._responses = responses
        self._telemetry = telemetry
        self._max_output_tokens = max_output_tokens
        self._running: dict[str, Run] = {}

    def start(self, request: Request, project: str, request_id: str) -> Run:
        """Start a run. Raises `Problem` for a model that is not served, or for what it can't honour."""
        model = self._models.get(request.model)
        request.ignored += model.check(request)
        response = respond(request, id=new_id("resp"), created_at=now())
        run = Run(request, response, project, request_id)
        self._running[run.id] = run
        run.begin(asyncio.get_running_loop().create_task(self._carry(run)))
        return run

    def running(self, project: str, response_id: str) -> Run | None:
        """The run of that response, while it lasts."""
        run = self._running.get(response_id)
        return run if run is not None and run.project == project else None

    async def drain(self, grace: float) -> None:
        """Let what runs come to its end for `grace` seconds, then cancel it and wait."""
        runs = {run._task: run for run in self._running.values() if run._task is not None}
        if not runs:
            return
        _, late = await asyncio.wait(runs, timeout=grace)
        for task in late:
            runs[task].cancel()
        if late:
            await asyncio.wait(late)

    async def _carry(self, run: Run) -> None:
        """From the prompt to the terminal event; nothing escapes but into the log."""
        clock = _Clock()
        try:
            outcome = await self._speak(run, clock)
        except asyncio.CancelledError:
            outcome = Cancelled()
        except Problem as problem:
            if self._refused(run, problem):
                return
            outcome = Failed(problem.code or "server_error", problem.message)
        except Exception as fault:
            self._report(run, fault)
            problem = Problem(500, "server_error", "The server met a fault that is not yours; it has been logged.")
            if self._refused(run, problem):
                return
            outcome = Failed("server_error", problem.message)
        await self._end(run, outcome, clock)

    async def _speak(self, run: Run, clock: "_Clock") -> Outcome:
        request = run.request
        prompt: Prompt = render(request, [], max_output_tokens=self._max_output_tokens)
        turn: Turn = await self._models.get(request.model).open(prompt)
        emitter, log = run.emitter, run.log
        self._begin(run)
        async with aclosing(turn) as batches:  # type: ignore[type-var]  # a Turn is an async generator
            async for deltas in batches:
                clock.saw()
                events = emitter.feed(deltas)
                if events:
                    log.append(events)
        reason = _CUT.get(emitter.stopped or "stop")
        return Completed() if reason is None else Incomplete(reason)

    def _begin(self, run: Run) -> None:
        if not run.log.begun:
            run.log.append(run.emitter.start())

    def _refused(self, run: Run, problem: Problem) -> bool:
        """Refuse the run where nothing was told of it yet; says whether it did."""
        if run.promised or run.log.begun:
            return False
        run.refusal = problem
        run.log.end()
        del self._running[run.id]
        return True

    async def _end(self, run: Run, outcome: Outcome, clock: "_Clock") -> None:
        run.ending()
        self._begin(run)
        run.log.append(run.emitter.finish(outcome))
        response = run.emitter.fold.snapshot()
        if run.request.store:
            await self._keep(run, response)
        run.log.end()
        del self._running[run.id]
        self._telemetry(_ended(run, response, clock))

    async def _keep(self, run: Run, response: Response) -> None:
        opening = Opening(run.project, response, run.request.input, follows=run.request.previous_response_id)
        opened = self._responses.open(opening)
        closed = self._responses.close(run.project, 0, response, None)
        await asyncio.gather(opened, closed)

    def _report(self, run: Run, fault: Exception) -> None:
        trace = "".join(traceback.format_tb(fault.__traceback__))
        self._telemetry(Fault("runs.runner", type(fault).__name__, trace, run.request_id))


class _Clock:
    """When a run began, and when its model first spoke."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.first: float | None = None

    def saw(self) -> None:
        """Take the time of the first delta."""
        if self.first is None:
            self.first = time.perf_counter()


def _ended(run: Run, response: Response, clock: _Clock) -> RunEnded:
    usage = run.emitter.usage
    return RunEnded(
        response_id=run.id,
        request_id=run.request_id,
        model=response.model,
        status=response.status,
        seconds=time.perf_counter() - clock.started,
        first_delta=None if clock.first is None else clock.first - clock.started,
        input_tokens=usage.input_tokens if usage else 0,
        cached_tokens=usage.input_tokens_details.cached_tokens if usage else 0,
        output_tokens=usage.output_tokens if usage else 0,
        code=response.error.code if response.error else None,
    )
