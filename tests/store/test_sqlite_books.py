"""Accounts beside a server that runs on the same folder."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from antiphon.store.sqlite_books import SqliteBooks
from tests.store.accounts import a_key, a_project
from tests.store.folder import running
from tests.store.made import turn

pytestmark = pytest.mark.anyio


async def test_what_another_changes_is_seen(tmp_path: Path) -> None:
    key, project = a_key(), a_project()
    async with running(tmp_path) as store:
        await store.keep_key(key)
        before = store.version()
        beside = SqliteBooks(tmp_path)
        await beside.start()
        await beside.keep_key(replace(key, revoked_at=5))
        await beside.keep_project(project)
        assert store.version() != before
        roll = await store.roll()
        assert list(roll.keys) == [replace(key, revoked_at=5)] and project in roll.projects
        await beside.stop()
        await turn(store)
    async with running(tmp_path) as store:
        assert list((await store.roll()).keys) == [replace(key, revoked_at=5)]
