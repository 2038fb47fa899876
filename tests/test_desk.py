"""The desk beside a server's own store: what the one does, the other sees."""

from pathlib import Path

import pytest

from antiphon import desk
from antiphon.access import keys
from antiphon.access.secret import derived, kept_in
from antiphon.core.ports import StoreError
from tests.store.folder import running

pytestmark = pytest.mark.anyio


async def test_a_key_made_at_the_desk_is_found_by_its_text_and_revoked_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as store, desk.opened(tmp_path) as beside:
        versions = [store.version()]
        made = beside.made(desk.Draft(name="mine", project="default"))
        await beside.books.keep_key(made.key)
        versions.append(store.version())
        [known] = (await store.roll()).keys
        assert known.digest == keys.digest(derived(kept_in(tmp_path), "keys"), made.text)
        await beside.books.keep_key(beside.revoked(known))
        versions.append(store.version())
        [known] = (await store.roll()).keys
        assert known.revoked_at is not None
        assert len(set(versions)) == 3


async def test_where_nothing_is_kept_a_desk_is_founded_and_not_opened(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        async with desk.opened(tmp_path / "data"):
            pass
    assert not (tmp_path / "data").exists()
    async with desk.founded(tmp_path / "data") as founded:
        await founded.books.mark_keyed()
    async with desk.opened(tmp_path / "data") as opened:
        assert (await opened.books.roll()).keyed


async def test_a_purge_needs_the_folder_for_itself(tmp_path: Path) -> None:
    async with running(tmp_path):
        with pytest.raises(StoreError, match="Another server"):
            await desk.purge(tmp_path, "default")
    assert await desk.purge(tmp_path, "default") == 0
