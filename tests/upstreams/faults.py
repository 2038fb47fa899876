"""What goes wrong with an upstream: each fault, what it comes to, and how often the upstream is asked.

Knows nothing of who asks. A fault is told once for both kinds of upstream, and for both forms of an answer.
"""

import gzip
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from antiphon.models.upstream import Kind
from tests.upstreams.behaviours import LAST, cutting, dripping, ending, head, refusing, sending, stalling
from tests.upstreams.fake import Behaviour
from tests.upstreams.speech import SILENT, SPEECH, SPOKEN

Made = Callable[[Kind], Behaviour]


class Fault(NamedTuple):
    """How an upstream fails, the status and code that it comes to, and how often it is asked before that is told."""

    behaviour: Made
    status: int = 502
    code: str = "server_error"
    tries: int = 3


def always(behaviour: Behaviour) -> Made:
    """The same for either kind."""
    return lambda _: behaviour


def whole(status: int, body: Any, **headers: Any) -> Made:
    """An answer of one piece."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return always(sending(head(status, content_length=len(data), connection="close", **headers) + data))


PING = b": ping\n\n"
PAGE = b"<!DOCTYPE html><html><body><h1>Just a moment \xe2\x80\xa6</h1></body></html>"
CHUNKED = head(content_type="text/event-stream", transfer_encoding="chunked")

BEFORE = {
    "hangs up": Fault(always(sending())),
    "resets": Fault(always(sending(reset=True))),
    "cuts the head": Fault(always(sending(b"HTTP/1.1 200 OK\r\nContent-Ty"))),
    "resets in the head": Fault(always(sending(b"HTTP/1.1 200 OK\r\nContent-Ty", 0.02, reset=True))),
    "speaks something else": Fault(always(sending(b"SSH-2.0-OpenSSH_9.2p1\r\n"))),
    "a head without an end": Fault(always(sending(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000))),
    "cuts behind the head": Fault(lambda kind: cutting(SPEECH[kind], 0)),
    "resets behind the head": Fault(lambda kind: cutting(SPEECH[kind], 0, reset=True)),
    "cuts before the first word": Fault(lambda kind: cutting(SPEECH[kind], SILENT[kind])),
    "ends behind the head": Fault(lambda kind: ending(SPEECH[kind], 0)),
    "ends before the first word": Fault(lambda kind: ending(SPEECH[kind], SILENT[kind])),
    "keeps no length": Fault(always(sending(head(content_type="application/json", content_length=99) + b"{"))),
    "no number for a chunk": Fault(always(sending(CHUNKED + b"zz\r\ndata"))),
    "a chunk that is longer": Fault(always(sending(CHUNKED + b"2\r\ndata: x\r\n" + LAST))),
    "gzip that is none": Fault(whole(200, b"no", content_encoding="gzip", content_type="application/json")),
    "gzip that breaks off": Fault(
        whole(200, gzip.compress(b"{}" * 99)[:-9], content_encoding="gzip", content_type="application/json")
    ),
    "an encoding that nobody knows": Fault(whole(200, b"{}", content_encoding="br", content_type="application/json")),
    "a page": Fault(whole(200, PAGE, content_type="text/html")),
    "a page that says it is JSON": Fault(whole(200, PAGE, content_type="application/json")),
    "a page that says it is a stream": Fault(whole(200, PAGE, content_type="text/event-stream")),
    "a page without a type": Fault(whole(200, PAGE)),
    "nothing": Fault(whole(200, b"")),
    "no content": Fault(whole(204, b"")),
    "another address": Fault(whole(302, b"", location="/elsewhere")),
    "JSON that breaks off": Fault(whole(200, b'{"id": "a', content_type="application/json")),
    "JSON that is no object": Fault(whole(200, b'"hello"', content_type="application/json")),
    "an empty object": Fault(whole(200, {}, content_type="application/json")),
    "no UTF-8": Fault(whole(200, b'{"a": "\xff\xfe"}', content_type="application/json")),
    "deep JSON": Fault(whole(200, b"[" * 9000, content_type="application/json")),
    "a bare error": Fault(whole(200, {"error": "out of memory"}, content_type="application/json")),
    "an error of the rate in a 200": Fault(
        whole(200, {"error": {"message": "slow", "code": 429}}, content_type="application/json"),
        429,
        "rate_limit_exceeded",
    ),
    "an error as the first event": Fault(
        lambda kind: ending(SPEECH[kind], 0, b'data: {"error": {"message": "slow", "code": 429}}\n\n'),
        429,
        "rate_limit_exceeded",
    ),
    "408": Fault(always(refusing(408)), 408, "upstream_timeout"),
    "409": Fault(always(refusing(409)), 409),
    "429": Fault(always(refusing(429)), 429, "rate_limit_exceeded"),
    "429, and no quota": Fault(
        always(refusing(429, {"error": {"message": "pay", "code": "insufficient_quota"}})), 429, "insufficient_quota", 1
    ),
    "500": Fault(always(refusing(500)), 500),
    "500 with a page": Fault(always(refusing(500, PAGE.decode())), 500),
    "501": Fault(always(refusing(501)), 501),
    "502": Fault(always(refusing(502)), 502),
    "503": Fault(always(refusing(503)), 503, "overloaded"),
    "504": Fault(always(refusing(504)), 504, "upstream_timeout"),
    "529": Fault(always(refusing(529)), 529),
    "401": Fault(always(refusing(401)), 502, tries=1),
    "403": Fault(always(refusing(403)), 502, tries=1),
    "404": Fault(always(refusing(404)), 404, "model_not_found", 1),
}
"""Faults before the first word."""

SLOW = {
    "nothing at all": Fault(lambda kind: stalling(SPEECH[kind], None), 504, "upstream_timeout", 1),
    "nothing behind the head": Fault(lambda kind: stalling(SPEECH[kind], 0), 504, "upstream_timeout", 1),
    "nothing but comments": Fault(lambda kind: dripping(SPEECH[kind], 0, PING), 504, "upstream_timeout", 1),
    "nothing that is a word": Fault(lambda kind: stalling(SPEECH[kind], SILENT[kind]), 504, "upstream_timeout", 1),
}
"""Faults before the first word that take until a deadline."""


def after(tail: bytes = b"") -> Made:
    """A first word, something else, and an end that looks like one."""
    return lambda kind: ending(SPEECH[kind], SPOKEN[kind], tail)


def told(error: Any) -> Made:
    """A first word, then an error."""
    return after(f"data: {json.dumps(error)}\n\n".encode())


AFTER = {
    "cuts": Fault(lambda kind: cutting(SPEECH[kind], SPOKEN[kind])),
    "resets": Fault(lambda kind: cutting(SPEECH[kind], SPOKEN[kind], reset=True)),
    "merely ends": Fault(after()),
    "ends with a mark and no reason": Fault(after(b"data: [DONE\n\n")),
    "breaks its JSON": Fault(after(b'data: {"choices": [{"delta": {"con\n\n')),
    "sends no object": Fault(after(b"data: 7\n\n")),
    "sends a page": Fault(after(PAGE)),
    "sends a page as data": Fault(after(b"data: " + PAGE + b"\n\n")),
    "stalls": Fault(lambda kind: stalling(SPEECH[kind], SPOKEN[kind]), 504, "upstream_timeout"),
    "says nothing but comments": Fault(
        lambda kind: dripping(SPEECH[kind], SPOKEN[kind], PING), 504, "upstream_timeout"
    ),
    "an error as OpenAI tells it": Fault(
        told({"error": {"message": "The server had an error", "type": "server_error", "param": None, "code": None}})
    ),
    "an error as vLLM tells it": Fault(
        told({"object": "error", "message": "EngineCore died", "type": "InternalServerError", "code": 500})
    ),
    "an error as vLLM tells it now": Fault(
        told({"error": {"message": "EngineCore died", "type": "InternalServerError", "param": None, "code": 500}})
    ),
    "an error as llama.cpp tells it": Fault(
        after(b'error: {"code":500,"message":"no slot","type":"server_error"}\n\n')
    ),
    "an error of the rate": Fault(
        told({"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}),
        429,
        "rate_limit_exceeded",
    ),
    "an error of the rate by its number": Fault(
        told({"error": {"message": "slow down", "code": 429}}), 429, "rate_limit_exceeded"
    ),
    "an overload": Fault(told({"error": {"message": "busy", "code": 503}}), 503, "overloaded"),
    "an event named error": Fault(
        after(b'event: error\ndata: {"type": "error", "code": "server_error", "message": "oh", "param": null}\n\n')
    ),
}
"""Faults after the first word. `status` is unseen there: the head is gone."""
