"""A live log and cursors on it: who sees what, and when."""

import asyncio

import pytest

from antiphon.core import deltas as d
from antiphon.core.emitter import Completed, Failed
from antiphon.core.events import Event, OutputTextDelta
from antiphon.core.response import Response
from antiphon.core.wire import encode
from antiphon.runs.log import Cursor, RunLog, told_by
from tests.core.strategies import emitter_of, play

pytestmark = pytest.mark.anyio

RESPONSE = Response(id="resp_1", created_at=1_800_000_000, model="m")
EVENTS = play(RESPONSE, [d.TextDelta("one "), d.TextDelta("two")], Completed())


def whole() -> RunLog:
    log = RunLog(RESPONSE)
    log.append(EVENTS)
    log.show()
    log.end()
    return log


async def drained(cursor: Cursor) -> list[Event]:
    found: list[Event] = []
    while (told := await cursor.take()) is not None:
        found += [one.event for one in told]
    return found


async def test_every_cursor_starts_behind_its_number_and_ends_at_the_end() -> None:
    log = whole()
    for after in range(-1, len(EVENTS) + 3):
        assert await drained(Cursor(log, after)) == EVENTS[after + 1 :]
    assert await Cursor(log, 10**9).take() is None


async def test_readers_see_what_was_shown_and_snapshots_what_is_known() -> None:
    log = RunLog(RESPONSE)
    cursor = Cursor(log)
    log.append(EVENTS)
    assert log.snapshot() == RESPONSE
    log.show(2)
    assert await cursor.take() is not None
    waiting = asyncio.ensure_future(cursor.take())
    log.know(len(EVENTS) - 1)
    await asyncio.sleep(0)
    assert not waiting.done()
    assert log.snapshot().output and log.snapshot().status == "in_progress"
    log.show()
    told = await waiting
    assert told is not None and [one.event for one in told] == EVENTS[2:]
    assert log.snapshot().status == "completed"


async def test_many_readers_wait_and_share_the_bytes() -> None:
    log = RunLog(RESPONSE)
    readers = [asyncio.ensure_future(Cursor(log).take()) for _ in range(5)]
    await asyncio.sleep(0)
    log.append(EVENTS)
    log.show()
    got = [await reader for reader in readers]
    assert all(one is not None and len(one) == len(EVENTS) for one in got)
    assert len({id(one[3].data) for one in got if one is not None}) == 1


async def test_a_nudge_wakes_one_reader_with_nothing() -> None:
    log = RunLog(RESPONSE)
    cursor, other = Cursor(log), Cursor(log)
    waiting, still = asyncio.ensure_future(cursor.take()), asyncio.ensure_future(other.take())
    await asyncio.sleep(0)
    cursor.nudge()
    told = await waiting
    assert told is not None and len(told) == 0
    assert not still.done()
    log.append(EVENTS)
    log.show()
    assert await drained_first(cursor) == await still


async def drained_first(cursor: Cursor) -> object:
    return await cursor.take()


async def test_closed_waits_for_the_end_and_one_who_waits_may_give_up() -> None:
    log = RunLog(RESPONSE)
    first, second = asyncio.ensure_future(log.closed()), asyncio.ensure_future(log.closed())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    assert not (log.ended or second.done())
    log.end()
    await second
    await log.closed()


async def test_an_end_that_nobody_saw_can_be_amended_and_no_other() -> None:
    emitter = emitter_of(RESPONSE)
    log = RunLog(RESPONSE)
    log.append([*emitter.start(), *emitter.feed([d.TextDelta("a")])])
    log.show()
    log.append(emitter.finish(Completed()))
    log.amend(emitter.amend(Failed("store_unavailable", "Full.")))
    log.show()
    assert log.snapshot().status == "failed"
    with pytest.raises(AssertionError):
        log.amend(emitter.amend(Failed("x", "y")))


async def test_chunks_are_the_bytes_that_readers_get() -> None:
    log = whole()
    chunks = [log.chunk(0, 3), log.chunk(3, len(EVENTS))]
    assert [(chunk.first, chunk.last) for chunk in chunks] == [(0, 2), (3, len(EVENTS) - 1)]
    told = told_by(chunks)
    assert [one.event for one in told] == EVENTS
    assert [one.data for one in told] == [encode(event) for event in EVENTS]
    again = RunLog(RESPONSE, told)
    assert again.snapshot() == log.snapshot()
    assert type(again.events(4)[0]) is OutputTextDelta
