from pathlib import Path

import pytest

from antiphon.core.ports import Chunk, StaleEpoch
from tests.store.folder import MARKER, files_with, rows, running
from tests.store.made import P, beginning, begun, chunk, ended, told, turn

pytestmark = pytest.mark.anyio


async def test_a_run_is_carried_on_by_a_writer_that_did_not_open_it(tmp_path: Path) -> None:
    opening = begun(background=True)
    id_ = opening.response.id
    async with running(tmp_path) as store:
        await store.open(opening)
        await store.append(P, id_, 0, chunk(0, *beginning(opening.response)))
    async with running(tmp_path) as store:
        with pytest.raises(StaleEpoch):
            await store.append(P, id_, 1, Chunk(2, 2, b"x"))
        await store.append(P, id_, 0, chunk(2, *told(2, "more")))
        found = await store.get(P, id_)
        assert found is not None and found.status == "in_progress" and len(found.output) == 1
        await store.close(P, 0, ended(opening), None)
        assert len(await store.log(P, id_)) == 2


async def test_the_request_goes_with_the_end(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        opening = begun(background=True, request=MARKER.encode())
        await store.open(opening)
        assert files_with(tmp_path)
        await store.close(P, 0, ended(opening), None)
        await store.delete(P, await turn(store))  # what empties the log
    assert files_with(tmp_path) == []


async def test_a_middle_one_that_is_deleted_loses_its_row_and_log_only(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        opening = begun("q")
        await store.open(opening)
        await store.close(P, 0, ended(opening), Chunk(0, 0, b"x"))
        await turn(store, follows=opening.response.id)
        assert rows(tmp_path) == {"response": 2, "item": 4, "entry": 4, "chunk": 1}
        await store.delete(P, opening.response.id)
        assert rows(tmp_path) == {"response": 1, "item": 4, "entry": 4}
