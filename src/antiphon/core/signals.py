"""Signals: what the server tells of itself, once each (DESIGN §10.7).

Knows nothing of logs, metrics or traces: they are handlers in `observe`. No signal carries
a prompt, an output or a secret.
"""

from msgspec import Struct

from antiphon.core.items import JSON


class RequestEnded(Struct, frozen=True):
    """An HTTP request was answered. `seconds` runs from its first byte to the end of the answer."""

    request_id: str
    method: str
    path: str
    status: int
    seconds: float
    code: str | None = None


class RunEnded(Struct, frozen=True):
    """A response reached its end. `first_delta` is seconds to the first delta, None where there was none."""

    response_id: str
    request_id: str
    model: str
    status: str
    seconds: float
    first_delta: float | None
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    code: str | None = None


class ModelChanged(Struct, frozen=True):
    """A model is `loading`, `ready`, `lost` or `failed`."""

    model: str
    state: str
    detail: str = ""


class Fault(Struct, frozen=True):
    """Something that should not happen did; `trace` is the stack, without values."""

    where: str
    message: str
    trace: str = ""
    request_id: str = ""


class Note(Struct, frozen=True):
    """Anything else worth a line in the log."""

    text: str
    fields: dict[str, JSON] = {}


Signal = RequestEnded | RunEnded | ModelChanged | Fault | Note
