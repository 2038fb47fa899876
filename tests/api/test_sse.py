"""Frames: what a client's parser sees (protocol §5), heartbeats, padding."""

import asyncio
import json

import pytest

from antiphon.api.exchange import Exchange
from antiphon.api.sse import DONE, PING, Projection, Reading, frames, stream
from antiphon.contract.contract import load
from antiphon.core import deltas as d
from antiphon.core.emitter import Completed
from antiphon.core.response import Response
from antiphon.core.wire import encode
from antiphon.runs.log import Cursor, RunLog, Told
from tests.api.test_exchange import exchange_of
from tests.asgi import until
from tests.core.strategies import play
from tests.grammar import check_stream, parse_sse

pytestmark = pytest.mark.anyio

RESPONSE = Response(id="resp_1", created_at=1_800_000_000, model="m")
EVENTS = play(RESPONSE, [d.TextDelta("a\nb\r\n"), d.TextDelta("\u2028 data: c\n\n")], Completed())


def reading(heartbeat: float = 60.0, obfuscated: bool = False) -> Reading:  # noqa: FBT001, FBT002  as the struct has it
    return Reading([(b"x-more", b"1")], Projection(load("openai"), obfuscated), heartbeat)


def written(sent: list[dict[str, bytes]]) -> list[bytes]:
    return [message["body"] for message in sent if message.get("body")]


def promised() -> None:
    raise AssertionError("nothing had to be promised")


def log_of(upto: int) -> RunLog:
    log = RunLog(RESPONSE)
    log.append(EVENTS)
    log.show(upto)
    return log


def test_a_frame_is_an_event_line_and_a_data_line() -> None:
    for event in EVENTS:
        name, data, *rest = frames([Told(event)]).split(b"\n")
        assert rest == [b"", b""]
        assert name == b"event: " + json.loads(encode(event))["type"].encode()
        assert data == b"data: " + encode(event)


async def test_what_is_ready_together_is_one_write() -> None:
    log = log_of(len(EVENTS))
    log.end()
    exchange, sent = exchange_of()
    assert await stream(exchange, Cursor(log), reading(), promised)
    events, done = written(sent)
    assert done == DONE
    check_stream(parse_sse(events + done))
    head = dict(sent[0]["headers"])
    assert head[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert (head[b"cache-control"], head[b"x-accel-buffering"], head[b"x-more"]) == (b"no-cache", b"no", b"1")


async def test_no_frame_is_split_over_writes() -> None:
    log = log_of(0)
    exchange, sent = exchange_of()
    task = asyncio.ensure_future(stream(exchange, Cursor(log), reading(), promised))
    for upto in range(1, len(EVENTS) + 1):
        log.show(upto)
        await asyncio.sleep(0.001)
    log.end()
    assert await task
    pieces = written(sent)
    assert len(pieces) == len(EVENTS) + 1
    assert all(piece.endswith(b"\n\n") and b"\r" not in piece for piece in pieces)


async def test_a_log_that_breaks_off_ends_without_done() -> None:
    log = log_of(5)
    log.end()
    exchange, sent = exchange_of()
    assert await stream(exchange, Cursor(log), reading(), promised)
    assert DONE not in b"".join(written(sent))
    assert sent[-1] == {"type": "http.response.body", "body": b""}


async def test_where_nothing_is_told_nothing_is_sent() -> None:
    log = RunLog(RESPONSE)
    log.end()
    exchange, sent = exchange_of()
    assert not await stream(exchange, Cursor(log), reading(), promised)
    assert sent == []
    await reading().empty(exchange)
    assert written(sent) == [DONE]


async def test_silence_is_promised_and_filled() -> None:
    log = log_of(0)
    exchange, sent = exchange_of()
    promises: list[int] = []
    task = asyncio.ensure_future(stream(exchange, Cursor(log), reading(0.01), lambda: promises.append(1)))
    await until(lambda: len(written(sent)) > 2)
    assert set(written(sent)) == {PING} and promises == [1]
    log.show()
    log.end()
    await task
    check_stream(parse_sse(b"".join(written(sent))))
    count = len(sent)
    await asyncio.sleep(0.03)
    assert len(sent) == count  # the heart stops with the stream


async def test_padding_fills_every_delta_and_nothing_else() -> None:
    async def sent_as(exchange_and_sent: tuple[Exchange, list[dict[str, bytes]]]) -> list[dict[str, str]]:
        exchange, sent = exchange_and_sent
        log = log_of(len(EVENTS))
        log.end()
        await stream(exchange, Cursor(log), reading(obfuscated=True), promised)
        return parse_sse(b"".join(written(sent)))

    first, second = await sent_as(exchange_of()), await sent_as(exchange_of())
    padded = [event for event in first if "obfuscation" in event]
    assert [event for event in first if "delta" in event] == padded
    assert all((len(event["delta"]) + len(event["obfuscation"])) % 16 == 0 for event in padded)
    assert first != second
    for event in [*first, *second]:
        event.pop("obfuscation", None)
    assert first == second == [json.loads(encode(event)) for event in EVENTS]
