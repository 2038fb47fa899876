"""The one small seam over the HTTP client: a body to an upstream, and bytes back as they are read.

Knows nothing of what the bytes say. aiohttp is imported when the first request goes out.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

import msgspec

from antiphon.core.items import JSON
from antiphon.core.servers import HEADER, told
from antiphon.models.upstream import Upstream, UpstreamFault, malformed, refusal, too_slow, unreachable

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession, ClientTimeout
    from yarl import URL

_SWEEP = 0.25  # seconds between two looks at who is late: no timer is set for a token
_REST = 2.0  # seconds for which the rest of an answer that nobody wants may keep its connection
_KEEP_ALIVE = 30.0
_MOST = 64 * 1024 * 1024  # bytes of an answer that is read as a whole


class _Route(NamedTuple):
    """What is the same in every request of one kind."""

    url: "URL"
    headers: dict[str, str]
    timeout: "ClientTimeout"


class Answer:
    """An upstream's answer, whose body is read as it comes: `async for data in answer.chunks()`.

    Whoever has one ends it: by reading to its end, by `leave()`, or by `abort()`.
    """

    def __init__(
        self, http: "Http", upstream: Upstream, response: "ClientResponse", began: float, patience: float
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._http = http
        self._upstream = upstream
        self._response = response
        self._content = response.content
        self._first = began + patience
        self._patience = patience
        self._total = began + upstream.deadlines.total
        self._idle = upstream.deadlines.idle
        self._spoken = False
        self._late: UpstreamFault | None = None
        self.due = self._total

    def chunks(self) -> "Answer":
        """The body in pieces of at least a byte, each as much as was read at once.

        Raises `UpstreamFault` for a body that is cut, and where a deadline passes.
        """
        return self

    def __aiter__(self) -> "Answer":
        return self

    async def __anext__(self) -> bytes:
        """The next piece; see `chunks`."""
        self.due = min(monotonic() + self._idle if self._spoken else self._first, self._total)
        try:
            data = await self._content.readany()
        except Exception as fault:  # noqa: BLE001  what is not the connection's is raised on
            self._http.forget(self)
            raise self._late or meant(self._upstream, fault, "broke off its answer", self._patience) from None
        self.due = self._total
        if data:
            return data
        self._http.forget(self)
        raise StopAsyncIteration

    def spoken(self) -> None:
        """Something was said: from now on the deadline for silence counts, not the one for the first token."""
        self._spoken = True

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
        if self._content.is_eof():
            self._http.forget(self)
        else:
            self.due = monotonic() + _REST

    def abort(self) -> None:
        """Close the connection at once, if the body has not come to its end. Doing so twice is doing so once."""
        self._http.forget(self)
        self._response.close()

    def look(self, now: float) -> None:
        """Stop being watched where the body has ended; where it is late, tell whoever reads, and close."""
        if self._content.is_eof():
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
            self._late = too_slow(self._upstream, "said nothing", self._patience)
        self.abort()


class Http:
    """Connections to every upstream, kept and used again. Belongs to the event loop that first uses it.

    server
        this server's id among others, which stands in all that is asked; "" for none.
    """

    def __init__(self, server: str = "") -> None:
        self._server = server
        self._session: ClientSession | None = None
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
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def forget(self, answer: Answer) -> None:
        """Watch an answer no longer."""
        self._open.discard(answer)

    async def _send(
        self, upstream: Upstream, method: str, path: str, body: bytes | None, passed: Sequence[str], patience: float
    ) -> Answer:
        session = self._session or self._begin()
        route = self._routes.get((upstream, path)) or self._route(upstream, path)
        headers = {**route.headers, HEADER: told([*passed, self._server])} if passed else route.headers
        began = monotonic()
        try:
            async with asyncio.timeout(patience):
                response = await session.request(
                    method, route.url, data=body, headers=headers, timeout=route.timeout, allow_redirects=False
                )
        except Exception as fault:  # noqa: BLE001  what is not the connection's is raised on
            raise meant(upstream, fault, "broke off before it answered", patience) from None
        answer = Answer(self, upstream, response, began, patience)
        self._watch(answer)
        return answer

    def _begin(self) -> "ClientSession":
        from aiohttp import ClientSession, DummyCookieJar, TCPConnector

        connector = TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE)
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers={"User-Agent": "antiphon", "Accept": "*/*", "Accept-Encoding": "identity"},
        )
        return self._session

    def _route(self, upstream: Upstream, path: str) -> _Route:
        from aiohttp import ClientTimeout
        from yarl import URL

        headers = {"Content-Type": "application/json"}
        if self._server:
            headers[HEADER] = self._server
        if upstream.key:
            headers["Authorization"] = f"Bearer {upstream.key}"
        url = URL(urljoin(upstream.url.rstrip("/") + "/", path))
        route = _Route(url, headers, ClientTimeout(total=None, sock_connect=upstream.deadlines.connect))
        self._routes[upstream, path] = route
        return route

    def _watch(self, answer: Answer) -> None:
        self._open.add(answer)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP, self._look)

    def _look(self) -> None:
        now = monotonic()
        for answer in list(self._open):
            answer.look(now)
        self._sweep = asyncio.get_running_loop().call_later(_SWEEP, self._look) if self._open else None


def meant(upstream: Upstream, fault: Exception, otherwise: str, patience: float) -> UpstreamFault:
    """What the client library's exception means; `otherwise` goes on from the upstream's name, `patience` is the
    seconds that a timeout has taken. Raises it where it is not the connection's."""
    import aiohttp

    match fault:
        case aiohttp.ConnectionTimeoutError():
            return too_slow(upstream, "could not be connected to", upstream.deadlines.connect)
        case TimeoutError():
            return too_slow(upstream, "did not answer", patience)
        case aiohttp.ClientSSLError():
            return unreachable(upstream, f"can't be trusted: TLS: {fault.__cause__ or fault}", blame="upstream")
        case aiohttp.InvalidURL():
            return unreachable(upstream, "has no usable address", blame="upstream")
        case aiohttp.ClientError() | OSError() | RuntimeError():  # the last is aiohttp's word for a lost connection
            return unreachable(upstream, _connecting(fault) or otherwise)
        case _:
            raise fault


def _connecting(fault: Exception) -> str:
    """Why there is no connection; "" for any other fault."""
    import aiohttp
    from aiohttp.http import HttpProcessingError

    match fault:
        case aiohttp.ClientConnectorDNSError():
            return "can't be found: its host has no address"
        case aiohttp.ClientConnectorError():
            return f"can't be reached: {os.strerror(fault.errno) if fault.errno else 'no connection'}"
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return "does not speak HTTP"
        case _:
            return ""


async def json_of(upstream: Upstream, answer: Answer) -> JSON:
    """The JSON of an answer. Raises `UpstreamFault` for any status but 200, and for what is no JSON."""
    if answer.status != 200:
        raise refusal(upstream, answer.status, answer.headers, await answer.read())
    try:
        return msgspec.json.decode(await answer.read())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed(upstream, "answered with something that is no JSON") from None
