"""A lane: places in order of arrival, a bound, and an upstream that is let alone while it fails."""

import asyncio

import pytest

from antiphon.core.problems import Problem
from antiphon.core.signals import Signal, UpstreamChanged
from antiphon.models.breaker import BreakerPolicy
from antiphon.models.lane import Lane
from antiphon.models.upstream import Upstream, UpstreamFault

pytestmark = pytest.mark.anyio

DOWN = UpstreamFault(502, "server_error", "The upstream 'up' can't be reached.")


def lane(signals: list[Signal] | None = None, policy: BreakerPolicy | None = None, **fields: int) -> Lane:
    told: list[Signal] = [] if signals is None else signals
    return Lane(Upstream(name="up", url="http://127.0.0.1:1/v1", **fields), told.append, policy)  # type: ignore[arg-type]  # counts only


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_wait_come_in_the_order_of_their_arrival() -> None:
    place, came = lane(concurrency=1), list[int]()

    async def call(number: int) -> None:
        await place.enter()
        came.append(number)

    tasks = [asyncio.create_task(call(number)) for number in range(4)]
    await settled()
    assert came == [0] and place.standing.load == 4
    tasks[2].cancel()  # whoever leaves the queue holds nobody up
    for number in range(3):
        await settled()
        assert came == [0, 1, 3][: number + 1]
        place.leave()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert place.standing.load == 0
    await place.enter()
    assert place.standing.load == 1


async def test_a_place_that_was_given_to_one_who_leaves_goes_on_to_the_next() -> None:
    place = lane(concurrency=1)
    await place.enter()
    first, second = asyncio.create_task(place.enter()), asyncio.create_task(place.enter())
    await settled()
    place.leave()
    first.cancel()
    await asyncio.wait_for(second, 10)
    assert first.cancelled() and place.standing.load == 1


async def test_too_many_are_refused_with_a_503() -> None:
    place = lane(concurrency=1, queue=1)
    await place.enter()
    waiting = asyncio.create_task(place.enter())
    await settled()
    with pytest.raises(Problem) as caught:
        await place.enter()
    assert (caught.value.status, caught.value.code, caught.value.retry_after) == (503, "overloaded", 1)
    place.leave()
    await waiting


def test_failures_close_it_and_are_told_once() -> None:
    signals: list[Signal] = []
    place = lane(signals, BreakerPolicy(consecutive=2, pause=0.0))
    place.failed(DOWN)
    assert place.admits() and signals == []
    place.failed(DOWN)
    assert signals == [UpstreamChanged("up", "failing", DOWN.message)]
    place.answered()
    place.answered()
    assert signals[1:] == [UpstreamChanged("up", "ready")]


def test_why_it_is_not_asked_is_what_it_failed_with_and_when_to_come_again() -> None:
    place = lane(policy=BreakerPolicy(consecutive=1, pause=30))
    place.failed(UpstreamFault(503, "overloaded", "busy"))
    assert not place.admits()
    told = place.refusal()
    assert (told.status, told.message) == (503, "busy") and 29 < (told.retry_after or 0) <= 30
    place.unusable = "is this server itself"
    assert place.refusal().message == "The upstream 'up' is this server itself."


def test_limits_and_missing_models_say_nothing_of_its_health() -> None:
    place = lane(policy=BreakerPolicy(consecutive=1))
    place.failed(UpstreamFault(404, "model_not_found", "no", blame="upstream"))
    assert place.admits() and not place.comes_last
    place.failed(UpstreamFault(429, "rate_limit_exceeded", "slow", retry_after=60))
    assert place.admits() and place.comes_last
