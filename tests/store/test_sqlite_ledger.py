"""What only this engine does: rows are there after a restart, and looked up without a scan."""

import random
from contextlib import closing
from pathlib import Path

import pytest

from antiphon.core.accounts import UsageQuery
from antiphon.store.sqlite_folder import reading, writing
from antiphon.store.sqlite_ledger import SQL
from tests.store.accounts import charged, settled
from tests.store.folder import running
from tests.store.made import P

pytestmark = pytest.mark.anyio


async def test_rows_outlive_the_process(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.charge(charged("closed"))
        await store.settle(P, settled("closed", status="failed"))
        await store.charge(charged("open"))
    async with running(tmp_path) as store:
        await store.charge(charged("open"))
        assert await store.settle_lost(2_000_000.0) == 1
        [one] = await store.usage(UsageQuery(start=0, end=1e12, width=0))
        assert (one.responses, one.estimated, one.input_tokens) == (2, 1, 17)


@pytest.mark.parametrize(("statement", "parameters"), [("settle", 11), ("uncharge", 2), ("lost", 1), ("usage", 8)])
def test_no_statement_reads_the_whole_ledger(tmp_path: Path, statement: str, parameters: int) -> None:
    writing(tmp_path).close()
    with closing(reading(tmp_path)) as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN " + SQL[statement], [0] * parameters).fetchall()
    steps = [row[3] for row in plan if row[3].split()[1] in ("l", "ledger")]
    assert steps and all(" USING " in step for step in steps), plan


async def test_a_sum_over_a_time_finds_its_rows_whatever_order_they_came_in(tmp_path: Path) -> None:
    names = [f"r{number:03}" for number in range(40)]
    random.Random(5).shuffle(names)  # noqa: S311  # an order, not a secret
    async with running(tmp_path) as store:
        for number, name in enumerate(names[:30]):
            await store.charge(charged(name, opened_at=number * 1000.0))
            await store.settle(P, settled(name))
    async with running(tmp_path) as store:
        for number, name in enumerate(names[30:]):  # the same hours again, in another process
            await store.charge(charged(name, opened_at=number * 3000.0 + 1))
            await store.settle(P, settled(name))
        times = [number * 1000.0 for number in range(30)] + [number * 3000.0 + 1 for number in range(10)]
        for start in range(0, 30_000, 700):
            found = await store.usage(UsageQuery(start=start, end=start + 9_000, width=0))
            assert sum(one.responses for one in found) == sum(start <= time < start + 9_000 for time in times)
