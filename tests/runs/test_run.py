"""A run: who waits for it, and what stops it."""

import asyncio

import pytest

from antiphon.core.accounts import Principal
from antiphon.core.problems import Problem
from antiphon.core.request import ReasoningOptions, Request
from antiphon.core.response import respond
from antiphon.runs.run import Run

pytestmark = pytest.mark.anyio


def run_of(**fields: object) -> Run:
    request = Request(model="m", **fields)  # type: ignore[arg-type]  # the fields vary by test
    return Run(request, respond(request, id="resp_1", created_at=1), Principal(), "req_1")


async def carried(run: Run) -> "asyncio.Task[None]":
    task = asyncio.get_running_loop().create_task(asyncio.sleep(60))
    run.carried_by(task)
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(
    ("fields", "record", "ends"),
    [
        ({}, None, True),
        ({"store": False}, None, True),
        ({"store": False}, ("scope", "key"), True),
        ({}, ("scope", "key"), False),
        ({"background": True}, None, False),
    ],
)
async def test_what_the_last_reader_ends(fields: dict[str, bool], record: tuple[str, str] | None, ends: bool) -> None:  # noqa: FBT001  a row
    run = run_of(**fields)
    run.record = record
    task = await carried(run)
    run.joined()
    run.joined()
    run.left()
    await asyncio.sleep(0)
    assert not task.done()
    run.left()
    await asyncio.sleep(0)
    assert task.cancelled() == ends
    task.cancel()


async def test_nothing_stops_a_run_that_ends() -> None:
    run = run_of()
    task = await carried(run)
    run.ending()
    run.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()


async def test_a_refusal_is_raised_to_whoever_waits() -> None:
    run = run_of()
    waiting = asyncio.ensure_future(run.finished())
    run.refusal = Problem(400, "invalid_value", "No.")
    run.log.end()
    with pytest.raises(Problem, match="No"):
        await waiting


async def test_what_came_before_is_echoed_before_anything_was_told() -> None:
    """A row that is kept without one event says it too, for whoever ends the run after a crash."""
    run = run_of()
    run.request.reasoning = ReasoningOptions(effort="low")
    run.restate()
    run.log.append(run.emitter.start())
    assert run.log.snapshot().reasoning.effort == "low", "nobody may see an event yet"
    assert run.emitter.fold.response.reasoning.effort == "low"
