"""What only this engine does: rows are there after a restart, and looked up without a scan."""

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


@pytest.mark.parametrize(("statement", "parameters"), [("settle", 11), ("uncharge", 2), ("lost", 1), ("usage", 7)])
def test_no_statement_reads_the_whole_ledger(tmp_path: Path, statement: str, parameters: int) -> None:
    writing(tmp_path).close()
    with closing(reading(tmp_path)) as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN " + SQL[statement], [0] * parameters).fetchall()
    steps = [row[3] for row in plan if "ledger" in row[3] or row[3].split()[1] == "l"]
    assert steps and all("USING" in step and "INDEX" in step for step in steps), plan
