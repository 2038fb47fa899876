"""Errors: the shapes in which services refuse (contracts §B rows 1 to 3).

Knows nothing of which contract uses which.
"""

import math
from typing import NamedTuple

import msgspec
from msgspec import Struct

from antiphon.contract.details import DETAIL_SCHEMA, details
from antiphon.core.items import JSON
from antiphon.core.problems import Problem


class ErrorAnswer(NamedTuple):
    """A refusal as it goes out. `headers` are pairs of lower-case name and value, as ASGI has them."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class ErrorObject(Struct, frozen=True, kw_only=True):
    """The error object of protocol §6: four keys, always."""

    message: str
    type: str
    param: str | None
    code: str | None


class Envelope(Struct, frozen=True):
    """The body of a refusal under `openai`."""

    error: ErrorObject


class Both(Struct, frozen=True):
    """A refusal that clients of FastAPI and of OpenAI can read."""

    detail: str
    error: ErrorObject


_encode = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")


def envelope(problem: Problem) -> ErrorAnswer:
    """`{"error": {message, type, param, code}}` (contracts §B row 1, OpenAI)."""
    return ErrorAnswer(problem.status, [_JSON, *retry_headers(problem)], _encode(enveloped(problem)))


def enveloped(problem: Problem) -> Envelope:
    """The body of `envelope`, where there is no answer to put it in."""
    return Envelope(_object(problem))


def envelope_or_plain(problem: Problem) -> ErrorAnswer:
    """As `envelope`, but a fault of the server's own is a plain text (contracts §B row 3)."""
    if problem.status != 500:
        return envelope(problem)
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *retry_headers(problem)]
    return ErrorAnswer(500, headers, b"Internal Server Error")


def detail(problem: Problem) -> ErrorAnswer:
    """FastAPI's shape: what is wrong with a request is a 422 that lists every fault, in pydantic's kinds and words;
    any other refusal is a `detail` beside OpenAI's error object (contracts §B rows 1 and 2)."""
    headers = [_JSON, *retry_headers(problem)]
    found = details(problem)
    if found:
        return ErrorAnswer(422, headers, _encode({"detail": found}))
    return ErrorAnswer(problem.status, headers, _encode(Both(problem.message, _object(problem))))


def _object(problem: Problem) -> ErrorObject:
    return ErrorObject(message=problem.message, type=problem.type, param=problem.param, code=problem.code)


def retry_headers(problem: Problem) -> list[tuple[bytes, bytes]]:
    """What tells a client whether and when to try again (protocol §6), and how to sign in on a 401."""
    headers: list[tuple[bytes, bytes]] = []
    if problem.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if problem.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(problem.retry_after))))
        headers.append((b"retry-after-ms", b"%d" % max(1, math.ceil(problem.retry_after * 1000))))
    if problem.retry is not None:
        headers.append((b"x-should-retry", b"true" if problem.retry else b"false"))
    return headers


_OBJECT: dict[str, JSON] = {
    "type": "object",
    "required": ["message", "type", "param", "code"],
    "properties": {
        "message": {"type": "string"},
        "type": {"type": "string"},
        "param": {"type": ["string", "null"], "description": "The path of the field: `input[2].content[0].type`."},
        "code": {"type": ["string", "null"]},
    },
}
_ENVELOPE: dict[str, JSON] = {"type": "object", "required": ["error"], "properties": {"error": _OBJECT}}
_BOTH: dict[str, JSON] = {
    "type": "object",
    "required": ["detail", "error"],
    "properties": {"detail": {"type": "string"}, "error": _OBJECT},
}

SCHEMAS: dict[str, JSON] = {
    "envelope": _ENVELOPE,
    "envelope_or_plain": _ENVELOPE,
    "detail": {"if": {"required": ["error"]}, "then": _BOTH, "else": DETAIL_SCHEMA},
}
"""The JSON Schema of each shape's JSON body."""
