"""Budgets: what projects have spent this month, and whether they may spend more.

Knows nothing of tokens or prices. What was spent is read from the ledger once a month and project, and added to as
runs are settled; what open runs may come to counts for the hard bound.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from antiphon.core.accounts import Budget, Ledger, UsageQuery
from antiphon.core.problems import Problem


class Hold(Struct, frozen=True):
    """What one run may come to, kept free in its project's budget. `month` is its first second.

    `warning` says how the soft bound is passed, or None where it is not.
    """

    project: str
    month: int
    cost: float
    warning: str | None = None


class _Purse(Struct):
    """A project's month: what is spent, and what is held for runs that are open."""

    month: int
    spent: float = 0.0
    held: float = 0.0
    read: bool = False


class Budgets:
    """The purses of all projects that have a budget. `clock` gives unix seconds."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._purses: dict[str, _Purse] = {}
        self._reading = asyncio.Lock()
        self._month = 0
        self._next = 0

    async def hold(self, project: str, budget: Budget, cost: float) -> Hold | None:
        """Keep free what a run may come to; None where the project has no budget.

        Raises `Problem` 429 `insufficient_quota` where the hard bound would not hold.
        """
        if budget.soft is None and budget.hard is None:
            return None
        month, purse = self._this_month(), self._purses.get(project)
        if purse is None or not purse.read or purse.month != month:
            purse = await self._read(project, month)
        if budget.hard is not None and purse.spent + purse.held + cost > budget.hard:
            raise _used_up(project, budget.hard, purse, cost)
        purse.held += cost
        warning = None
        if budget.soft is not None and purse.spent > budget.soft:
            warning = f"spent {_amount(purse.spent)} this month, beyond the soft budget of {_amount(budget.soft)}"
        return Hold(project, purse.month, cost, warning)

    def settle(self, project: str, hold: Hold | None, cost: float) -> None:
        """A run has ended: what it cost is spent, and what was held for it is free."""
        purse = self._purses.get(project)
        if purse is None:
            return  # what it cost is read from the ledger, where a budget is ever set
        if hold is None:
            purse.spent += cost
        elif hold.month == purse.month:
            purse.held = max(0.0, purse.held - hold.cost)
            purse.spent += cost

    async def _read(self, project: str, month: int) -> _Purse:
        """The purse of that month, from the ledger."""
        async with self._reading:
            purse = self._purses.get(project)
            if purse is not None and purse.month == month:
                return purse
            # There before the ledger is read: a run that is settled meanwhile may count twice, but is never missed.
            purse = self._purses[project] = _Purse(month)
            try:
                sums = await self._ledger.usage(UsageQuery(start=month, end=self._next, width=0, projects=(project,)))
            except BaseException:
                del self._purses[project]
                raise
            purse.spent += sum(one.cost for one in sums)
            purse.read = True
            return purse

    def _this_month(self) -> int:
        """The first second of the month (UTC)."""
        now = self._clock()
        if not self._month <= now < self._next:
            first = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
            self._month, self._next = int(first.timestamp()), int(after.timestamp())
        return self._month


def _used_up(project: str, hard: float, purse: _Purse, cost: float) -> Problem:
    return Problem(
        429,
        "insufficient_quota",
        f"The budget of project '{project}' is {_amount(hard)} a month: {_amount(purse.spent)} are spent, "
        f"{_amount(purse.held)} are held for responses that are being made, and this request may cost "
        f"{_amount(cost)}.",
        retry=False,
    )


def _amount(value: float) -> str:
    """An amount for a person: to the millionth, without zeros that say nothing."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
