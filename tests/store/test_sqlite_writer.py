import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from antiphon.core.ports import StoreError
from antiphon.store.sqlite_folder import DATABASE, reading, writing
from antiphon.store.sqlite_threads import Writing
from antiphon.store.sqlite_writer import Writer, scrubbed_away
from tests.store.folder import MARKER, files_with, gone

pytestmark = pytest.mark.anyio


def put(w: Writing, thread: int) -> int:
    w.execute("INSERT INTO doomed (thread) VALUES (?)", (thread,))
    return thread


def put_then_fail(w: Writing, thread: int) -> int:
    put(w, thread)
    raise RuntimeError("after a write")


def put_text(w: Writing, text: str) -> None:
    w.execute("INSERT INTO record VALUES ('p', 's', 'k', '', 0, NULL, ?)", (text,))


def delete_text(w: Writing) -> None:
    w.execute("DELETE FROM record")
    w.purge = True


def kept(folder: Path) -> list[int]:
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        return [row[0] for row in connection.execute("SELECT thread FROM doomed ORDER BY thread")]


async def test_only_the_guilty_call_of_a_commit_fails(tmp_path: Path) -> None:
    writer = Writer(tmp_path, time.time)
    await writer.start()
    calls = [writer.submit(put, n) for n in (1, 2)]
    calls += [writer.submit(put_then_fail, 3), writer.submit(put, 1), writer.submit(put, 4)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [int, int, RuntimeError, sqlite3.IntegrityError, int]
    await writer.stop()
    assert kept(tmp_path) == [1, 2, 4]


async def test_what_waits_is_written_before_it_stops(tmp_path: Path) -> None:
    writer = Writer(tmp_path, time.time)
    await writer.start()
    calls = [writer.submit(put, n) for n in range(2000)]
    await writer.stop()
    assert await asyncio.gather(*calls) == list(range(2000))
    assert kept(tmp_path) == list(range(2000))


async def test_whoever_stops_waiting_does_not_undo_the_write(tmp_path: Path) -> None:
    writer = Writer(tmp_path, time.time)
    await writer.start()
    writer.submit(put, 1).cancel()
    await writer.submit(put, 2)
    await writer.stop()
    assert kept(tmp_path) == [1, 2]


async def test_a_writer_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    writer = Writer(tmp_path, time.time)
    with pytest.raises(StoreError):
        await writer.start()
    await writer.stop()


async def test_the_log_is_emptied_as_soon_as_nobody_looks_at_it(tmp_path: Path) -> None:
    writer = Writer(tmp_path, time.time)
    await writer.start()
    await writer.submit(put_text, MARKER)
    with closing(reading(tmp_path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM record").fetchone()
        await writer.submit(delete_text)
        assert files_with(tmp_path)
        reader.execute("COMMIT")
    assert await gone(tmp_path)
    await writer.stop()


async def test_the_log_is_emptied_at_the_end(tmp_path: Path) -> None:
    writer = Writer(tmp_path, time.time)
    await writer.start()
    await writer.submit(put_text, MARKER)
    await writer.submit(delete_text)
    await writer.stop()
    assert files_with(tmp_path) == []


def test_a_small_database_is_rebuilt_and_a_large_one_is_not(tmp_path: Path) -> None:
    with closing(writing(tmp_path)) as connection:
        connection.execute("INSERT INTO record VALUES ('p', 's', 'k', '', 0, NULL, zeroblob(1000000))")
        connection.execute("DELETE FROM record")
        assert scrubbed_away(connection, 500_000) is False
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] > 200
        assert scrubbed_away(connection, 5_000_000) is True
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] == 0
        assert (tmp_path / DATABASE).stat().st_size < 200_000


async def test_what_is_submitted_together_is_committed_together(tmp_path: Path) -> None:
    writer = Writer(tmp_path, time.time)
    await writer.start()
    calls = [writer.submit(put, n) for n in range(64)]
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        before = connection.execute("PRAGMA data_version").fetchone()
        await asyncio.gather(*calls)
        after = connection.execute("PRAGMA data_version").fetchone()
    await writer.stop()
    assert kept(tmp_path) == list(range(64)) and after[0] == before[0] + 1
