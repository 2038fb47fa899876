"""Turns of a WebSocket: one create each, from its frame to its last event (protocol §7).

Knows nothing of when it may begin, nor of other turns but through the responses that their connection knows.
"""

import asyncio
import time
import traceback
from contextlib import suppress

from antiphon.api import frames
from antiphon.api.exchange import Exchange
from antiphon.api.frames import Create, Wrong
from antiphon.api.house import House
from antiphon.api.prompts import with_prompt
from antiphon.api.responses import prepared
from antiphon.api.sse import Projection
from antiphon.contract.errors import retry_headers
from antiphon.core.events import TERMINAL_EVENTS, ResponseCreated, ResponseFailed
from antiphon.core.problems import Problem
from antiphon.core.signals import Fault, RequestEnded
from antiphon.runs.chains import Chains
from antiphon.runs.run import Run

_KEYS = frozenset({b"idempotency-key", b"x-idempotency-key"})
"""Headers that name one request, which a handshake can't do for its turns."""


async def send(exchange: Exchange, text: str) -> None:
    """Send a frame; waits while the reader is slow. Raises `OSError` where there is none any more."""
    try:
        await exchange.send({"type": "websocket.send", "text": text})
    except RuntimeError as closed:  # what uvicorn says of a connection that it has just closed itself
        raise ConnectionResetError from closed


class Turn:
    """One create. `exchange` is its own: the handshake's headers, and an id that no other turn has."""

    def __init__(self, house: House, exchange: Exchange, chains: Chains, frame: Create | Wrong) -> None:
        self._house = house
        self._exchange = exchange
        self._chains = chains
        self._frame = frame
        self._telling: asyncio.Task[None] | None = None
        self._left = False

    def leave(self) -> None:
        """Nobody reads it any more: its run is cancelled, or not begun."""
        self._left = True
        if self._telling is not None:
            self._telling.cancel()

    async def serve(self) -> None:
        """Do it; what refuses it is told, and the connection stays open."""
        house, exchange = self._house, self._exchange
        problem: Problem | None = None
        try:
            await self._serve()
        except (OSError, asyncio.CancelledError):
            problem = Problem(499, None, "The client left.")
        except Problem as refusal:
            problem = refusal
            await self._refuse(refusal)
        except Exception as fault:  # noqa: BLE001  whatever it is, it is told, and the client gets an answer
            problem = Problem(500, "server_error", "The server met a fault; it has been logged.")
            trace = "".join(traceback.format_tb(fault.__traceback__))
            house.telemetry(Fault("api.turns", type(fault).__name__, trace, exchange.id))
            await self._refuse(problem)
        house.telemetry(
            RequestEnded(
                request_id=exchange.id,
                method="WEBSOCKET",
                path=exchange.scope["path"],
                status=200 if problem is None else problem.status,
                seconds=time.perf_counter() - exchange.started,
                code=None if problem is None else problem.code or str(problem.status),
            )
        )

    async def _serve(self) -> None:
        frame, house, exchange = self._frame, self._house, self._exchange
        if isinstance(frame, Wrong):
            raise frame.problem
        await house.gate.admit(exchange, "responses", exchange.contract.name)  # a key may be revoked at any time
        body = await with_prompt(house, exchange, frame.body)
        run = await prepared(house, exchange, exchange.contract.take(body), frame.size)
        if self._left:
            await run.account.refuse()
            return
        if exchange.any_of(_KEYS):
            run.request.ignored.append("idempotency-key")
        run.local = self._chains.before(frame.follows)
        run.joined()
        house.runner.start(run)
        self._telling = asyncio.current_task()
        try:
            await self._tell(run, frame)
        finally:
            run.left()
        if run.refusal is not None:
            raise run.refusal

    async def _tell(self, run: Run, frame: Create) -> None:
        """Send a run's events as they come, and know its response for those that go on from it."""
        projection = Projection(self._exchange.contract, run.request.include_obfuscation, run.meter.timing)
        cursor = run.cursor()
        while (told := await cursor.take()) is not None:
            last = told[-1]
            if isinstance(last.event, ResponseFailed):
                self._chains.forget(frame.follows)
            elif isinstance(last.event, TERMINAL_EVENTS) and not run.request.store:
                self._chains.keep(run, last.event.response, frame.size + len(last.data))
            ignored = run.request.ignored if isinstance(told[0].event, ResponseCreated) else []
            for _, data in projection.events(told):
                await send(self._exchange, frames.told(data, frame.stream_id, ignored))
                ignored = []

    async def _refuse(self, problem: Problem) -> None:
        """Tell a refusal, with what an HTTP answer would have had as headers."""
        frame, exchange = self._frame, self._exchange
        self._chains.forget(frame.follows)
        told = exchange.told if exchange.tells is None else await exchange.tells()
        headers = [*retry_headers(problem), *told, (b"x-request-id", exchange.id.encode())]
        with suppress(OSError, asyncio.CancelledError):
            await send(exchange, frames.error(problem, headers, frame.stream_id).decode())
