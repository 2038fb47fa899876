"""Replay: the events that would have told a finished response (protocol §1.1, "Retrieve stream").

Knows nothing of the log that once told it; the numbers and the cuts between deltas are new.
"""

from msgspec.structs import replace

from antiphon.core.deltas import ItemDelta
from antiphon.core.emitter import Emitter
from antiphon.core.events import Event, ResponseCompleted, ResponseFailed, ResponseIncomplete
from antiphon.core.response import Response

_TERMINAL = {"completed": ResponseCompleted, "failed": ResponseFailed}


def replay(response: Response) -> list[Event]:
    """A whole stream for a response that has ended; its terminal event carries the response as it is."""
    first = replace(
        response,
        status="in_progress",
        output=[],
        usage=None,
        error=None,
        incomplete_details=None,
        completed_at=None,
    )
    emitter = Emitter(first, new_id=lambda prefix: f"{prefix}_replayed", now=lambda: 0)
    events = emitter.start()
    events += emitter.feed([ItemDelta(item) for item in response.output])
    events += emitter.close()
    terminal = _TERMINAL.get(response.status, ResponseIncomplete)
    events.append(terminal(emitter.next(), response))
    return events
