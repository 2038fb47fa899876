import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from antiphon.core.ports import StoreError
from antiphon.core.problems import Problem
from antiphon.store.sql import migrations
from antiphon.store.sqlite import SqliteStore
from antiphon.store.sqlite_folder import DATABASE, Lock, copy, environmental, problem, reading, writing
from tests.store.folder import running
from tests.store.made import P, texts, turn

pytestmark = pytest.mark.anyio


def test_the_lock_is_one_for_a_folder_and_goes_with_its_holder(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "new" / "folder")
    with pytest.raises(StoreError):
        Lock(tmp_path / "new" / "folder")
    Lock(tmp_path / "other").release()
    lock.release()
    Lock(tmp_path / "new" / "folder").release()


def test_a_folder_that_cannot_be_used_is_told() -> None:
    with pytest.raises(StoreError, match="can't be used"):
        Lock(Path("/dev/null/antiphon"))


def test_a_new_database_has_our_mark_and_the_newest_version_and_is_private(tmp_path: Path) -> None:
    writing(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
        assert connection.execute("PRAGMA application_id").fetchone() == (0x416E7470,)
    assert stat.S_IMODE((tmp_path / DATABASE).stat().st_mode) == 0o600
    writing(tmp_path).close()


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    with closing(writing(tmp_path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(migrations()) + 1}")
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(StoreError, match="newer Antiphon"):
        writing(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="another program's"):
        writing(tmp_path)


async def test_an_old_database_is_brought_up_to_date_and_keeps_what_it_holds(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        name = await turn(store, "q", "a")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:  # as the first version left it
        first, rest = migrations()[0], ("project", "api_key", "mark", "ledger", "ledger_hour", "prompt")
        connection.executescript("".join(f"DROP TABLE {table};" for table in rest) + "PRAGMA user_version = 1;")
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {table for table in tables if f"CREATE TABLE {table} (" in first}
    async with running(tmp_path) as store:
        assert texts(await store.history(P, name)) == ["q", "a"]
        assert [project.id for project in (await store.roll()).projects] == ["default"]


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database at all" * 500)
    with pytest.raises(StoreError, match="not an Antiphon database"):
        await SqliteStore(tmp_path).start()
    (tmp_path / DATABASE).unlink()
    async with running(tmp_path) as store:  # and the lock was given back
        await turn(store)


async def test_a_damaged_database_is_told_at_start(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        for _ in range(20):
            await turn(store)
    data = bytearray((tmp_path / DATABASE).read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    (tmp_path / DATABASE).write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        await SqliteStore(tmp_path).start()


async def test_a_database_that_another_program_locked_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.store.sqlite_folder.PATIENCE", 0.05)
    async with running(tmp_path) as store:
        id_ = await turn(store)
        with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Problem) as refusal:
                await turn(store)
            assert (refusal.value.status, refusal.value.code) == (503, "store_unavailable")
            assert refusal.value.retry_after is not None
            assert await store.get(P, id_) is not None
            other.execute("ROLLBACK")
        await turn(store)
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program has locked it"):
            await SqliteStore(tmp_path).start()


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from antiphon.core.problems import Problem
from antiphon.store.sqlite import SqliteStore
from tests.store.made import P, texts, turn

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.start()
    kept = [await turn(store)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    try:
        for _ in range(1000):
            kept.append(await turn(store, "x" * 5000))
    except Problem as problem:
        print(problem.status, problem.code, problem.message)
    for id in kept:
        assert await store.get(P, id) is not None
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    kept.append(await turn(store))
    await store.stop()
    print(*kept)

asyncio.run(main())
"""


async def test_a_full_disk_is_a_503_while_it_lasts_and_nothing_is_claimed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)  # noqa: ASYNC221  # nothing else runs
    told, kept = done.stdout.splitlines()
    assert told.startswith("503 store_unavailable The store can't be used: the disk")
    assert len(kept.split()) > 2
    async with running(tmp_path) as store:
        for id_ in kept.split():
            assert await store.get(P, id_) is not None


FULL_AT_START = """
import asyncio, resource, signal, sys
from pathlib import Path
from antiphon.core.ports import StoreError
from antiphon.store.sqlite import SqliteStore

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
try:
    asyncio.run(SqliteStore(Path(sys.argv[1])).start())
except StoreError as fault:
    print(fault)
"""


def test_a_full_disk_is_told_at_start(tmp_path: Path) -> None:
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", FULL_AT_START, str(tmp_path)], capture_output=True, text=True, check=True
        )
        assert "can't be used: the disk" in done.stdout
        writing(tmp_path).close()  # there is a database now: the second round finds it


def test_a_copy_needs_no_server_and_replaces_whole(tmp_path: Path) -> None:
    writing(tmp_path).close()
    copy(tmp_path, tmp_path / "copy")
    copy(tmp_path, tmp_path / "copy")
    assert [file.name for file in tmp_path.iterdir() if not file.name.startswith(DATABASE)] == ["copy"]
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="no database"):
        copy(tmp_path / "empty", tmp_path / "copy")


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    with closing(writing(tmp_path)), closing(reading(tmp_path)) as connection:
        with pytest.raises(sqlite3.OperationalError) as fault:
            connection.execute("DELETE FROM item")
        assert environmental(fault.value)
        assert problem(fault.value).status == 503


def test_a_fault_of_ours_is_not_told_as_the_disks(tmp_path: Path) -> None:
    with closing(writing(tmp_path)) as connection, pytest.raises(sqlite3.OperationalError) as fault:
        connection.execute("SELECT nothing FROM nowhere")
    assert not environmental(fault.value)
