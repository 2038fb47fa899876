"""Logs: each signal a line, for people on a terminal or as JSON for programs (DESIGN §10.7).

Knows nothing of prompts and outputs: signals carry none.
"""

import sys
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import structlog
from structlog.typing import Processor

from antiphon.core.signals import (
    Fault,
    ModelChanged,
    Note,
    RequestEnded,
    RunEnded,
    Signal,
    UpstreamCalled,
    UpstreamChanged,
)

Format = Literal["console", "json"]
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_encoder = msgspec.json.Encoder(enc_hook=str)


def _json(_logger: Any, _name: str, event: Any) -> bytes:
    return _encoder.encode(event)


def structured(form: Format, level: str) -> Callable[[Signal], None]:
    """A listener that writes to standard error. `level` is debug, info, warning or error."""
    stamps: list[Processor] = [structlog.processors.add_log_level, structlog.processors.TimeStamper("iso", utc=True)]
    tty = form == "console"
    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr) if tty else structlog.BytesLogger(sys.stderr.buffer),
        processors=[*stamps, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if tty else _json],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=True,
    )

    def listen(signal: Signal) -> None:
        match signal:
            case RequestEnded():
                logger.info("request", **_fields(signal))
            case RunEnded(status="failed"):
                logger.warning("run", **_fields(signal))
            case RunEnded():
                logger.info("run", **_fields(signal))
            case ModelChanged(state="lost" | "failed"):
                logger.error("model", **_fields(signal))
            case ModelChanged():
                logger.info("model", **_fields(signal))
            case UpstreamChanged(state="failing" | "unusable"):
                logger.error("upstream", **_fields(signal))
            case UpstreamChanged():
                logger.info("upstream", **_fields(signal))
            case UpstreamCalled(outcome="failed" | "broken"):
                logger.warning("call", **_fields(signal))
            case UpstreamCalled():
                logger.debug("call", **_fields(signal))
            case Fault():
                logger.error("fault", **_fields(signal))
            case Note(text, fields):
                logger.info(text, **fields)

    return listen


def _fields(signal: Signal) -> dict[str, Any]:
    found = msgspec.structs.asdict(signal)
    for name in ("seconds", "first_delta"):
        if found.get(name) is not None:
            found[name] = round(found[name], 6)
    return found
