"""What a process held when it died is nobody's: whoever starts next may have it at once (DESIGN §4)."""

import pytest

from antiphon.core.ports import StaleEpoch, Store
from tests.store.made import P, begun, ended

pytestmark = pytest.mark.anyio


async def test_leases_end_with_their_process(store: Store) -> None:
    held, waiting = begun(background=True, request=b"{}"), begun(background=True, request=b"{}")
    await store.open(held)
    await store.open(waiting)
    first = await store.claim(100.0, 1e9, held.response.id)
    assert first is not None and first.epoch == 1
    await store.stop()
    await store.start()
    claims = [await store.claim(101.0, 1e9, None) for _ in range(3)]
    assert [claim and (claim.response.id, claim.epoch) for claim in claims] == [
        (held.response.id, 2),
        (waiting.response.id, 1),
        None,
    ]
    with pytest.raises(StaleEpoch):
        await store.close(P, 1, ended(held), None)
