"""Server-sent events: a cursor's events as frames (protocol §5).

Knows nothing of where the events come from. LF only; an event is never split over writes;
several events that are ready together go out in one.
"""

import asyncio
from collections.abc import Callable, Sequence

from antiphon.api.exchange import Exchange, Header
from antiphon.core.events import Event
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
    """The frames of some events."""
    pieces: list[bytes] = []
    for one in told:
        kind = type(one.event)
        head = _heads.get(kind)
        if head is None:
            head = _heads[kind] = f"event: {kind.__struct_config__.tag}\ndata: ".encode()
        pieces += (head, one.data, b"\n\n")
    return b"".join(pieces)


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


async def stream(
    exchange: Exchange, cursor: Cursor, *, head: list[Header], heartbeat: float, promise: Callable[[], None]
) -> bool:
    """Send a cursor to its end; a comment after `heartbeat` seconds of silence.

    The status line waits for the first event or the first heartbeat; `promise` is called in that
    latter case, before it goes out. Returns False where the cursor ended before that: nothing was sent.
    """
    beat = Heartbeat(cursor, heartbeat)
    try:
        while (told := await cursor.take()) is not None:
            if not exchange.begun:
                if not told:
                    promise()
                await exchange.send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *head]})
            await exchange.chunk(frames(told) if told else PING)
            beat.wrote()
        if not exchange.begun:
            return False
        await exchange.last(DONE)
        return True
    finally:
        beat.stop()
