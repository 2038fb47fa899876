"""Codecs: the ways in which contracts tell the same thing, by name (contracts §A).

Knows nothing of which contract uses which: a contract's TOML chooses.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec import Struct

from antiphon.core import wire
from antiphon.core.problems import Problem
from antiphon.core.response import Response


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


_encode = msgspec.json.Encoder().encode


def envelope(problem: Problem) -> ErrorAnswer:
    """`{"error": {message, type, param, code}}` (contracts §B row 1, OpenAI)."""
    error = ErrorObject(message=problem.message, type=problem.type, param=problem.param, code=problem.code)
    headers = [(b"content-type", b"application/json"), *retry_headers(problem)]
    return ErrorAnswer(problem.status, headers, _encode(Envelope(error)))


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


ErrorCodec = Callable[[Problem], ErrorAnswer]
ResponseCodec = Callable[[Response], bytes]
EventProjection = Callable[[bytes], bytes]

ERRORS: dict[str, ErrorCodec] = {"envelope": envelope}
RESPONSES: dict[str, ResponseCodec] = {"canonical": wire.encode}
EVENTS: dict[str, EventProjection | None] = {"canonical": None}
"""None: the canonical bytes go out as they are, and nobody touches a token's bytes twice."""
