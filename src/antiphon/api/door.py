"""The door: every request comes in here, and every refusal goes out here (DESIGN §3, §9).

Knows nothing of what a route does, nor of which there are. Plain ASGI, so that nothing wraps the body of a stream.
"""

import time
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from antiphon.api import limits
from antiphon.api.exchange import Exchange, Headed, Header, Receive, Scope, Send
from antiphon.api.house import House
from antiphon.api.routes import Routes
from antiphon.api.websocket import connect, handshake
from antiphon.core.problems import Problem
from antiphon.core.signals import Fault, RequestEnded


class Door:
    """The ASGI application. `opening` and `closing` are awaited with the server's own life."""

    def __init__(
        self, house: House, *, opening: Callable[[], Awaitable[None]], closing: Callable[[], Awaitable[None]]
    ) -> None:
        self._house = house
        self._opening = opening
        self._closing = closing
        self.routes = Routes(house.contracts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(Exchange(scope, receive, send))
        else:
            await self._serve(handshake(scope, receive, send))

    async def _serve(self, exchange: Exchange) -> None:
        code: str | None = None
        scope, house = exchange.scope, self._house
        place, values = self.routes.exact(scope), dict[str, Any]()
        # Also what is refused before its route is known is told in the shape of whom it was meant for.
        exchange.contract = (place.mount if place else self.routes.mount(scope["path"])).contract
        try:
            house.gate.screen(exchange)
            if scope["method"] == "OPTIONS" and exchange.origin is not None:
                await exchange.answer(204, _PREFLIGHT, b"")
                return
            if scope["type"] == "websocket" and (place is None or place.endpoint is not connect):
                raise Problem(404, None, f"There is no WebSocket at '{scope['path'][:200]}'.")
            if place is None:
                place, values = self.routes.find(scope)
            await house.gate.admit(exchange, place.need, place.mount.inside)
            if place.need != "open":
                exchange.tells = partial(limits.standing, house, exchange)
            await place.endpoint(house, exchange, **values)
        except Problem as problem:
            code = problem.code or str(problem.status)
            await self._refuse(exchange, problem)
        except Exception as fault:  # noqa: BLE001  whatever it is, it is told, and the client gets an answer
            code = "server_error"
            self._report(exchange, fault)
            await self._refuse(exchange, Problem(500, "server_error", "The server met a fault; it has been logged."))
        finally:
            house.telemetry(_ended(exchange, code))

    async def _refuse(self, exchange: Exchange, problem: Problem) -> None:
        if exchange.begun or problem.status == 499:
            return
        status, headers, body = exchange.contract.error(problem)
        if isinstance(problem, Headed):
            headers = [*headers, *problem.headers]
        await exchange.answer(status, headers, body)

    def _report(self, exchange: Exchange, fault: Exception) -> None:
        trace = "".join(traceback.format_tb(fault.__traceback__))
        self._house.telemetry(Fault("api.door", type(fault).__name__, trace, exchange.id))

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._opening()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._closing()
        await send({"type": "lifespan.shutdown.complete"})


_PREFLIGHT: list[Header] = [
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"*, Authorization"),
    (b"access-control-max-age", b"600"),
]


def _ended(exchange: Exchange, code: str | None) -> RequestEnded:
    return RequestEnded(
        request_id=exchange.id,
        method=exchange.scope["method"],
        path=exchange.scope["path"],
        status=exchange.status or 499,
        seconds=time.perf_counter() - exchange.started,
        code=code,
    )
