"""What only this engine does: nothing of a purged project is left in any file, and an export is of one moment."""

from pathlib import Path

import pytest

from antiphon.store.sqlite_threads import TRIMMED
from tests.conformance.test_store_holdings import exported, filled
from tests.store.folder import MARKER, files_with, rows, running
from tests.store.made import turn, user

pytestmark = pytest.mark.anyio


async def test_what_is_purged_leaves_every_file_at_once(tmp_path: Path) -> None:
    other = "Archaeopteryx"
    async with running(tmp_path) as store:
        for project, text in (("p", MARKER), ("q", other), ("p", MARKER)):
            await filled(store, project, text)
        assert files_with(tmp_path) and files_with(tmp_path, other)
        await store.purge("p")
        assert files_with(tmp_path) == []
        assert files_with(tmp_path, other)
        await store.purge("q")
        assert files_with(tmp_path, other) == []
        assert rows(tmp_path) == {"mark": 1}


async def test_what_waits_to_be_forgotten_is_purged_with_the_rest(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        last = await turn(store, [user(MARKER) for _ in range(TRIMMED + 5)], project="p")
        await store.delete("p", last)  # more than one transaction forgets
        assert rows(tmp_path)["doomed"] == 1
        assert await exported(store, "p")
        await store.purge("p")
        assert rows(tmp_path) == {} and files_with(tmp_path) == []


async def test_an_export_is_of_one_moment_and_can_be_left(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        for _ in range(250):
            await turn(store, MARKER, project="p")
        lines = store.export("p")
        seen = [await anext(lines)]
        await turn(store, "later", project="p")
        seen += [line async for line in lines]
        assert len(seen) == 250
        left = store.export("p")
        await anext(left)
        await left.aclose()  # type: ignore[attr-defined]  # it is a generator
        await store.purge("p")
        assert files_with(tmp_path) == []
