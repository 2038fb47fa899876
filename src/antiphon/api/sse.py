"""Server-sent events: a cursor's events as frames (protocol §5).

Knows nothing of where the events come from. LF only; an event is never split over writes;
several events that are ready together go out in one.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from secrets import token_urlsafe
from typing import Protocol

from msgspec import Struct

from antiphon.api.exchange import Exchange, Header
from antiphon.contract.contract import Contract
from antiphon.contract.telling import NO_TIMING
from antiphon.core.events import TERMINAL_EVENTS, Event, event_type
from antiphon.core.response import Timing
from antiphon.runs.log import Cursor, Told

HEADERS: list[Header] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"

_heads: dict[type[Event], bytes] = {}


def frames(told: Sequence[Told]) -> bytes:
    """The frames of some events, as the log has them."""
    pieces: list[bytes] = []
    for one in told:
        kind = type(one.event)
        head = _heads.get(kind)
        if head is None:
            head = _heads[kind] = _head(str(kind.__struct_config__.tag))
        pieces += (head, one.data, b"\n\n")
    return b"".join(pieces)


def _head(name: str) -> bytes:
    return f"event: {name}\ndata: ".encode()


class Heartbeat:
    """Nudges a cursor that has been silent for `seconds`, so that proxies and clients see life."""

    def __init__(self, cursor: Cursor, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._cursor = cursor
        self._seconds = seconds
        self._last = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._look)

    def wrote(self) -> None:
        """Something went out just now."""
        self._last = self._loop.time()

    def stop(self) -> None:
        """No more nudges."""
        self._timer.cancel()

    def _look(self) -> None:
        silent = self._loop.time() - self._last
        if silent >= self._seconds:
            self._cursor.nudge()
            self._last, silent = self._loop.time(), 0.0
        self._timer = self._loop.call_later(self._seconds - silent, self._look)


def untimed() -> Timing:
    """Nothing was measured."""
    return NO_TIMING


class Frames(Protocol):
    """What makes the frames of one reader."""

    def frames(self, told: Sequence[Told]) -> bytes:
        """The frames of some events; empty where this reader is told nothing of them."""
        ...


class Projection(Struct, frozen=True):
    """What differs by reader.

    contract
        in whose shape events are told.
    obfuscated
        whether every delta is padded, so that lengths tell less (protocol §5.5).
    timing
        what was measured so far.
    """

    contract: Contract
    obfuscated: bool = False
    timing: Callable[[], Timing] = untimed

    def frames(self, told: Sequence[Told]) -> bytes:
        """The frames for this reader; empty where its contract tells nothing of these events."""
        if not (self.contract.touched or self.obfuscated):
            return frames(told)
        return b"".join([piece for name, data in self.events(told) for piece in (_head(name), data, b"\n\n")])

    def events(self, told: Sequence[Told]) -> Iterator[tuple[str, bytes]]:
        """The name and the JSON of each event that this reader is told."""
        touched = self.contract.touched
        for one in told:
            whole = self.contract.event(one.event, self.timing()) if type(one.event) in touched else _canonical(one)
            if whole is not None:
                name, data = whole
                yield name, padded(one.event, data) if self.obfuscated else data


def _canonical(told: Told) -> tuple[str, bytes]:
    return event_type(told.event), told.data


class Reading(Struct, frozen=True):
    """How one client reads: further headers, what differs for it, and its heartbeat in seconds."""

    head: list[Header]
    projection: Frames
    heartbeat: float

    async def begin(self, exchange: Exchange) -> None:
        """Send the status line."""
        await exchange.send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *self.head]})

    async def empty(self, exchange: Exchange) -> None:
        """Send a stream in which nothing is left to tell."""
        await self.begin(exchange)
        await exchange.last(DONE)


async def stream(exchange: Exchange, cursor: Cursor, reading: Reading, promise: Callable[[], None]) -> bool:
    """Send a cursor to its end; a comment goes out after silence.

    The status line waits for the first event or the first heartbeat; `promise` is called in that
    latter case, before it goes out. Returns False where the cursor ended before that: nothing was sent.
    A log that breaks off (its run was handed back) ends without `[DONE]`: there is more to come elsewhere.
    """
    beat = Heartbeat(cursor, reading.heartbeat)
    begun = ended = False
    try:
        while (told := await cursor.take()) is not None:
            if not begun:
                if not told:
                    promise()
                await reading.begin(exchange)
                begun = True
            if data := reading.projection.frames(told) if told else PING:
                await exchange.chunk(data)
                beat.wrote()
            ended = bool(told) and isinstance(told[-1].event, TERMINAL_EVENTS)
        if not begun:
            return False
        await exchange.last(DONE if ended else b"")
        return True
    finally:
        beat.stop()


def padded(event: Event, data: bytes) -> bytes:
    """The event's JSON with random letters that fill its delta up to a multiple of 16 characters."""
    delta = getattr(event, "delta", None)
    if delta is None:
        return data
    padding = token_urlsafe(16)[: 16 - len(delta) % 16]
    return data[:-1] + b',"obfuscation":"' + padding.encode() + b'"}'
