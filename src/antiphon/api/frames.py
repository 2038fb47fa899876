"""Frames: what a client says over a WebSocket, and what it is told besides events (protocol §7).

Knows nothing of connections, nor of what a create asks for: that is the contract's.
"""

import re
from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType

from antiphon.contract.decode import parse
from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.core.wire import encode

_LANE = re.compile(r"[A-Za-z0-9_.-]{1,256}")


class Create(Struct, frozen=True):
    """`response.create`: the body of a request, streamed; the lane that it names, and its size in bytes."""

    body: dict[str, JSON]
    stream_id: str | None
    size: int

    @property
    def follows(self) -> str | None:
        """The response that it goes on from."""
        return _follows(self.body)


class Steer(Struct, frozen=True):
    """`response.steer`: input for a response that is being made."""

    input: JSON
    previous_response_id: JSON


class Wrong(Struct, frozen=True):
    """A frame that asks for nothing that there is. `follows` as of a create, where it is one."""

    problem: Problem
    size: int
    stream_id: str | None = None
    follows: str | None = None


def read(data: bytes, *, lanes: bool) -> Create | Steer | Wrong:
    """What a frame says. Without `lanes` the contract knows no `stream_id`, which stays a field like any other."""
    try:
        value = parse(data)
    except Problem as problem:
        return Wrong(problem, len(data))
    if type(value) is not dict:
        return Wrong(_invalid("A frame must hold a JSON object with a 'type'.", None), len(data))
    match value.pop("type", None):
        case "response.create":
            return _create(value, len(data), lanes=lanes)
        case "response.steer":
            return Steer(value.get("input"), value.get("previous_response_id"))
        case None:
            code, message = "missing_required_parameter", "Missing required parameter: 'type'."
            return Wrong(Problem(400, code, message, param="type"), len(data))
        case _:
            return Wrong(_invalid("'type' must be 'response.create' or 'response.steer' here.", "type"), len(data))


def _create(body: dict[str, JSON], size: int, *, lanes: bool) -> Create | Wrong:
    lane = body.pop("stream_id", None) if lanes else None
    if lane is not None and not (isinstance(lane, str) and _LANE.fullmatch(lane)):
        message = "'stream_id' must be 1 to 256 letters, digits, '_', '.' or '-'."
        return Wrong(_invalid(message, "stream_id"), size, follows=_follows(body))
    if body.get("background") is True:
        message = "'background' is not possible over a WebSocket. Ask with POST /responses."
        return Wrong(Problem(400, "unsupported_parameter", message, param="background"), size, lane, _follows(body))
    body["stream"] = True  # over a WebSocket everything is; many clients say so themselves (clients §14)
    return Create(body, lane, size)


def _follows(body: dict[str, JSON]) -> str | None:
    name = body.get("previous_response_id")
    return name if isinstance(name, str) else None


def _invalid(message: str, param: str | None) -> Problem:
    return Problem(400, "invalid_value", message, param=param)


class ErrorPayload(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The error object. `headers` are those that an HTTP answer would have had."""

    type: str
    code: str
    message: str
    param: str | None
    headers: dict[str, str] = {}


class ErrorEvent(Struct, kw_only=True, frozen=True, tag="error"):
    """A create that was refused, or a frame that could not be read; the connection stays open."""

    status: int
    error: ErrorPayload
    stream_id: str | UnsetType = UNSET


def error(problem: Problem, headers: Sequence[tuple[bytes, bytes]] = (), stream_id: str | None = None) -> bytes:
    """The event that tells a refusal. Its code is never null: Open Responses wants one (protocol §7)."""
    payload = ErrorPayload(
        type=problem.type,
        code=problem.code or ("not_found" if problem.status == 404 else problem.type),
        message=problem.message,
        param=problem.param,
        headers={name.decode(): value.decode("latin-1") for name, value in headers},
    )
    return encode(ErrorEvent(status=problem.status, error=payload, stream_id=stream_id or UNSET))


def steer_failed(steer: Steer) -> bytes:
    """The documented failure of steering, with the input, so that the client can send it in a create."""
    code, message = "steering_not_supported", "This server can't steer a response. Send the input in a create after it."
    target = steer.previous_response_id if isinstance(steer.previous_response_id, str) else ""
    if not (steer.input and target):
        code, message = "invalid_input", "A steer needs 'input' and 'previous_response_id'."
    return encode(
        {
            "type": "response.steer.failed",
            "sequence_number": 0,
            "error": {"type": "invalid_request_error", "code": code, "message": message},
            "steer": {"input": steer.input or [], "previous_response_id": target},
        }
    )


def told(data: bytes, stream_id: str | None, ignored: Sequence[str] = ()) -> str:
    """An event's JSON as a frame: beside the log's bytes the lane, and what of the request was ignored."""
    if stream_id is not None:
        data = b'%b,"stream_id":%b}' % (data[:-1], encode(stream_id))
    if ignored:
        data = b'%b,"ignored_parameters":%b}' % (data[:-1], encode(list(ignored)))
    return data.decode()
