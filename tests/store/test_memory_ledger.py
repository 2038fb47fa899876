import pytest

from antiphon.core.accounts import UsageQuery
from antiphon.store.memory_ledger import End, MemoryLedger
from tests.store.accounts import charged, settled
from tests.store.made import P

pytestmark = pytest.mark.anyio


class Alone(MemoryLedger):
    """A ledger without responses."""

    def _living(self, project: str, response_id: str) -> bool:
        return False

    def _ended(self, project: str, response_id: str) -> End | None:
        return None


async def test_sums_stay_when_old_rows_are_folded_and_open_rows_stay_open() -> None:
    ledger = Alone(young=10)
    await ledger.charge(charged("open", opened_at=0.0))
    for number in range(100):
        await ledger.charge(charged(f"r{number}", opened_at=number * 10.0))
        await ledger.settle(P, settled(f"r{number}"))
    seconds = await ledger.usage(UsageQuery(start=0, end=1000, width=1))
    assert 10 < len(seconds) < 30  # the youngest rows, and sums of minutes
    minutes = await ledger.usage(UsageQuery(start=0, end=1000, width=60))
    assert [one.responses for one in minutes] == [6] * 16 + [4]
    [whole] = await ledger.usage(UsageQuery(start=60, end=900, width=0))
    assert (whole.responses, whole.input_tokens, whole.cost) == (84, 84 * 7, 42.0)
    await ledger.settle(P, settled("open"))
    [whole] = await ledger.usage(UsageQuery(start=0, end=1000, width=0))
    assert whole.responses == 101
