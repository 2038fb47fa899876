"""The one small seam over HTTP: a body to an upstream, and bytes back as they are read.

Knows nothing of what the bytes say.
"""

import asyncio
import os
import socket
import ssl
import zlib
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from antiphon.core.items import JSON
from antiphon.core.servers import HEADER, told
from antiphon.models.http_connection import Broken, Connections, Origin, Reply
from antiphon.models.upstream import Upstream, UpstreamFault, malformed, refusal, too_slow, unreachable

_SWEEP = 0.25  # seconds between two looks at who is late: no timer is set for a token
_REST = 2.0  # seconds for which the rest of an answer that nobody wants may keep its connection
_KEEP_ALIVE = 30.0
_MOST = 64 * 1024 * 1024  # bytes of an answer that is read as a whole


_MOST_UNPACKED = 1024 * 1024  # bytes that one step makes of what came packed
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})

_AS_IT_IS = "/%:@!$&'()*+,;=-._~?"
"""What stands in an address as it is."""


class _Route(NamedTuple):
    """What is the same in every request of one kind: where it goes, and its head but for what it carries."""

    origin: Origin
    head: str


class _Packed:
    """The body of a reply that came packed, as some servers do though they were not asked to."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._inflate = zlib.decompressobj(wbits=47)  # by its own head, gzip or zlib

    async def piece(self) -> bytes:
        """As `Reply.piece`."""
        while data := self._inflate.unconsumed_tail or await self._reply.piece():
            try:
                found = self._inflate.decompress(data, _MOST_UNPACKED)
            except zlib.error:
                raise Broken("packed its answer in a way that can't be read") from None
            if found:
                return found
        return self._inflate.flush()


class Answer:
    """An upstream's answer, whose body is read as it comes: `async for data in answer.chunks()`.

    Whoever has one ends it: by reading to its end, by `leave()`, or by `abort()`.
    """

    def __init__(self, http: "Http", upstream: Upstream, reply: Reply, began: float, patience: float) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self._http = http
        self._upstream = upstream
        self._reply = reply
        self._piece = reply.piece
        self._silence = began + patience  # when it has lasted too long
        self._patience = patience
        self._total = began + upstream.deadlines.total
        self._idle = upstream.deadlines.idle
        self._spoken = self._renewed = False
        self._late: UpstreamFault | None = None
        self.due = min(self._silence, self._total)

    async def begun(self) -> None:
        """Wait for the head: status and headers. Raises `UpstreamFault`."""
        reply = self._reply
        try:
            await reply.begun()
            self.status, self.headers = reply.status, reply.headers
            self._unpack(self.headers.get("content-encoding", "identity").lower())
        except Broken as fault:
            self.abort()
            raise self._late or unreachable(self._upstream, fault.why or "broke off before it answered") from None
        except BaseException:
            self.abort()
            raise

    def _unpack(self, encoding: str) -> None:
        if encoding in _PACKED:
            self._piece = _Packed(self._reply).piece
        elif encoding != "identity":
            raise Broken(f"answered in an encoding that was not asked for, '{encoding[:40]}'")

    def chunks(self) -> "Answer":
        """The body in pieces of at least a byte, each as much as was read at once.

        Raises `UpstreamFault` for a body that is cut, and where a deadline passes.
        """
        return self

    def __aiter__(self) -> "Answer":
        return self

    async def __anext__(self) -> bytes:
        """The next piece; see `chunks`."""
        if self._renewed:
            self._renewed = False
            self._silence = monotonic() + self._idle
        self.due = min(self._silence, self._total)
        try:
            data = await self._piece()
        except Broken as fault:
            self._http.forget(self)
            raise self._late or unreachable(self._upstream, fault.why or "broke off its answer") from None
        self.due = self._total
        if data:
            return data
        self._http.forget(self)
        raise StopAsyncIteration

    def spoken(self) -> None:
        """Something was said: from now on, and from each time on, the deadline for silence counts, not the one for
        the first token. Comments that keep a connection open are silence too."""
        self._spoken = self._renewed = True

    async def read(self, limit: int = _MOST) -> bytes:
        """The body up to `limit` bytes; where it is longer the rest is cut off. Raises as `chunks` does."""
        pieces: list[bytes] = []
        left = limit
        async for data in self:
            pieces.append(data[:left])
            left -= len(data)
            if left < 0:
                self.abort()
                break
        return b"".join(pieces)

    def leave(self) -> None:
        """Nothing more is wanted. What is left may come for a moment, so that the connection can be used again."""
        if self._reply.ended:
            self._http.forget(self)
        else:
            self._reply.drop()
            self.due = monotonic() + _REST

    def abort(self) -> None:
        """Close the connection at once, if the body has not come to its end. Doing so twice is doing so once."""
        self._http.forget(self)
        self._reply.abort()

    def look(self, now: float) -> None:
        """Stop being watched where the body has ended; where it is late, tell whoever reads, and close."""
        if self._reply.ended:
            self._http.forget(self)
            return
        if now < self.due:
            return
        deadlines = self._upstream.deadlines
        if now >= self._total:
            self._late = too_slow(self._upstream, "did not come to its end", deadlines.total)
        elif self._spoken:
            self._late = too_slow(self._upstream, "said nothing more", deadlines.idle)
        else:
            what = "said nothing" if self.status else "did not answer"
            self._late = too_slow(self._upstream, what, self._patience)
        self.abort()


class Http:
    """Connections to every upstream, kept and used again. Belongs to the event loop that first uses it.

    server
        this server's id among others, which stands in all that is asked; "" for none.
    """

    def __init__(self, server: str = "") -> None:
        self._server = server
        self._connections = Connections()
        self._routes: dict[tuple[Upstream, str], _Route] = {}
        self._open: set[Answer] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def get(self, upstream: Upstream, path: str) -> Answer:
        """What stands at `path`, as `post` gives it."""
        return await self._send(upstream, "GET", path, None, (), upstream.deadlines.first)

    async def post(
        self, upstream: Upstream, path: str, body: bytes, passed: Sequence[str] = (), patience: float | None = None
    ) -> Answer:
        """Send JSON; gives the answer when its head is there, whatever its status.

        `path` is read as a link on a page at the upstream's url: `chat/completions`, `../tokenize`. `passed` are the
        servers that the call came through. `patience` is the seconds in which something has to be said, by default
        the upstream's `first`.
        Raises `UpstreamFault` where there is no connection, or no head in time.
        """
        return await self._send(upstream, "POST", path, body, passed, patience or upstream.deadlines.first)

    async def post_json(self, upstream: Upstream, path: str, body: bytes, passed: Sequence[str] = ()) -> JSON:
        """The JSON that is answered to JSON. Raises as `post` and `json_of` do."""
        return await json_of(upstream, await self.post(upstream, path, body, passed))

    async def close(self) -> None:
        """Close every connection; answers that are still read break off."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for answer in list(self._open):
            answer.abort()
        self._connections.close(monotonic())
        await asyncio.sleep(0)  # the loop has to see them closed

    def forget(self, answer: Answer) -> None:
        """Watch an answer no longer."""
        self._open.discard(answer)

    async def _send(
        self, upstream: Upstream, method: str, path: str, body: bytes | None, passed: Sequence[str], patience: float
    ) -> Answer:
        route = self._routes.get((upstream, path)) or self._route(upstream, path)
        began = monotonic()
        try:
            connection = await self._connections.get(route.origin, upstream.deadlines.connect)
        except (OSError, RuntimeError) as fault:
            raise _unconnected(upstream, fault) from None
        servers = told([*passed, self._server]) if passed else self._server
        reply = connection.ask(_head(route, method, servers, body), body or b"")
        answer = Answer(self, upstream, reply, began, patience)
        self._watch(answer)
        await answer.begun()
        return answer

    def _route(self, upstream: Upstream, path: str) -> _Route:
        url = urlsplit(urljoin(upstream.url.rstrip("/") + "/", path))
        try:
            host = (url.hostname or "").encode("idna").decode()
            origin = Origin(host, url.port or (443 if url.scheme == "https" else 80), url.scheme == "https")
        except ValueError:
            raise unreachable(upstream, "has no usable address", blame="upstream") from None
        target = quote(url.path or "/", safe=_AS_IT_IS) + (f"?{quote(url.query, safe=_AS_IT_IS)}" if url.query else "")
        lines = [
            f" {target} HTTP/1.1",
            f"Host: {url.netloc.rpartition('@')[2].encode('idna').decode()}",
            "User-Agent: antiphon",
            "Accept: */*",
            "Accept-Encoding: identity",
        ]
        if upstream.key:
            lines.append(f"Authorization: Bearer {upstream.key}")
        if not all(line.isprintable() and line.isascii() for line in lines):
            raise unreachable(upstream, "has an address or a key that can't be sent", blame="upstream")
        route = self._routes[upstream, path] = _Route(origin, "\r\n".join([*lines, ""]))
        return route

    def _watch(self, answer: Answer) -> None:
        self._open.add(answer)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP, self._look)

    def _look(self) -> None:
        now = monotonic()
        for answer in list(self._open):
            answer.look(now)
        self._connections.close(now - _KEEP_ALIVE)
        idle = not (self._open or self._connections)
        self._sweep = None if idle else asyncio.get_running_loop().call_later(_SWEEP, self._look)


def _head(route: _Route, method: str, servers: str, body: bytes | None) -> bytes:
    named = f"{HEADER}: {servers}\r\n" if servers else ""
    length = "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{method}{route.head}{named}{length}\r\n".encode()


def _unconnected(upstream: Upstream, fault: OSError | RuntimeError) -> UpstreamFault:
    """Why there is no connection."""
    match fault:
        case TimeoutError():
            return too_slow(upstream, "could not be connected to", upstream.deadlines.connect)
        case socket.gaierror():
            return unreachable(upstream, "can't be found: its host has no address")
        case ssl.SSLError():
            return unreachable(upstream, f"can't be trusted: TLS: {fault}", blame="upstream")
        case OSError(errno=int(number)):
            return unreachable(upstream, f"can't be reached: {os.strerror(number)}")
        case _:
            return unreachable(upstream, f"can't be reached: {fault}")


async def json_of(upstream: Upstream, answer: Answer) -> JSON:
    """The JSON of an answer. Raises `UpstreamFault` for any status but 200, and for what is no JSON."""
    if answer.status != 200:
        raise refusal(upstream, answer.status, answer.headers, await answer.read())
    try:
        return msgspec.json.decode(await answer.read())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed(upstream, "answered with something that is no JSON") from None
