"""What an upstream does with a request: it speaks in whichever form is asked, or fails in one of the known ways.

Knows nothing of what is said: a `Speech` is handed in, once, and sent as a stream or whole.
"""

import asyncio
import gzip
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.upstreams.fake import Asked, Behaviour, Line


class Speech(NamedTuple):
    """An answer in both its forms: the frames of a stream, and the JSON of a whole one."""

    frames: list[bytes]
    whole: bytes


EVENTS, JSON = "text/event-stream", "application/json"


def head(status: int = 200, /, **headers: Any) -> bytes:
    """The head of an answer; names of headers are written with _ for -."""
    lines = [f"HTTP/1.1 {status} Said", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    """A chunk of the chunked transfer coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST = b"0\r\n\r\n"


def pieces(asked: Asked, speech: Speech) -> tuple[str, list[bytes]]:
    """The media type and the pieces in which an answer comes: the frames, or the whole in two halves."""
    if asked.streamed:
        return EVENTS, speech.frames
    middle = len(speech.whole) // 2
    return JSON, [speech.whole[:middle], speech.whole[middle:]]


def _begun(asked: Asked, parts: list[bytes], count: int) -> list[bytes]:
    """The first pieces; of a whole answer the first half at most."""
    return parts[:count] if asked.streamed else parts[: min(count, 1)]


def speaking(speech: Speech, pause: float = 0.0) -> Behaviour:
    """Answers as it should: a stream in chunks, a whole answer with its length. The connection stays."""

    async def behave(asked: Asked, line: Line) -> None:
        kind, parts = pieces(asked, speech)
        line.kept = True
        await asyncio.sleep(pause)
        if not asked.streamed:
            await line.send(head(content_type=kind, content_length=len(speech.whole)) + speech.whole)
            return
        await line.send(head(content_type=kind, transfer_encoding="chunked"))
        for part in parts:
            await line.send(chunk(part))
        await line.send(LAST)

    return behave


def sending(*parts: bytes | float, reset: bool = False) -> Behaviour:
    """Sends just these bytes, waits where a number says so, and ends the connection."""

    async def behave(_: Asked, line: Line) -> None:
        for part in parts:
            if isinstance(part, bytes):
                await line.send(part)
            else:
                await asyncio.sleep(part)
        if reset:
            line.reset()

    return behave


def refusing(status: int, body: Any = None, /, **headers: Any) -> Behaviour:
    """Answers with an error; a body that is not text is sent as JSON."""
    text = body if isinstance(body, str) else json.dumps({"error": {"message": "no"}} if body is None else body)

    async def behave(_: Asked, line: Line) -> None:
        line.kept = True
        kind = JSON if text[:1] in "{[" else "text/html"
        data = text.encode()
        await line.send(head(status, content_type=kind, content_length=len(data), **headers) + data)

    return behave


def cutting(speech: Speech, after: int, *, reset: bool = False) -> Behaviour:
    """Answers, and breaks off in the middle of the body after so many pieces."""

    async def behave(asked: Asked, line: Line) -> None:
        kind, parts = pieces(asked, speech)
        await line.send(head(content_type=kind, transfer_encoding="chunked"))
        for part in _begun(asked, parts, after):
            await line.send(chunk(part))
        if reset:
            await asyncio.sleep(0.05)  # a reset would overtake what was sent
            line.reset()

    return behave


def ending(speech: Speech, after: int, tail: bytes = b"") -> Behaviour:
    """Answers, and ends the body as if it were whole after so many pieces, and perhaps something else."""

    async def behave(asked: Asked, line: Line) -> None:
        kind, parts = pieces(asked, speech)
        line.kept = True
        await line.send(head(content_type=kind, transfer_encoding="chunked"))
        for part in [*_begun(asked, parts, after), *([tail] if tail else [])]:
            await line.send(chunk(part))
        await line.send(LAST)

    return behave


def dripping(speech: Speech, after: int, piece: bytes) -> Behaviour:
    """Answers without an end: after so many pieces, this one again and again; a blank where a whole is wanted."""

    async def behave(asked: Asked, line: Line) -> None:
        kind, parts = pieces(asked, speech)
        await line.send(head(content_type=kind, transfer_encoding="chunked"))
        for part in _begun(asked, parts, after):
            await line.send(chunk(part))
        while True:
            await line.send(chunk(piece if asked.streamed else b" "))
            await asyncio.sleep(0.02)

    return behave


def stalling(speech: Speech, after: int | None) -> Behaviour:
    """Answers with so many pieces, and then neither speaks nor hangs up; None sends not even the head."""

    async def behave(asked: Asked, line: Line) -> None:
        if after is not None:
            kind, parts = pieces(asked, speech)
            await line.send(head(content_type=kind, transfer_encoding="chunked"))
            for part in _begun(asked, parts, after):
                await line.send(chunk(part))
        await asyncio.Event().wait()

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Does the first, then the second, and on with the last."""
    left = list(behaviours)

    async def behave(asked: Asked, line: Line) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(asked, line)

    return behave


def framed(speech: Speech, form: str) -> Behaviour:
    """Answers as it should, in one of the odd but legal ways in which a body may be framed."""

    async def behave(asked: Asked, line: Line) -> None:
        kind, parts = pieces(asked, speech)
        await line.send(FRAMINGS[form](kind, parts))

    return behave


def contrary(speech: Speech) -> Behaviour:
    """Answers whole where a stream was asked for, and with a stream where it was not."""

    async def behave(asked: Asked, line: Line) -> None:
        kind, data = (JSON, speech.whole) if asked.streamed else (EVENTS, b"".join(speech.frames))
        await line.send(head(content_type=kind, content_length=len(data)) + data)

    return behave


def _to_the_end(kind: str, parts: Sequence[bytes]) -> bytes:
    return head(content_type=kind, connection="close") + b"".join(parts)


def _old(kind: str, parts: Sequence[bytes]) -> bytes:
    return _to_the_end(kind, parts).replace(b"HTTP/1.1", b"HTTP/1.0", 1)


def _bytewise(kind: str, parts: Sequence[bytes]) -> bytes:
    data = b"".join(parts)
    body = b"".join(chunk(data[n : n + 1]) for n in range(len(data)))
    return head(content_type=kind, transfer_encoding="chunked") + body + LAST


def _extended(kind: str, parts: Sequence[bytes]) -> bytes:
    body = b"".join(b"%X;name=value\r\n%s\r\n" % (len(part), part) for part in parts)
    return head(content_type=kind, transfer_encoding="Chunked") + body + b"000\r\nServer-Timing: all;dur=1\r\n\r\n"


def _early(kind: str, parts: Sequence[bytes]) -> bytes:
    data = b"".join(parts)
    return head(103, link="</x>") + head(content_type=kind, content_length=len(data)) + data


def _zipped(kind: str, parts: Sequence[bytes]) -> bytes:
    data = gzip.compress(b"".join(parts))
    return head(content_type=kind, content_encoding="gzip", content_length=len(data)) + data


def _untyped(_: str, parts: Sequence[bytes]) -> bytes:
    data = b"".join(parts)
    return head(content_length=len(data)) + data


def _as_text(_: str, parts: Sequence[bytes]) -> bytes:
    data = b"".join(parts)
    return head(content_type="text/plain; charset=utf-8", content_length=len(data)) + data


def _commented(kind: str, parts: Sequence[bytes]) -> bytes:
    """Comments between the events of a stream, blank lines before a whole answer, as some send while they think."""
    between = b": PROCESSING\n\n" if kind == EVENTS else b""
    return _to_the_end(
        kind, [b"\n" if kind == JSON else between, *(piece for part in parts for piece in (part, between))]
    )


def _with_cr(kind: str, parts: Sequence[bytes]) -> bytes:
    return _to_the_end(kind, [part.replace(b"\n", b"\r\n") for part in parts])


def _named(kind: str, parts: Sequence[bytes]) -> bytes:
    extra = b"id: 7\nretry: 3000\n" if kind == EVENTS else b""
    return _to_the_end(kind, [extra + part for part in parts])


FRAMINGS = {
    "comments between, or blank lines before": _commented,
    "lines that end with CR LF": _with_cr,
    "ids and times to retry": _named,
    "until the connection ends": _to_the_end,
    "HTTP/1.0": _old,
    "a chunk for each byte": _bytewise,
    "chunks with extensions and a trailer": _extended,
    "an early hint before the head": _early,
    "gzip that nobody asked for": _zipped,
    "no media type": _untyped,
    "plain text as its media type": _as_text,
}
