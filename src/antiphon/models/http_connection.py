"""HTTP/1.1 connections: a request goes out, its answer comes in as httptools reads it; then they are used again.

Knows nothing of upstreams, of deadlines, or of what the bytes say.

The rules of this file:
- a connection has one request at a time; it serves another only where both sides have said all that they had to say;
- a `Reply` outlives its connection: what was read is there to be taken;
- what one read brings wakes its reader once and is taken as one piece, however many chunks it has;
- where nobody takes what has come, nothing more is read.
"""

import asyncio
from collections.abc import Callable
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, cast

import httptools

if TYPE_CHECKING:
    from ssl import SSLContext

_LONGEST_HEAD = 64 * 1024
_MOST_HELD = 1024 * 1024  # bytes that wait for their reader
_HAPPY_EYEBALLS = 0.25  # seconds before the next address is tried too (RFC 8305)


class Origin(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    tls: bool


class Broken(Exception):
    """A connection ended too early (`why` is ""), or what came over it is no HTTP: `why` goes on from its name."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Reply:
    """An answer as it comes. `status` is 0 until its head is there; the names of `headers` are in lower case.

    Whoever has one ends it: by taking its pieces to the end, by `drop`, or by `abort`.
    """

    __slots__ = ("_connection", "_dropped", "_held", "_pieces", "_waiting", "_why", "ended", "headers", "status")

    def __init__(self, connection: "Connection") -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = False
        self._connection: Connection | None = connection
        self._pieces: list[bytes] = []
        self._held = 0
        self._dropped = False
        self._why: str | None = None
        self._waiting: asyncio.Future[None] | None = None

    async def begun(self) -> None:
        """Wait for the head. Raises `Broken`."""
        while not self.status:
            if self._why is not None:
                raise Broken(self._why)
            await self._news()

    async def piece(self) -> bytes:
        """What has come since the last time; waits for a byte of it. b"" at the end. Raises `Broken`."""
        while not self._pieces:
            if self._why is not None:
                raise Broken(self._why)
            if self.ended:
                return b""
            await self._news()
        pieces, held = self._pieces, self._held
        self._pieces, self._held = [], 0
        if held > _MOST_HELD and self._connection is not None:
            self._connection.read_on()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def drop(self) -> None:
        """Pass over what still comes, so that the connection can be used again."""
        self._dropped = True
        self._pieces, self._held = [], 0
        if self._connection is not None:
            self._connection.read_on()

    def abort(self) -> None:
        """Close the connection at once, unless the answer has come to its end."""
        if self._connection is not None:
            self._connection.close()

    # What follows is the connection's.

    def brought(self, data: bytes) -> None:
        """A piece of the body came."""
        if self._dropped:
            return
        self._pieces.append(data)
        self._held += len(data)
        if self._held > _MOST_HELD and self._connection is not None:
            self._connection.read_no_more()

    def done(self) -> None:
        """The body is whole."""
        self.ended, self._connection = True, None

    def broke(self, why: str) -> None:
        """Nothing more comes, and it is not whole."""
        if not self.ended:
            self._why, self._connection = self._why or why, None

    def wake(self) -> None:
        """Have whoever waits look."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _news(self) -> asyncio.Future[None]:
        self._waiting = waiting = asyncio.get_running_loop().create_future()
        return waiting


class Connection(asyncio.Protocol):
    """One connection. `rests` is called when it can take another request, `lost` when it is gone."""

    def __init__(
        self, origin: Origin, rests: Callable[["Connection"], None], lost: Callable[["Connection"], None]
    ) -> None:
        self.origin = origin
        self.since = 0.0
        self._rests = rests
        self._lost = lost
        self._reply: Reply | None = None
        self._head: dict[str, str] = {}
        self._length = 0
        self._interim = self._keeps = self._paused = False

    @property
    def usable(self) -> bool:
        """Whether it can be asked."""
        return self._reply is None and not self._transport.is_closing()

    def ask(self, head: bytes, body: bytes) -> Reply:
        """Send a request. The connection must be usable."""
        reply = self._reply = Reply(self)
        self._length = 0
        self._transport.writelines((head, body))
        return reply

    def close(self) -> None:
        """End it at once."""
        self._transport.abort()

    def read_no_more(self) -> None:
        """Leave what comes with the system, so that the other side has to wait."""
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Take up reading where it was left."""
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by descent
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        reply = self._reply
        if reply is None:  # nobody has asked
            self.close()
            return
        try:
            self._parser.feed_data(data)
            if not reply.status:
                self._length += len(data)
                if self._length > _LONGEST_HEAD:
                    raise httptools.HttpParserError("a head without an end")
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            reply.broke("does not speak HTTP")
            self.close()
        if reply.ended:
            self._rest()
        reply.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone. An answer that tells no length ends so."""
        reply, self._reply = self._reply, None
        self._lost(self)
        if reply is None or reply.ended:
            return
        if exc is None and reply.status and not reply.headers.keys() & {"content-length", "transfer-encoding"}:
            reply.done()
        else:
            reply.broke("")
        reply.wake()

    def _rest(self) -> None:
        self._reply = None
        self.read_on()
        if self._keeps and not self._transport.is_closing() and not self._transport.get_write_buffer_size():
            self.since = monotonic()
            self._rests(self)
        else:
            self.close()

    # httptools' side

    def on_message_begin(self) -> None:
        """An answer begins; what comes behind the one that was asked for is not HTTP."""
        if self._reply is None or self._reply.ended:
            raise Broken("answers what nobody asked")
        self._head = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, of several the first; trailers are passed over."""
        if self._reply is not None and not self._reply.status:
            self._head.setdefault(name.lower().decode("latin-1"), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """The head is there; one that only says that another follows is passed over."""
        status = self._parser.get_status_code()
        self._interim = status < 200
        if not self._interim and self._reply is not None:
            self._reply.status, self._reply.headers, self._head = status, self._head, {}

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._reply is not None:
            self._reply.brought(data)

    def on_message_complete(self) -> None:
        """The end."""
        if not self._interim and self._reply is not None:
            self._keeps = self._parser.should_keep_alive()
            self._reply.done()


class Connections:
    """Connections that rest, by where they lead. Belongs to the event loop that first uses it."""

    def __init__(self) -> None:
        self._resting: dict[Origin, list[Connection]] = {}

    def __bool__(self) -> bool:
        return any(self._resting.values())

    async def get(self, origin: Origin, seconds: float) -> Connection:
        """A connection that can be asked: the one that has rested least, else a new one, made within `seconds`.

        Raises `OSError`: `TimeoutError`, `socket.gaierror`, `ssl.SSLError` or the system's; uvloop's may be a
        `RuntimeError`.
        """
        resting = self._resting.get(origin)
        while resting:
            connection = resting.pop()
            if connection.usable:
                return connection
        async with asyncio.timeout(seconds):
            return await self._connected(origin)

    def close(self, since: float) -> None:
        """Close those that have rested since before then."""
        for connections in list(self._resting.values()):
            for connection in list(connections):
                if connection.since < since:
                    self._forget(connection)
                    connection.close()

    async def _connected(self, origin: Origin) -> Connection:
        import socket

        from aiohappyeyeballs import start_connection

        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        connected = await start_connection(found, happy_eyeballs_delay=_HAPPY_EYEBALLS, loop=loop)
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(origin, self._keep, self._forget),
                sock=connected,
                ssl=self._trust if origin.tls else None,
                server_hostname=origin.host if origin.tls else None,
            )
        except BaseException:
            connected.close()
            raise
        return connection

    @cached_property
    def _trust(self) -> "SSLContext":
        import ssl

        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _keep(self, connection: Connection) -> None:
        self._resting.setdefault(connection.origin, []).append(connection)

    def _forget(self, connection: Connection) -> None:
        resting = self._resting.get(connection.origin, [])
        if connection in resting:
            resting.remove(connection)
