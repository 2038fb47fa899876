"""The runner: one plain coroutine waits for the model and appends what the emitter gives (DESIGN §1, §4).

Knows nothing of HTTP, and nothing of which model speaks or where a response is kept.

Streamed or not, foreground or background, a request runs the same way: a `Run` is carried from
its prompt to its terminal event, and whoever wants to know reads its log.
"""

import asyncio
import traceback
from contextlib import aclosing
from typing import Any

from antiphon.core.accounts import Accounts, Principal, Settlement
from antiphon.core.emitter import Cancelled, Completed, Failed, Incomplete, Outcome, Read
from antiphon.core.items import Message
from antiphon.core.ports import Claim, Models, Opening, StaleEpoch, Store, Telemetry, Turn
from antiphon.core.problems import Problem
from antiphon.core.redaction import redacted_items
from antiphon.core.request import Request
from antiphon.core.response import Response, respond
from antiphon.core.signals import Fault, RunContent, RunEnded
from antiphon.core.wire import plain
from antiphon.runs import context
from antiphon.runs.ids import new_id, now
from antiphon.runs.keeping import Background, Flusher, Forgotten, Keeping, Streamed, Whole, together
from antiphon.runs.prompting import Prompting
from antiphon.runs.run import Run

_CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a model stopped, and the reason that an incomplete response gives for it (protocol §3.1)."""

WAIT = 5.0
"""Seconds between two looks of a background run for a model that does not say when it is there."""

INTERRUPTED = Failed("interrupted", "The server stopped while this response was being made, and could not go on.")


class Runner:
    """Starts runs and carries them to their end. `keep` is the seconds for which a response is kept; 0: for ever."""

    def __init__(
        self, models: Models, prompting: Prompting, store: Store, accounts: Accounts, telemetry: Telemetry, keep: int
    ) -> None:
        self._models = models
        self._prompting = prompting
        self._store = store
        self._accounts = accounts
        self._telemetry = telemetry
        self._keep = keep
        self._flusher = Flusher()
        self._running: dict[str, Run] = {}
        self._locked: dict[tuple[str, str], str] = {}  # conversation → the run that holds it

    def prepare(self, request: Request, principal: Principal, request_id: str) -> Run:
        """A run that nothing carries yet, and that has no account yet.

        Raises `Problem` for a model that is not served or can't do this.
        """
        ignored = self._models.get(request.model).check(request)
        request.ignored += [name for name in ignored if name not in request.ignored]
        response = respond(request, id=new_id("resp"), created_at=now())
        return Run(request, response, principal, request_id)

    def start(self, run: Run) -> None:
        """Carry a foreground run, from now on."""
        self._running[run.id] = run
        run.carried_by(asyncio.get_running_loop().create_task(self._foreground(run)))

    async def admit(self, run: Run) -> None:
        """Keep a background run that is to be carried when its turn comes. Raises `Problem` where it can't be."""
        try:
            await self._gather(run)
            self._running[run.id] = run
            run.promise()
            run.log.append(run.emitter.start())
            keeping = Background(run, self._store, self._opening(run))
            await together(run.account.open(), keeping.opened())  # in one commit
        except Problem as problem:
            if problem.status < 500:
                await self._refuse(run, problem)
            else:  # it may have been kept all the same, and is carried then
                await self.leave(run)
            raise
        except BaseException:
            await self.leave(run)
            raise

    async def adopt(self, claim: Claim) -> Run:
        """A background run that another process left, standing where it broke off.

        Raises `Problem` where it can't be known any more what was asked.
        """
        request = self._prompting.recalled(claim)
        run = await self._resumed(claim, request)
        self._running[run.id] = run
        if request.conversation is not None:
            self._locked[run.project, request.conversation] = run.id
        return run

    async def carry(self, run: Run) -> None:
        """Carry a background run to its end, or to where it is handed back. Its epoch is set."""
        run.meter.begin()
        if run.adopted:
            await self._prompting.gather_again(run)
        keeping = Background(run, self._store)
        if run.emitter.open_item is not None and not self._continues(run):
            await self._end(run, keeping, INTERRUPTED)
            return
        await self._carry(run, keeping)

    async def cancel_waiting(self, run: Run) -> None:
        """End a background run that nothing carries."""
        await self._end(run, Background(run, self._store), Cancelled())

    async def leave(self, run: Run) -> None:
        """Nothing follows in this process: another goes on with the run, or it is gone."""
        self._over(run)
        self._running.pop(run.id, None)
        await run.account.leave()

    async def interrupt(self, claim: Claim) -> None:
        """End a foreground run that another process left in the middle (DESIGN §4)."""
        run = await self._resumed(claim, Request(model=claim.response.model, stream=True, background=True))
        run.made_from = await self._store.history(run.project, run.id) or []
        await self._end(run, Background(run, self._store), INTERRUPTED)

    def running(self, project: str, response_id: str) -> Run | None:
        """The run of that response, while it lasts."""
        run = self._running.get(response_id)
        return run if run is not None and run.project == project and not run.log.ended else None

    async def drain(self, grace: float) -> None:
        """Let what runs come to its end for `grace` seconds, then cancel it and wait."""
        runs = {run.carrier: run for run in self._running.values() if run.carrier is not None}
        if not runs:
            return
        _, late = await asyncio.wait(runs, timeout=grace)
        for task in late:
            runs[task].cancel()
        if late:
            await asyncio.wait(late)

    async def _foreground(self, run: Run) -> None:
        try:
            await self._gather(run)
            await run.account.open()
        except Problem as problem:
            if not run.promised:
                await self._refuse(run, problem)
                return
            await self._end(run, Forgotten(run), _failed(problem))
            return
        except asyncio.CancelledError:
            await self._refuse(run, Problem(503, "server_error", "The server is stopping.", retry_after=1))
            return
        await self._carry(run, self._keeping(run))

    async def _gather(self, run: Run) -> None:
        self._hold(run)  # first of all: what stands before must not grow while it is read
        await self._prompting.gather(run)

    def _hold(self, run: Run) -> None:
        """Take the run's conversation. Raises `Problem` 400 while another run has it (protocol §1.1)."""
        conversation = run.request.conversation
        if conversation is not None and self._locked.setdefault((run.project, conversation), run.id) != run.id:
            raise Problem(
                400,
                "conversation_locked",
                "Another response is being made in this conversation. Try again in a few seconds.",
                param="conversation",
            )

    async def _carry(self, run: Run, keeping: Keeping) -> None:
        """From the prompt to the terminal event; nothing escapes but into the log."""
        try:
            outcome = await self._speak(run, keeping)
        except asyncio.CancelledError:
            if run.handed_back:
                await keeping.written()
                await self.leave(run)
                return
            outcome = Cancelled()
        except Problem as problem:
            if not (run.promised or run.begun):
                await self._refuse(run, problem)
                return
            outcome = _failed(problem)
        except Exception as fault:  # noqa: BLE001  whatever it is, it is told, and the run ends
            sorry = self._report(run, fault)
            if not (run.promised or run.begun):
                await self._refuse(run, sorry)
                return
            outcome = Failed("server_error", sorry.message)
        await self._end(run, keeping, outcome)

    async def _speak(self, run: Run, keeping: Keeping) -> Outcome:
        if run.request.background:  # whoever goes on after a crash has to know that a model was asked, and is paid
            await self._begin(run, keeping)
            await keeping.written()
        turn: Any = await self._ask(run)
        async with aclosing(turn) as batches:
            voice = self._prompting.voice(run)
            emitter, log = run.emitter, run.log
            await self._begin(run, keeping)
            async for deltas in batches:
                run.meter.spoke()
                events = emitter.feed(voice.feed(deltas))
                if events:
                    log.append(events)
                    keeping.told()
        reason = _CUT.get(emitter.stopped or "stop")
        if reason is not None:
            return Incomplete(reason)
        log.append(emitter.feed(voice.finish()))
        return Completed() if run.request.generate else Read()

    async def _ask(self, run: Run) -> Turn:
        while True:
            run.meter.asks()
            try:
                return await self._prompting.open(run)
            except Problem as problem:
                run.meter.refused()
                if not (run.request.background and problem.code == "model_loading"):
                    raise
                await asyncio.sleep(problem.retry_after or WAIT)  # nobody waits for the answer: it waits for its model

    async def _begin(self, run: Run, keeping: Keeping) -> None:
        if not run.begun:
            await keeping.opened()
            run.log.append(run.emitter.start())
            keeping.told()
        elif events := run.emitter.proceed():
            run.log.append(events)
            keeping.told()

    async def _end(self, run: Run, keeping: Keeping, outcome: Outcome) -> None:
        run.ending()
        run.meter.ends()
        await self._begin(run, keeping)
        run.log.append(run.emitter.finish(outcome))
        response = run.emitter.fold.response  # nothing is open any more
        settlement = run.meter.settlement(response, run.emitter.usage, run.seen)
        settling = self._settling(run, settlement)
        try:
            await keeping.ended(response)
        except StaleEpoch:
            await self.leave(run)
            return
        except Exception as fault:  # noqa: BLE001  whatever it is, it is told, and the run ends
            problem = fault if isinstance(fault, Problem) else self._report(run, fault)
            if run.request.background:  # what was not committed stays unseen, and is done again
                await self.leave(run)
                return
            response = self._not_kept(run, problem)
        self._over(run)  # readers go; the account is no business of theirs
        await (settling or run.account.settle(settlement))
        self._running.pop(run.id, None)
        self._telemetry(_ended(run, response, settlement))
        if run.principal.log_content:
            self._telemetry(_content(run, response))

    def _settling(self, run: Run, settlement: Settlement) -> asyncio.Task[None] | None:
        """Settle a run beside its end, in one commit with it; None where only its end says whether it is settled here.

        A foreground run is: one that could not be kept is charged as it has ended, for its model was asked.
        """
        if run.request.background or not run.request.store:
            return None
        return asyncio.get_running_loop().create_task(run.account.settle(settlement))

    def _over(self, run: Run) -> None:
        """Nothing follows in the log, and the conversation is free."""
        held = run.project, run.request.conversation or ""
        if self._locked.get(held) == run.id:
            del self._locked[held]
        run.log.end()

    def _not_kept(self, run: Run, problem: Problem) -> Response:
        """Nothing may claim to be stored that isn't: refuse, or fail where the stream has begun."""
        if not (run.promised or run.request.stream):
            run.refusal = problem
        run.log.amend(run.emitter.amend(_failed(problem)))
        run.log.show()
        return run.log.snapshot()

    async def _refuse(self, run: Run, problem: Problem) -> None:
        run.ending()
        run.refusal = problem
        self._over(run)
        self._running.pop(run.id, None)
        await run.account.refuse()

    async def _resumed(self, claim: Claim, request: Request) -> Run:
        run = Run.resumed(claim, request, self._accounts.principal(claim.project))
        run.account = await self._accounts.adopt(claim.project, claim.response.model, run.id)
        return run

    def _keeping(self, run: Run) -> Keeping:
        if not run.request.store:
            return Forgotten(run)
        if run.request.stream:
            return Streamed(run, self._store, self._opening(run), self._flusher)
        return Whole(run, self._store, self._opening(run))

    def _opening(self, run: Run) -> Opening:
        request, follows, inputs = run.request, run.request.previous_response_id, run.request.input
        if run.local is not None:  # what it follows is kept nowhere, so that it is kept with this one
            follows, inputs = None, [*context.with_ids(run.local), *inputs]
        return Opening(
            run.project,
            run.log.snapshot(),
            redacted_items(inputs),
            follows=follows,
            conversation=request.conversation,
            request=self._prompting.kept(run) if request.background else None,
            expires_at=now() + self._keep if self._keep else None,
            record=run.record,
        )

    def _continues(self, run: Run) -> bool:
        """Whether the model can go on in the middle of the item that is open."""
        return isinstance(run.emitter.open_item, Message) and self._models.get(run.request.model).continues

    def _report(self, run: Run, fault: Exception) -> Problem:
        trace = "".join(traceback.format_tb(fault.__traceback__))
        self._telemetry(Fault("runs.runner", type(fault).__name__, trace, run.request_id))
        return Problem(500, "server_error", "The server met a fault that is not yours; it has been logged.")


def _failed(problem: Problem) -> Failed:
    """The end of a run that is refused where nothing can be refused any more. A failed response has a code always."""
    code = problem.code or ("invalid_prompt" if problem.status < 500 else "server_error")
    return Failed(code, problem.message)


def _ended(run: Run, response: Response, settled: Settlement) -> RunEnded:
    return RunEnded(
        response_id=run.id,
        request_id=run.request_id,
        model=response.model,
        status=response.status,
        seconds=settled.seconds,
        first_delta=settled.first_token,
        input_tokens=settled.input_tokens,
        cached_tokens=settled.cached_tokens,
        output_tokens=settled.output_tokens,
        project=run.project,
        estimated=settled.estimated,
        code=response.error.code if response.error else None,
    )


def _content(run: Run, response: Response) -> RunContent:
    prompt = plain(redacted_items(run.seen))
    return RunContent(run.id, run.request_id, run.project, prompt, plain(response.output))
