"""What the limiter in memory is beyond its port, which tests/conformance/test_limiter.py shows: small."""

import pytest

from antiphon.access.limiter import DAY, SWEEP, MemoryLimiter
from antiphon.core.accounts import Limits, Quota
from tests.store.made import Clock

pytestmark = pytest.mark.anyio


def quotas(number: int, limits: Limits) -> list[Quota]:
    return [Quota(f"s{number}", limits)]


async def test_subjects_of_which_nothing_counts_any_more_are_forgotten() -> None:
    clock = Clock()
    limiter = MemoryLimiter(clock)
    for number in range(1000):
        ticket = str(number)
        await limiter.take(ticket, quotas(number, Limits(requests_per_minute=9, tokens_per_minute=9)), 5)
        await limiter.settle(ticket, 2)
    await limiter.take("day", quotas(1001, Limits(requests_per_day=9)), 5)
    await limiter.settle("day", 5)
    await limiter.take("runs", quotas(1002, Limits(concurrent_runs=9)), 5)
    assert len(limiter) == 1002
    clock.now += 2 * SWEEP
    await limiter.take("other", quotas(0, Limits(concurrent_runs=1)), 5)
    await limiter.settle("other", 5)
    assert len(limiter) == 3  # one that has a day to remember, one that runs, and the last
    await limiter.settle("runs", 5)
    clock.now += DAY + SWEEP
    await limiter.take("last", [], 5)
    assert len(limiter) == 0


async def test_what_was_forgotten_while_it_was_refused_comes_back_with_nothing_taken() -> None:
    clock = Clock()
    limiter = MemoryLimiter(clock)
    limits = quotas(1, Limits(requests_per_minute=1))
    for _ in range(3):
        await limiter.take("t", limits, 1)
        await limiter.settle("t", 1)
        clock.now += 2 * SWEEP
    assert (await limiter.standing(limits)).remaining_requests == 1
