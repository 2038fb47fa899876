"""Random calls of the ledger on every engine: no row counts twice, and the sums are those of a plain model."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from antiphon.core.accounts import Charge, Settlement, UsageQuery
from antiphon.core.ports import Store
from tests.conformance.engines import ENGINES, started
from tests.store.accounts import charged, settled
from tests.store.made import Clock

NAME = st.sampled_from(["r1", "r2", "r3", "r4"])
PROJECT = st.sampled_from(["a", "b"])
TOKENS = st.integers(0, 1000)
MOMENT = st.integers(0, 400).map(float)


class Books(RuleBasedStateMachine):
    """Keeps the same ledger in two dicts, and compares."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        self.open: dict[tuple[str, str], Charge] = {}
        self.closed: dict[tuple[str, str], tuple[Charge, Settlement]] = {}
        self.stores: list[Store] = self.loop.run_until_complete(self._start())

    async def _start(self) -> list[Store]:
        folder = Path(self.folder.name)
        return [await self.stack.enter_async_context(started(name, folder / name, Clock())) for name in ENGINES]

    def teardown(self) -> None:
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.close()
        self.folder.cleanup()

    def each(self, ask: Callable[[Store], Awaitable[Any]]) -> list[Any]:
        return [self.loop.run_until_complete(_answer(ask, store)) for store in self.stores]

    @rule(project=PROJECT, name=NAME, model=st.sampled_from("mn"), moment=MOMENT, tokens=TOKENS)
    def charge(self, project: str, name: str, model: str, moment: float, tokens: int) -> None:
        row = charged(name, project=project, model=model, opened_at=moment, input_tokens=tokens)
        self.each(lambda store: store.charge(row))
        if (project, name) not in self.closed:
            self.open.setdefault((project, name), row)

    @rule(project=PROJECT, name=NAME, tokens=TOKENS, estimated=st.booleans())
    def settle(self, project: str, name: str, tokens: int, estimated: bool) -> None:  # noqa: FBT001  # hypothesis names it
        end = settled(name, output_tokens=tokens, estimated=estimated, cost=tokens / 4)
        self.each(lambda store: store.settle(project, end))
        row = self.open.pop((project, name), None)
        if row is not None:
            self.closed[project, name] = row, end

    @rule(project=PROJECT, name=NAME)
    def uncharge(self, project: str, name: str) -> None:
        self.each(lambda store: store.uncharge(project, name))
        self.open.pop((project, name), None)

    @rule(before=MOMENT)
    def settle_lost(self, before: float) -> None:
        lost = [key for key, row in self.open.items() if row.opened_at < before]
        assert self.each(lambda store: store.settle_lost(before)) == [len(lost)] * len(self.stores)
        for key in lost:
            row = self.open.pop(key)
            end = Settlement(
                response_id=row.response_id,
                status="lost",
                input_tokens=row.input_tokens,
                output_tokens=row.output_tokens,
                estimated=True,
                cost=row.cost,
            )
            self.closed[key] = row, end

    @rule(
        start=MOMENT,
        end=MOMENT,
        width=st.sampled_from([0, 1, 60, 86_400]),
        by=st.lists(st.sampled_from(["project", "key", "model"]), unique=True),
        projects=st.lists(PROJECT, unique=True),
    )
    def usage(self, start: float, end: float, width: int, by: Any, projects: list[str]) -> None:
        query = UsageQuery(start=start, end=end, width=width, by=tuple(by), projects=tuple(projects))
        first, *others = self.each(lambda store: store.usage(query))
        assert all(other == first for other in others)
        rows = [
            (row, end)
            for (project, _), (row, end) in self.closed.items()
            if query.start <= row.opened_at < query.end and project in (projects or [project])
        ]
        assert sum(one.responses for one in first) == len(rows)
        assert sum(one.estimated for one in first) == sum(end.estimated for _, end in rows)
        assert sum(one.input_tokens for one in first) == sum(end.input_tokens for _, end in rows)
        assert sum(one.output_tokens for one in first) == sum(end.output_tokens for _, end in rows)
        assert sum(one.cost for one in first) == sum(end.cost for _, end in rows)  # quarters: nothing is rounded
        groups = [(one.start, one.project, one.key, one.model) for one in first]
        assert groups == sorted(set(groups))
        assert len(groups) <= len(rows)


async def _answer(ask: Callable[[Store], Awaitable[Any]], store: Store) -> Any:
    return await ask(store)


TestBooks = Books.TestCase
TestBooks.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
