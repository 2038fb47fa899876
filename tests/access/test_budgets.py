"""What a project may spend in a month."""

import asyncio
from datetime import UTC, datetime

import pytest

from antiphon.access.budgets import Budgets, Hold
from antiphon.core.accounts import Budget, UsageQuery, UsageSum
from antiphon.core.problems import Problem
from antiphon.store.memory import MemoryStore
from tests.store.accounts import charged, settled
from tests.store.made import Clock, P

pytestmark = pytest.mark.anyio

HARD = Budget(hard=10.0)


def at(*date: int) -> float:
    return datetime(*date, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]  # the ints of a date


async def spent(store: MemoryStore, when: float, cost: float, project: str = P) -> None:
    name = f"resp_{when}_{cost}_{project}"
    await store.charge(charged(name, project=project, opened_at=when))
    await store.settle(project, settled(name, cost=cost))


async def refused(budgets: Budgets, budget: Budget, cost: float) -> str:
    with pytest.raises(Problem) as found:
        await budgets.hold(P, budget, cost)
    problem = found.value
    assert (problem.status, problem.code, problem.retry) == (429, "insufficient_quota", False)
    return problem.message


async def held(budgets: Budgets, budget: Budget, cost: float) -> Hold:
    hold = await budgets.hold(P, budget, cost)
    assert hold is not None
    return hold


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = at(2026, 2, 28, 23, 59, 30)
    return clock


async def test_what_was_spent_this_month_counts_and_nothing_else(clock: Clock) -> None:
    store = MemoryStore()
    await spent(store, at(2026, 1, 31, 23, 59, 59), 100)
    await spent(store, at(2026, 2, 1), 4)
    await spent(store, at(2026, 2, 28), 5)
    await spent(store, at(2026, 2, 28), 100, "other")
    budgets = Budgets(store, clock)
    assert "9 are spent" in await refused(budgets, HARD, 1.5)
    await held(budgets, HARD, 1.0)


async def test_open_runs_count_until_they_are_settled(clock: Clock) -> None:
    budgets = Budgets(MemoryStore(), clock)
    first = await held(budgets, HARD, 6)
    await refused(budgets, HARD, 5)
    budgets.settle(P, first, 2)
    second = await held(budgets, HARD, 8)
    await refused(budgets, HARD, 0.01)
    budgets.settle(P, second, 8)
    await refused(budgets, HARD, 0.01)
    await held(budgets, HARD, 0)  # what costs nothing can be had for nothing


async def test_many_at_once_never_hold_more_than_is_left(clock: Clock) -> None:
    store = MemoryStore()
    await spent(store, at(2026, 2, 5), 2)
    budgets = Budgets(store, clock)
    found = await asyncio.gather(*(budgets.hold(P, HARD, 1) for _ in range(64)), return_exceptions=True)
    assert sum(isinstance(one, Hold) for one in found) == 8


async def test_the_soft_bound_warns_once_it_is_passed(clock: Clock) -> None:
    budgets = Budgets(MemoryStore(), clock)
    soft = Budget(soft=1.0)
    first = await held(budgets, soft, 5)
    assert first.warning is None
    budgets.settle(P, first, 1.5)
    warning = (await held(budgets, soft, 5)).warning
    assert warning is not None and "1.5" in warning and warning.isascii()


async def test_amounts_are_told_as_a_person_writes_them(clock: Clock) -> None:
    budgets = Budgets(MemoryStore(), clock)
    spent = await held(budgets, Budget(hard=1e9), 0)
    budgets.settle(P, spent, 1_234_567.5)
    message = await refused(budgets, Budget(hard=0.000_25), 20)
    assert "is 0.00025 a month: 1234567.5 are spent, 0 are held" in message and "may cost 20." in message


async def test_a_month_begins_with_nothing_spent(clock: Clock) -> None:
    budgets = Budgets(MemoryStore(), clock)
    before = await held(budgets, HARD, 9)
    late = await held(budgets, HARD, 1)
    budgets.settle(P, before, 9)
    await refused(budgets, HARD, 1)
    clock.now += 60
    await held(budgets, HARD, 6)
    budgets.settle(P, late, 0.5)  # belongs to the month in which it was opened
    await held(budgets, HARD, 4)
    await refused(budgets, HARD, 0.01)


async def test_december_is_followed_by_january(clock: Clock) -> None:
    clock.now = at(2026, 12, 31, 23, 59, 59)
    store = MemoryStore()
    await spent(store, at(2026, 12, 1), 9)
    await spent(store, at(2027, 1, 1), 3)
    budgets = Budgets(store, clock)
    await refused(budgets, HARD, 2)
    clock.now += 1
    assert "3 are spent" in await refused(budgets, HARD, 8)


async def test_without_a_budget_nothing_is_read(clock: Clock) -> None:
    class Closed(MemoryStore):
        async def usage(self, query: UsageQuery) -> list[UsageSum]:
            raise AssertionError

    assert await Budgets(Closed(), clock).hold(P, Budget(), 1e9) is None


async def test_a_ledger_that_cannot_be_read_lets_nobody_spend_and_is_asked_again(clock: Clock) -> None:
    class Failing(MemoryStore):
        broken = True

        async def usage(self, query: UsageQuery) -> list[UsageSum]:
            if self.broken:
                raise Problem(503, "store_unavailable", "broken")
            return await super().usage(query)

    store = Failing()
    await spent(store, at(2026, 2, 5), 9)
    budgets = Budgets(store, clock)
    with pytest.raises(Problem, match="broken"):
        await budgets.hold(P, HARD, 1)
    store.broken = False
    await refused(budgets, HARD, 2)


async def test_what_is_settled_while_the_ledger_is_read_is_not_missed(clock: Clock) -> None:
    class Slow(MemoryStore):
        async def usage(self, query: UsageQuery) -> list[UsageSum]:
            found = await super().usage(query)
            budgets.settle(P, None, 3)
            return found

    budgets = Budgets(Slow(), clock)
    assert "3 are spent" in await refused(budgets, HARD, 8)


async def test_who_asks_while_the_ledger_is_read_waits_for_it(clock: Clock) -> None:
    class Slow(MemoryStore):
        async def usage(self, query: UsageQuery) -> list[UsageSum]:
            found = await super().usage(query)
            await asyncio.sleep(0)  # somebody else asks meanwhile
            return found

    store = Slow()
    await spent(store, at(2026, 2, 5), 9)
    budgets = Budgets(store, clock)
    told = await asyncio.gather(*(budgets.hold(P, HARD, 2) for _ in range(2)), return_exceptions=True)
    assert [isinstance(one, Problem) for one in told] == [True, True]
