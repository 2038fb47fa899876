from pathlib import Path

import pytest

from antiphon.core.ports import Chunk, StaleEpoch
from tests.store.folder import running
from tests.store.made import P, begun, ended, turn

pytestmark = pytest.mark.anyio


async def test_epochs_outlive_the_process_and_its_leases_do_not(tmp_path: Path) -> None:
    opening = begun("q", background=True, request=b"{}")
    id_ = opening.response.id
    async with running(tmp_path) as store:
        parent = await turn(store)
        opening.follows = parent
        await store.open(opening)
        await store.claim(100.0, 130.0, None)
        await store.append(P, id_, 1, Chunk(0, 0, b"x"))
    async with running(tmp_path) as store:
        claim = await store.claim(120.0, 150.0, None)
        assert claim is not None
        assert (claim.epoch, claim.follows, claim.inputs, claim.request) == (2, parent, opening.inputs, b"{}")
        with pytest.raises(StaleEpoch):
            await store.close(P, 1, ended(opening), None)
        await store.close(P, 2, ended(opening), None)


async def test_a_run_that_was_claimed_is_still_a_background_run(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.open(begun(background=True))
        await store.claim(100.0, 130.0, None)
        assert await store.interrupted() == []
        await store.open(begun())
        assert len(await store.interrupted()) == 1
