"""What is promised of a run's events, by kind of run, at the seam to the store."""

import asyncio
from typing import Any

import pytest

from antiphon.core import deltas as d
from antiphon.core.accounts import Principal
from antiphon.core.emitter import Completed
from antiphon.core.events import OutputItemDone, ResponseInProgress
from antiphon.core.ports import Opening, StaleEpoch
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.response import respond
from antiphon.runs import keeping as room
from antiphon.runs.ids import new_id
from antiphon.runs.keeping import Background, Flusher, Forgotten, Streamed, Whole
from antiphon.runs.log import Cursor
from antiphon.runs.run import Run
from tests.asgi import until
from tests.stores import ReinedStore

pytestmark = pytest.mark.anyio


def run_of(**fields: Any) -> Run:
    request = Request(model="m", **fields)
    return Run(request, respond(request, id=new_id("resp"), created_at=1), Principal(), "")


def opening(run: Run) -> Opening:
    return Opening(run.project, run.log.snapshot(), [], request=b"{}")


def say(run: Run, *texts: str) -> None:
    run.log.append(run.emitter.feed([d.TextDelta(text) for text in texts]))


async def seen(run: Run) -> int:
    """How many events a reader sees at once."""
    cursor = Cursor(run.log)
    cursor.nudge()
    return len(await cursor.take() or ())


async def test_forgotten_and_whole_are_seen_at_once() -> None:
    store = ReinedStore()
    for kind in ("forgotten", "whole"):
        run = run_of()
        keeping = Forgotten(run) if kind == "forgotten" else Whole(run, store, opening(run))
        await keeping.opened()
        run.log.append(run.emitter.start())
        keeping.told()
        assert await seen(run) == 2
        assert store.wrote == []
        run.log.append(run.emitter.finish(Completed()))
        await keeping.ended(run.emitter.fold.snapshot())
        assert await seen(run) == len(run.log)
        await keeping.written()
    assert store.wrote == ["open", "close"]


async def test_streams_are_written_together_and_the_end_at_once() -> None:
    store, flusher = ReinedStore(), Flusher()
    runs = [run_of(stream=True) for _ in range(3)]
    kept = [Streamed(run, store, opening(run), flusher) for run in runs]
    for run, keeping in zip(runs, kept, strict=True):
        await keeping.opened()
        run.log.append(run.emitter.start())
        for n in range(10):
            say(run, f"{n} ")
            keeping.told()
        assert await seen(run) == len(run.log)
    assert store.wrote == ["open"] * 3
    await until(lambda: store.wrote == ["open"] * 3 + ["append"] * 3)
    for run, keeping in zip(runs, kept, strict=True):
        say(run, "last")
        keeping.told()
        run.log.append(run.emitter.finish(Completed()))
        before = await seen(run)
        await keeping.ended(run.emitter.fold.snapshot())
        assert before < await seen(run) == len(run.log)
        chunks = await store.log("default", run.id)
        assert [chunk.first for chunk in chunks] == [0, before - 1]
        assert [chunk.last for chunk in chunks] == [before - 2, len(run.log) - 1]
    assert store.wrote[6:] == ["close"] * 3
    await asyncio.sleep(room.FLUSH * 2)
    assert len(store.wrote) == 9


async def test_an_early_write_that_failed_fails_the_end() -> None:
    store, flusher = ReinedStore(), Flusher()
    run = run_of(stream=True)
    keeping = Streamed(run, store, opening(run), flusher)
    store.failing = {"append"}
    await keeping.opened()
    run.log.append(run.emitter.start())
    keeping.told()
    await until(lambda: "append" in store.wrote)
    store.failing = set()
    for n in range(3):
        say(run, f"{n} ")
        keeping.flush()
    run.log.append(run.emitter.finish(Completed()))
    with pytest.raises(Problem, match="disk is full"):
        await keeping.ended(run.emitter.fold.snapshot())
    assert await seen(run) < len(run.log)


async def claimed(store: ReinedStore, **fields: Any) -> tuple[Run, Background]:
    run = run_of(background=True, **fields)
    run.log.append(run.emitter.start())
    await Background(run, store, opening(run)).opened()
    claim = await store.claim(1, 2, run.id)
    assert claim is not None
    run.epoch = claim.epoch
    keeping = Background(run, store)
    run.log.append(run.emitter.proceed())
    return run, keeping


async def being_written(store: ReinedStore) -> tuple[Run, Background]:
    """A run whose first words are on their way to the store."""
    run, keeping = await claimed(store, stream=True)
    store.hold()
    say(run, "one ")
    keeping.told()
    await until(lambda: store.waiting == 1)
    return run, keeping


async def test_background_is_seen_as_far_as_it_is_committed() -> None:
    store = ReinedStore()
    run, keeping = await being_written(store)
    first = len(run.log)
    say(run, "two ", "three")
    keeping.told()
    assert await seen(run) == 2
    await store.commit(1)
    await until(lambda: store.waiting == 1)
    assert await seen(run) == first
    run.log.append(run.emitter.finish(Completed()))
    ending = asyncio.ensure_future(keeping.ended(run.emitter.fold.snapshot()))
    await store.commit(1)
    await until(lambda: store.waiting == 1)
    assert await seen(run) < len(run.log) and not ending.done()
    await store.commit()
    await ending
    assert await seen(run) == len(run.log)
    chunks = await store.log("default", run.id)
    assert [chunk.first for chunk in chunks] == [0, *(chunk.last + 1 for chunk in chunks[:-1])]
    assert all(chunk.data for chunk in chunks)
    assert store.wrote.count("close") == 1


async def test_who_is_cancelled_while_a_write_goes_on_does_not_write_it_again() -> None:
    store = ReinedStore()
    run, keeping = await being_written(store)
    waiting = asyncio.ensure_future(keeping.written())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    run.log.append(run.emitter.finish(Completed()))
    ending = asyncio.ensure_future(keeping.ended(run.emitter.fold.snapshot()))
    await store.commit()
    await asyncio.wait_for(ending, 20)
    chunks = await store.log("default", run.id)
    assert [chunk.first for chunk in chunks] == [0, *(chunk.last + 1 for chunk in chunks[:-1])]
    assert await seen(run) == chunks[-1].last + 1


async def test_background_without_stream_is_committed_item_by_item() -> None:
    store = ReinedStore()
    run, keeping = await claimed(store)
    keeping.told()
    await until(lambda: run.log.snapshot().status == "in_progress")
    say(run, "one ")
    keeping.told()
    await asyncio.sleep(0.01)
    assert run.log.snapshot().output == []
    run.log.append(run.emitter.feed([d.CallBegun("f")]))
    keeping.told()
    await until(lambda: run.log.snapshot().output)
    assert [item.status for item in run.log.snapshot().output if hasattr(item, "status")] == ["completed"]
    assert await seen(run) == 0
    chunks = await store.log("default", run.id)
    last = [type(event) for event in run.log.events(0)[: chunks[-1].last + 1]]
    assert last[-1] is OutputItemDone and ResponseInProgress in last
    await keeping.written()


async def test_a_run_that_was_taken_over_stops() -> None:
    store = ReinedStore()
    run, keeping = await claimed(store, stream=True)
    await store.claim(10, 20, run.id)
    say(run, "one ")
    keeping.told()
    await until(lambda: run.handed_back)
    assert await seen(run) == 2
    run.log.append(run.emitter.finish(Completed()))
    with pytest.raises(StaleEpoch):
        await keeping.ended(run.emitter.fold.snapshot())


async def test_a_run_that_is_handed_back_gives_up_on_a_store_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "RETRY", 0.01)
    store = ReinedStore()
    run, keeping = await claimed(store, stream=True)
    store.failing = {"append", "close"}
    say(run, "one ")
    keeping.told()
    await until(lambda: store.wrote.count("append") > 3)
    run.hand_back()
    await keeping.written()
    run.log.append(run.emitter.finish(Completed()))
    with pytest.raises(Problem):
        await keeping.ended(run.emitter.fold.snapshot())
    assert await seen(run) == 2
