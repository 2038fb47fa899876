"""Logs: each signal a line, for people on a terminal or as JSON for programs (DESIGN §10.7).

Knows nothing of prompts and outputs: of the signals only `RunContent` carries any, for a project that wants it.
"""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO, Literal

import msgspec

from antiphon.core.signals import (
    Fault,
    ModelChanged,
    Note,
    RequestEnded,
    RunContent,
    RunEnded,
    RunSettled,
    Signal,
    UpstreamCalled,
    UpstreamChanged,
)

Format = Literal["console", "json"]
_USUAL = frozenset({"debug", "info"})
_TOGETHER = 0.05  # seconds that a usual line may wait for others
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_EVENTS: dict[type, str] = {
    RequestEnded: "request",
    RunEnded: "run",
    RunContent: "content",
    RunSettled: "settled",
    UpstreamCalled: "call",
    ModelChanged: "model",
    UpstreamChanged: "upstream",
    Fault: "fault",
}

Write = Callable[[str, str, dict[str, Any]], None]
"""Writes a line: its level, what happened, and the fields."""


def structured(form: Format, level: str) -> Callable[[Signal], None]:
    """A listener that writes to standard error. `level` is debug, info, warning or error."""
    write = _for_people() if form == "console" else _as_json()
    least = _LEVELS[level]

    def listen(signal: Signal) -> None:
        level, event = _heading(signal)
        if _LEVELS[level] >= least:
            write(level, event, signal.fields if isinstance(signal, Note) else _fields(signal))

    return listen


def _heading(signal: Signal) -> tuple[str, str]:
    """A signal's level, and what it is called."""
    match signal:
        case Note(text=text):
            return "info", text
        case RunEnded(status="failed") | UpstreamCalled(outcome="failed" | "broken"):
            level = "warning"
        case ModelChanged(state="lost" | "failed") | UpstreamChanged(state="failing" | "unusable") | Fault():
            level = "error"
        case UpstreamCalled() | RunSettled():
            level = "debug"
        case _:
            level = "info"
    return level, _EVENTS[type(signal)]


def _as_json() -> Write:
    """A line is an object. No library stands between: two lines go out for each request."""
    encode, out = msgspec.json.Encoder(enc_hook=str).encode, Lines(sys.stderr.buffer)

    def write(level: str, event: str, fields: dict[str, Any]) -> None:
        stamp = datetime.now(UTC).isoformat().removesuffix("+00:00") + "Z"
        out.write(encode({"timestamp": stamp, "level": level, "event": event, **fields}) + b"\n")
        if level in _USUAL:
            out.soon()
        else:
            out.now()

    return write


class Lines:
    """Lines on their way out: where an event loop runs, the usual ones of some milliseconds go together.

    A write is a call of the system, and costs more than all else of a line.
    """

    def __init__(self, out: BinaryIO) -> None:
        self.write = out.write
        self._flush = out.flush
        self._timer: asyncio.TimerHandle | None = None

    def soon(self) -> None:
        """Let what was written wait for others."""
        if self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(_TOGETHER, self.now)
            except RuntimeError:  # nobody would come back for it
                self._flush()

    def now(self) -> None:
        """Send what was written."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._flush()


def _for_people() -> Write:
    import structlog

    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )

    def write(level: str, event: str, fields: dict[str, Any]) -> None:
        getattr(logger, level)(event, **fields)

    return write


def _fields(signal: Signal) -> dict[str, Any]:
    found = msgspec.structs.asdict(signal)
    for name in ("seconds", "first_delta"):
        if found.get(name) is not None:
            found[name] = round(found[name], 6)
    return found
