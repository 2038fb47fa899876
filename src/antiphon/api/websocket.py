"""WebSocket mode of `/responses`: many turns over one connection (protocol §7).

Knows nothing of RFC 6455, of compression or of pings: the ASGI server does. What a turn is, `turns` does.
"""

import asyncio
from contextlib import suppress
from functools import partial

from antiphon.api import frames
from antiphon.api.exchange import Exchange, Headed, Message, Receive, Scope, Send
from antiphon.api.frames import Create, Steer, Wrong
from antiphon.api.house import House
from antiphon.api.lanes import Lanes, Waiting
from antiphon.api.sockets import Farewell
from antiphon.api.turns import Turn, send
from antiphon.runs.chains import Chains

QUEUED = 64
"""How many frames may wait for their turn; then no more is read, and the client's writes wait."""
PATIENCE = 300.0
"""Seconds after the end of a connection's time that what it has in flight may still take."""
CLOSING = 10.0
"""Seconds for a last word to a reader who does not read."""


def handshake(scope: Scope, receive: Receive, send: Send) -> Exchange:
    """A WebSocket handshake as the GET that it is; what refuses it goes out as a plain answer."""

    async def answer(message: Message) -> None:
        if message["type"].startswith("http."):
            message["type"] = f"websocket.{message['type']}"
        await send(message)

    scope["method"] = "GET"
    return Exchange(scope, receive, answer)


class UpgradeRequired(Headed):
    """426: a GET that is no handshake, or that reached a server which takes none (RFC 9110 §15.5.22)."""

    def __init__(self) -> None:
        self.headers = [(b"upgrade", b"websocket")]
        message = "A GET here opens a WebSocket, where this server is set to take any. Ask with POST instead."
        super().__init__(426, "upgrade_required", message)


async def connect(house: House, exchange: Exchange) -> None:
    """`GET /responses`: turns over a WebSocket. Raises `Problem` 426 for a GET that asks for none, and where this
    server takes none: a handshake is then a plain GET too, and clients fall back to POST."""
    if exchange.scope["type"] != "websocket":
        raise UpgradeRequired
    await exchange.receive()  # the handshake itself, which has been read
    with suppress(OSError):  # who is gone needs no telling
        await exchange.send({"type": "websocket.accept", "headers": exchange.contract.headers(exchange.id)})
        await Session(house, exchange).serve()


class Session:
    """One connection, from its handshake to its end.

    A reader takes frames in, `Lanes` says which may begin, and each of those is a task until its last event.
    """

    def __init__(self, house: House, exchange: Exchange) -> None:
        self._house = house
        self._exchange = exchange
        self._names_lanes = "lanes" in exchange.contract.features
        self._lanes = Lanes[Create | Wrong](house.sockets.lanes if self._names_lanes else 1)
        self._chains = Chains(house.max_body)
        self._turns: dict[asyncio.Task[None], Turn] = {}
        self._room = asyncio.Event()
        self._farewell: Farewell | None = None
        self._over: asyncio.Future[Farewell | None] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Serve the connection to its end. Raises `OSError` where the client goes while it is told of that."""
        loop, sockets, end = asyncio.get_running_loop(), self._house.sockets, self.end
        seconds = sockets.minutes * 60
        timers = [
            loop.call_later(seconds, lambda: end(sockets.outlived())),
            loop.call_later(seconds + PATIENCE, lambda: self._finish(self._farewell)),
        ]
        reader = loop.create_task(self._read())
        reader.add_done_callback(lambda _: self._finish(None))
        sockets.opened(end)
        try:
            farewell = await self._over
        finally:
            sockets.closed(end)
            for timer in timers:
                timer.cancel()
            for turn in self._turns.values():
                turn.leave()
            reader.cancel()
            (fault, *_) = await asyncio.gather(reader, *self._turns, return_exceptions=True)
        if isinstance(fault, Exception):
            raise fault
        if farewell is not None:
            await self._close(farewell)

    def end(self, farewell: Farewell) -> None:
        """Begin no turn any more, and close when what is in flight has ended."""
        if self._farewell is None:
            self._farewell = farewell
        if not self._turns:
            self._finish(self._farewell)

    def _finish(self, farewell: Farewell | None) -> None:
        if not self._over.done():
            self._over.set_result(farewell)

    async def _close(self, farewell: Farewell) -> None:
        with suppress(TimeoutError, RuntimeError):  # too slow, or closed meanwhile
            async with asyncio.timeout(CLOSING):
                if farewell.problem is not None:
                    await send(self._exchange, frames.error(farewell.problem).decode())
                await self._exchange.send({"type": "websocket.close", "code": farewell.code})

    async def _read(self) -> None:
        """Take frames in until the client is gone. It goes on while turns run, since it alone learns of that."""
        while (message := await self._exchange.receive())["type"] != "websocket.disconnect":
            data = message.get("bytes")
            frame = frames.read(message["text"].encode() if data is None else data, lanes=self._names_lanes)
            if isinstance(frame, Steer):
                await send(self._exchange, frames.steer_failed(frame).decode())
                continue
            self._lanes.offer(frame, frame.stream_id, frame.size)
            self._begin()
            await self._room.wait()

    def _begin(self) -> None:
        """Begin the turns that may begin now."""
        while self._farewell is None and (waiting := self._lanes.take()) is not None:
            turn = Turn(self._house, self._next_exchange(), self._chains, waiting.entry)
            task = asyncio.get_running_loop().create_task(turn.serve())
            self._turns[task] = turn
            task.add_done_callback(partial(self._ended, waiting))
        if len(self._lanes) < QUEUED and self._lanes.size < self._house.max_body:
            self._room.set()
        else:
            self._room.clear()

    def _ended(self, waiting: Waiting[Create | Wrong], task: asyncio.Task[None]) -> None:
        del self._turns[task]
        self._lanes.free(waiting.lane)
        if self._farewell is not None and not self._turns:
            self._finish(self._farewell)
        if not self._over.done():
            self._begin()

    def _next_exchange(self) -> Exchange:
        whole = self._exchange
        exchange = Exchange(whole.scope, whole.receive, whole.send)
        exchange.contract, exchange.origin, exchange.principal = whole.contract, whole.origin, whole.principal
        return exchange
