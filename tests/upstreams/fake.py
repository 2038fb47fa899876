"""An upstream over a bare socket, which does byte for byte what a test tells it: also what no HTTP library would do.

Knows nothing of what the bytes say.
"""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from antiphon.models.upstream import Kind, Upstream


@dataclass
class Asked:
    """A request. Names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def streamed(self) -> bool:
        """Whether a stream is wanted."""
        return isinstance(self.body, dict) and self.body.get("stream") is True


class Line:
    """The connection on which a request came. `kept` says whether another may follow on it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.kept = False

    async def send(self, data: bytes) -> None:
        """Write, and let it go out before anything else is done."""
        self._writer.write(data)
        await self._writer.drain()
        await asyncio.sleep(0)

    def reset(self) -> None:
        """Break the connection, as a machine that goes down does: no end, a reset."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Behaviour = Callable[[Asked, Line], Awaitable[None]]


class Fake:
    """An upstream that runs.

    `asked` is every request, `left` counts those whose client hung up before their end, `connections` all that came.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: list[Asked] = []
        self.left = 0
        self.connections = 0
        self.url = ""
        self._connections: set[asyncio.Task[None]] = set()

    def upstream(self, kind: Kind = "chat", name: str = "up", **fields: Any) -> Upstream:
        return Upstream(name=name, url=self.url, kind=kind, **fields)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.connections += 1
        try:
            held = b""
            while (asked := await _read(reader, held)) is not None:
                self.asked.append(asked)
                line = Line(writer)
                held = await self._answer(asked, line, reader)
                if not line.kept:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test has ended
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, asked: Asked, line: Line, reader: asyncio.StreamReader) -> bytes:
        """Do what is told, unless the client hangs up before; gives what it sent meanwhile."""
        watch = asyncio.ensure_future(reader.read(1))
        doing = asyncio.ensure_future(self.behaviour(asked, line))
        try:
            await asyncio.wait([watch, doing], return_when=asyncio.FIRST_COMPLETED)
            if not doing.done() and (watch.exception() is not None or watch.result() == b""):
                self.left += 1
                return b""
            await doing
            return watch.result() if watch.done() and watch.exception() is None else b""
        finally:
            for task in (watch, doing):
                task.cancel()
            await asyncio.gather(watch, doing, return_exceptions=True)

    async def stop(self) -> None:
        """End every connection."""
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)


@asynccontextmanager
async def faking(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Fake]:
    """An upstream under `/v1` that behaves so."""
    fake = Fake(behaviour)
    server = await asyncio.start_server(fake.connected, "127.0.0.1", 0, ssl=tls)
    fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield fake
    finally:
        server.close()
        await fake.stop()


async def _read(reader: asyncio.StreamReader, held: bytes) -> Asked | None:
    """The next request; None where there is none."""
    try:
        head = held + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path.removeprefix("/v1/"), headers, json.loads(body) if body else None)
