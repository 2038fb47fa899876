"""Exchange: one HTTP request and its answer, as plain ASGI (DESIGN §9).

Knows nothing of routes. It gives every answer its request id, remembers the
status for the log, and reads a body no further than its bound.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from collections.abc import Set as AbstractSet
from typing import Any

from antiphon.api.inflating import PACKED, Inflater, packings
from antiphon.contract.contract import Contract
from antiphon.core.accounts import Principal
from antiphon.core.problems import Problem
from antiphon.runs.ids import new_id

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

OPEN = Principal()
"""Who asks an open server: nobody in particular, for the default project."""

_HEADS = frozenset({"http.response.start", "websocket.accept"})
"""The ASGI messages that have headers."""

JSON_TYPE: Header = (b"content-type", b"application/json")


class Headed(Problem):
    """A refusal with headers of its own."""

    headers: list[Header]


class Exchange:
    """One request.

    contract
        the one that is asked through, whose shapes the answer has.
    origin
        the foreign origin that may read the answer, if any.
    principal
        who asks, as the door has found; nobody in particular until then.
    told
        further headers of the answer, whatever that is: how limits and budgets stand.
    tells
        gives these when the answer begins, where they are not known before.
    """

    __slots__ = (
        "_headers",
        "_send",
        "contract",
        "id",
        "origin",
        "principal",
        "receive",
        "scope",
        "started",
        "status",
        "tells",
        "told",
    )

    contract: Contract

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.id = new_id("req")
        self.origin: str | None = None
        self.principal = OPEN
        self.told: list[Header] = []
        self.tells: Callable[[], Awaitable[list[Header]]] | None = None
        self.status = 0
        self.started = time.perf_counter()
        self._send = send
        self._headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))

    @property
    def project(self) -> str:
        """The project that is worked in."""
        return self.principal.project

    @property
    def begun(self) -> bool:
        """Whether the status line has gone out."""
        return self.status != 0

    def header(self, name: bytes) -> str | None:
        """The first header of that (lower-case) name."""
        value = self._headers.get(name)
        return None if value is None else str(value, "latin-1")

    @property
    def peer(self) -> str:
        """The address at the other end of the connection; "" where there is none, as on a Unix socket."""
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    def all(self, name: bytes) -> list[str]:
        """Every header of that (lower-case) name, in order."""
        return [str(value, "latin-1") for key, value in self.scope["headers"] if key == name]

    def any_of(self, names: AbstractSet[bytes]) -> str | None:
        """One of these (lower-case) names that there is a header of, or None."""
        return None if names.isdisjoint(self._headers) else min(names & self._headers.keys()).decode()

    async def send(self, message: Message) -> None:
        """Send an ASGI message; the head gets the headers that every answer has."""
        if message["type"] in _HEADS:
            self.status = message.get("status", 101)
            if self.tells is not None:
                self.told = await self.tells()
            message["headers"] = [*message.get("headers", ()), *self._own_headers()]
        await self._send(message)

    async def answer(self, status: int, headers: list[Header], body: bytes) -> None:
        """Send a whole answer."""
        await self.send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*headers, (b"content-length", str(len(body)).encode())],
            }
        )
        await self._send({"type": "http.response.body", "body": body})

    async def chunk(self, data: bytes) -> None:
        """Send a piece of a body in one write; waits while the reader is slow."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def last(self, data: bytes) -> None:
        """Send the last piece of a body."""
        await self._send({"type": "http.response.body", "body": data})

    async def body(self, limit: int) -> bytes:
        """The request's body, inflated where the client has packed it.

        Raises `Problem` 413 when it has more than `limit` bytes (packed or inflated), 415 for another packing than is
        taken, 400 for a broken one, 499 when the client left.
        """
        encoding = self.header(b"content-encoding")
        inflater = None if encoding is None else _inflater(encoding, limit)
        declared = self.header(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Problem(499, None, "The client left before its request was whole.")
            piece = message.get("body", b"")
            if inflater is not None:
                piece = inflater.feed(piece)
            size += len(piece)
            if size > limit or (inflater is not None and inflater.full):
                raise _too_large(limit)
            pieces.append(piece)
            if not message.get("more_body", False):
                if inflater is not None:
                    inflater.end()
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _own_headers(self) -> list[Header]:
        milliseconds = int((time.perf_counter() - self.started) * 1000)
        own = [
            (b"x-request-id", self.id.encode()),
            (b"openai-version", b"2020-10-01"),
            (b"openai-processing-ms", str(milliseconds).encode()),
            *self.told,
        ]
        client_id = self.header(b"x-client-request-id")
        if client_id is not None:
            own.append((b"x-client-request-id", client_id.encode("latin-1")))
        if self.origin is not None:
            own.append((b"access-control-allow-origin", self.origin.encode("latin-1")))
            own.append((b"access-control-expose-headers", b"*"))
            own.append((b"vary", b"Origin"))
        return own


def _inflater(encoding: str, limit: int) -> Inflater | None:
    """What inflates a body of that `Content-Encoding`; None where it is not packed. Raises `Problem` 415."""
    names = packings(encoding)
    if all(name in PACKED for name in names) and len(names) < 2:
        return Inflater(limit) if names else None
    refusal = Headed(
        415,
        "unsupported_media_type",
        f"A body with 'Content-Encoding: {encoding[:80]}' can't be read. Send it with one of {', '.join(PACKED)}, or "
        "as it is.",
    )
    refusal.headers = [(b"accept-encoding", ", ".join(PACKED).encode())]
    raise refusal


def _too_large(limit: int) -> Problem:
    return Problem(413, "request_too_large", f"The request body is larger than {limit} bytes, the most that is taken.")
