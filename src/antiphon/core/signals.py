"""Signals: what the server tells of itself, once each (DESIGN §10.7).

Knows nothing of logs, metrics or traces: they are handlers in `observe`. No signal but
`RunContent` carries a prompt or an output, and none a secret.
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
    """A response reached its end. `first_delta` is seconds to the first delta, None where there was none;
    `estimated` says whether any of the tokens is."""

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
    project: str = ""
    estimated: bool = False


class RunContent(Struct, frozen=True):
    """What a response was made from and what it says, for a project that wants this in its log."""

    response_id: str
    request_id: str
    project: str
    prompt: list[JSON]
    output: list[JSON]


class RunSettled(Struct, frozen=True):
    """What a run took was written down, under the model's own id. `cost` is in the currency of the model's prices."""

    response_id: str
    project: str
    key: str
    model: str
    status: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    estimated: bool
    cost: float


class ModelChanged(Struct, frozen=True):
    """A model is `loading`, `ready`, `lost` or `failed`."""

    model: str
    state: str
    detail: str = ""


class UpstreamChanged(Struct, frozen=True):
    """An upstream is `ready`, `failing` (its breaker is open) or `unusable` (as it is set up, it can't be asked)."""

    upstream: str
    state: str
    detail: str = ""


class UpstreamCalled(Struct, frozen=True):
    """An upstream was asked once, for a model as it is served here.

    `outcome` is `answered`, `failed`, `broken` (in the middle of its answer) or `left` (its reader went);
    `status` is what it refused with, else 200. `first_delta` is None where it said nothing; `cost` is in
    the currency of the model's prices, 0 where it has none.
    """

    upstream: str
    model: str
    outcome: str
    status: int
    seconds: float
    first_delta: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0


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


Signal = (
    RequestEnded | RunEnded | RunContent | RunSettled | ModelChanged | UpstreamChanged | UpstreamCalled | Fault | Note
)
