"""Accounts beside a server that runs on the same folder."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from antiphon.core.ports import StoreError
from antiphon.core.problems import Problem
from antiphon.store.sqlite_books import SqliteBooks
from antiphon.store.sqlite_folder import DATABASE, Lock
from tests.store.accounts import a_key, a_project
from tests.store.folder import running
from tests.store.made import P, texts, turn

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


async def test_an_old_database_is_brought_up_to_date_unless_a_server_runs_on_it(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        name = await turn(store, "q", "a")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:  # as the first version left it
        drops = "".join(
            f"DROP TABLE {table};" for table in ("project", "api_key", "mark", "ledger", "ledger_hour", "prompt")
        )
        connection.executescript(f"{drops} PRAGMA user_version = 1;")
    lock = Lock(tmp_path)
    with pytest.raises(StoreError, match="Another server"):
        await SqliteBooks(tmp_path).start()
    lock.release()
    beside = SqliteBooks(tmp_path)
    await beside.start()
    assert [project.id for project in (await beside.roll()).projects] == ["default"]
    await beside.stop()
    async with running(tmp_path) as store:
        assert texts(await store.history(P, name)) == ["q", "a"]


async def test_what_is_no_database_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database at all" * 500)
    with pytest.raises(StoreError, match="not an Antiphon database"):
        await SqliteBooks(tmp_path).start()
    (tmp_path / DATABASE).unlink()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="another program's"):
        await SqliteBooks(tmp_path).start()


async def test_a_disk_that_fails_is_told_as_a_refusal_also_in_an_export(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        for _ in range(400):
            await turn(store, "x" * 500)
    beside = SqliteBooks(tmp_path)
    await beside.start()
    data = bytearray((tmp_path / DATABASE).read_bytes())
    data[40_960:] = os.urandom(len(data) - 40_960)
    (tmp_path / DATABASE).write_bytes(data)
    with pytest.raises(Problem, match="damaged"):
        _ = [line async for line in beside.export(P)]
    await beside.stop()
