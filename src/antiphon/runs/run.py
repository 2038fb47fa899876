"""A run: a response that comes to be, and who is waiting for it.

Knows nothing of what carries it, nor of what is promised for it: `runner` and `keeping` do.
"""

import asyncio

from msgspec.structs import replace

from antiphon.core.accounts import Account, Principal
from antiphon.core.compaction import Matter
from antiphon.core.emitter import Emitter
from antiphon.core.items import Item
from antiphon.core.ports import Claim
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt
from antiphon.core.request import Request
from antiphon.core.response import Response
from antiphon.runs.ids import new_id, now
from antiphon.runs.log import Cursor, RunLog, told_by
from antiphon.runs.meter import Meter


class Run:
    """One response on its way.

    Until the first event, a run may end in a `refusal` instead: the `Problem` for which it was not
    accepted. After `promise()` nothing is refused any more: the reader has been told 200, so a
    fault is told in the stream.

    account
        what it is charged to; given before anything carries the run.
    record
        scope and key of its idempotency record, where it was asked for under a key: then its
        answer is kept for the retry, and it goes on without a reader.
    local, before
        what stands before its input, where only a connection knows it; given before anything carries the run. What
        does in any case, once it has been gathered.
    prompt, made_from
        what the model is to see, once it has been gathered; of a run that another process began, what is known of
        it without that.
    matter
        what may have to be compacted before the model speaks, or None.
    epoch
        the lease under which it writes; 0 where nobody has to claim it.
    adopted
        whether another process began it.
    """

    account: Account

    def __init__(self, request: Request, response: Response, principal: Principal, request_id: str) -> None:
        self.id = response.id
        self.request = request
        self.principal = principal
        self.project = principal.project
        self.request_id = request_id
        self.emitter = Emitter(response, new_id=new_id, now=now)
        self.log = RunLog(response)
        self.local: list[Item] | None = None
        self.before: list[Item] = []
        self.prompt: Prompt | None = None
        self.made_from: list[Item] = []
        self.matter: Matter | None = None
        self.meter = Meter()
        self.refusal: Problem | None = None
        self.promised = False
        self.record: tuple[str, str] | None = None
        self.epoch = 0
        self.adopted = False
        self.handed_back = False
        self.cancelled = False
        self._task: asyncio.Task[None] | None = None
        self._readers = 0
        self._ending = False

    @classmethod
    def resumed(cls, claim: Claim, request: Request, principal: Principal) -> "Run":
        """The run that a claim takes up again, standing where its log broke off."""
        run = cls(request, claim.response, principal, "")
        told = told_by(claim.chunks)
        events = [one.event for one in told]
        run.log = RunLog(claim.response, told)
        run.emitter = Emitter.resume(events, claim.response, new_id=new_id, now=now)
        run.meter.takes_up(run.emitter.fold.snapshot())
        run.made_from = claim.inputs
        run.epoch = claim.epoch
        run.adopted = True
        run.promised = True
        return run

    @property
    def begun(self) -> bool:
        """Whether anything was told of it."""
        return len(self.log) > 0

    @property
    def seen(self) -> list[Item]:
        """What the model was given, as far as it is known here."""
        return self.made_from if self.prompt is None else self.prompt.items

    @property
    def gathered(self) -> Prompt:
        """The prompt, of a run for which it has been gathered."""
        assert self.prompt is not None, "a run whose prompt nobody gathered"
        return self.prompt

    def restate(self) -> None:
        """What came before has set something: the response, of which nothing was told yet, echoes that."""
        request = self.request
        response = replace(self.emitter.fold.response, reasoning=request.reasoning, text=request.text)
        self.emitter.fold.response = response
        self.log.restate(response)

    def promise(self) -> None:
        """From now on a fault is told in the stream."""
        self.promised = True

    def cursor(self, after: int = -1) -> Cursor:
        """A reader's place in the log."""
        return Cursor(self.log, after)

    async def finished(self) -> Response:
        """The response at its end. Raises the `Problem` for which it was not accepted."""
        await self.log.closed()
        if self.refusal is not None:
            raise self.refusal
        return self.log.snapshot()

    def joined(self) -> None:
        """A reader came."""
        self._readers += 1

    def left(self) -> None:
        """A reader went; with the last one a foreground run is cancelled (DESIGN §4, "Ends")."""
        self._readers -= 1
        if self._readers == 0 and not (self.request.background or (self.record and self.request.store)):
            self.cancel()

    def cancel(self) -> None:
        """Stop the model; the run ends as `cancelled`. Does nothing to a run that is ending."""
        self.cancelled = True
        if self._task is not None and not self._ending:
            self._task.cancel()

    def hand_back(self) -> None:
        """Stop here, without an end: somebody else will go on (DESIGN §4, "Recovery")."""
        self.handed_back = True
        self.cancel()

    def carried_by(self, task: asyncio.Task[None]) -> None:
        """Know the task that carries the run."""
        self._task = task

    @property
    def carrier(self) -> asyncio.Task[None] | None:
        """The task that carries the run, or None while it waits for its turn."""
        return self._task

    def ending(self) -> None:
        """From now on nothing stops it: the end is being written."""
        self._ending = True
