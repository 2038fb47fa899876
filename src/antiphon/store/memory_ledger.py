"""The ledger in memory: rows while they are young, then sums a minute.

Knows nothing of prices, and of a response only its end.
"""

import asyncio
import math
from collections.abc import Awaitable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from antiphon.core.accounts import Charge, Settlement, UsageQuery, UsageSum
from antiphon.core.response import Response
from antiphon.store.exported import Line, SumLine, usage_line
from antiphon.store.rules import settled_late

YOUNG: Final = 100_000
"""How many rows are kept as they are. Older ones are summed by minute, and so without end in little room."""


class Entry(Struct, eq=False):
    """A row; `end` is None while it is open."""

    charge: Charge
    end: Settlement | None = None


class End(Struct, frozen=True):
    """How a response that is kept has ended."""

    response: Response
    at: float


class MemoryLedger:
    """Satisfies the `Ledger` port, but for what it has to be told of responses."""

    def __init__(self, young: int = YOUNG) -> None:
        self._young = young
        self._entries: dict[tuple[str, str], Entry] = {}
        self._sums: dict[tuple[float, str, str, str], UsageSum] = {}

    def charge(self, charge: Charge) -> Awaitable[None]:
        """Open a row."""
        self._entries.setdefault((charge.project, charge.response_id), Entry(charge))
        if len(self._entries) > self._young:
            self._fold()
        return _done()

    def settle(self, project: str, settlement: Settlement) -> Awaitable[None]:
        """Close an open row."""
        entry = self._entries.get((project, settlement.response_id))
        if entry is not None and entry.end is None:
            entry.end = settlement
        return _done()

    def uncharge(self, project: str, response_id: str) -> Awaitable[None]:
        """Take an open row away."""
        entry = self._entries.get((project, response_id))
        if entry is not None and entry.end is None:
            del self._entries[project, response_id]
        return _done()

    async def settle_lost(self, before: float) -> int:
        """Close what no living run will close."""
        lost = 0
        for (project, response_id), entry in self._entries.items():
            if entry.end is not None or entry.charge.opened_at >= before or self._living(project, response_id):
                continue
            end = self._ended(project, response_id)
            response, at = (None, None) if end is None else (end.response, end.at)
            entry.end = settled_late(entry.charge, response, at)
            lost += 1
        return lost

    async def usage(self, query: UsageQuery) -> list[UsageSum]:
        """The sums, oldest bucket first."""
        young = [_alone(entry.charge, entry.end) for entry in self._entries.values() if entry.end is not None]
        sums: dict[tuple[float, str, str, str], UsageSum] = {}
        for one in [*self._sums.values(), *young]:
            if query.start <= one.start < query.end and one.project in (query.projects or (one.project,)):
                _add(sums, _grouped(one, query))
        return [sums[group] for group in sorted(sums)]

    def _living(self, project: str, response_id: str) -> bool:
        """Whether the response's run goes on, or will be taken up."""
        raise NotImplementedError

    def _ended(self, project: str, response_id: str) -> End | None:
        """How the response has ended; None where it is not kept."""
        raise NotImplementedError

    def _ledger_lines(self, project: str) -> Iterator[Line]:
        for (owner, _), entry in self._entries.items():
            if owner == project:
                yield usage_line(entry.charge, entry.end)
        yield from (SumLine(usage=one) for one in self._sums.values() if one.project == project)

    def _purge_ledger(self, project: str) -> int:
        rows = [key for key in self._entries if key[0] == project]
        sums = [group for group, one in self._sums.items() if one.project == project]
        for key in rows:
            del self._entries[key]
        for group in sums:
            del self._sums[group]
        return len(rows) + len(sums)

    def _fold(self) -> None:
        """Sum up the older half, where it is closed."""
        old = [key for key, entry in self._entries.items() if entry.end is not None][: self._young // 2]
        for key in old:
            entry = self._entries.pop(key)
            assert entry.end is not None
            one = _alone(entry.charge, entry.end)
            _add(self._sums, replace(one, start=math.floor(one.start / 60) * 60.0))


def _alone(charge: Charge, end: Settlement) -> UsageSum:
    return UsageSum(
        start=charge.opened_at,
        project=charge.project,
        key=charge.key,
        model=charge.model,
        responses=1,
        estimated=int(end.estimated),
        input_tokens=end.input_tokens,
        cached_tokens=end.cached_tokens,
        output_tokens=end.output_tokens,
        reasoning_tokens=end.reasoning_tokens,
        cost=end.cost,
    )


def _grouped(one: UsageSum, query: UsageQuery) -> UsageSum:
    """The sum under the names of its bucket and group."""
    return replace(
        one,
        start=math.floor(one.start / query.width) * float(query.width) if query.width else float(query.start),
        project=one.project if "project" in query.by else "",
        key=one.key if "key" in query.by else "",
        model=one.model if "model" in query.by else "",
    )


def _add(sums: dict[tuple[float, str, str, str], UsageSum], one: UsageSum) -> None:
    group = (one.start, one.project, one.key, one.model)
    sums[group] = _plus(sums[group], one) if group in sums else one


def _plus(one: UsageSum, other: UsageSum) -> UsageSum:
    return replace(
        one,
        responses=one.responses + other.responses,
        estimated=one.estimated + other.estimated,
        input_tokens=one.input_tokens + other.input_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        reasoning_tokens=one.reasoning_tokens + other.reasoning_tokens,
        cost=one.cost + other.cost,
    )


def _done() -> Awaitable[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
