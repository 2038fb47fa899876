import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.core.ports import Chunk, Conversation, PageQuery, Record, StoreError
from antiphon.core.problems import Problem
from antiphon.store.sqlite import SqliteStore
from tests.store.folder import MARKER, files_with, gone, rows, running
from tests.store.made import Clock, P, begun, ended, new, texts, turn, user

pytestmark = pytest.mark.anyio


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        root = await turn(store, "q", "a")
        child = await turn(store, "q1", "a1", follows=root)
        conversation = Conversation(id=new("conv"), created_at=1, metadata={"k": "v"})
        await store.create(P, conversation, [user("start")])
        before = await store.get(P, child)
    async with running(tmp_path) as store:
        assert await store.get(P, child) == before
        assert texts(await store.history(P, child)) == ["q", "a", "q1", "a1"]
        assert await store.conversation(P, conversation.id) == conversation
        branch = await turn(store, "q2", "a2", follows=root)
        assert texts(await store.history(P, branch)) == ["q", "a", "q2", "a2"]
        assert texts(await store.turns(P, conversation.id)) == ["start"]


async def test_a_run_is_ended_after_a_restart(tmp_path: Path) -> None:
    opening = begun("q")
    async with running(tmp_path) as store:
        await store.open(opening)
        await store.append(P, opening.response.id, 0, Chunk(0, 0, b"x"))
    async with running(tmp_path) as store:
        [left] = await store.interrupted()
        await store.close(P, left.epoch, ended(opening, [], "failed"), Chunk(1, 1, b"y"))
        assert await store.log(P, opening.response.id) == [Chunk(0, 0, b"x"), Chunk(1, 1, b"y")]


async def test_many_writers_share_commits_and_all_is_there(tmp_path: Path) -> None:
    async with running(tmp_path) as store:

        async def talk(name: int) -> tuple[str, list[str]]:
            last: str | None = None
            for step in range(10):
                last = await turn(store, f"q{name}.{step}", f"a{name}.{step}", follows=last)
            assert last is not None
            return last, [f"{side}{name}.{step}" for step in range(10) for side in "qa"]

        for last, said in await asyncio.gather(*(talk(name) for name in range(32))):
            assert texts(await store.history(P, last)) == said


async def test_a_second_server_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        with pytest.raises(StoreError, match=r"Another server uses .*--data"):
            await SqliteStore(tmp_path).start()
        await turn(store)
    async with running(tmp_path):
        pass


async def test_a_store_that_was_closed_takes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        pass
    with pytest.raises(Problem) as refusal:
        await store.open(begun())
    assert refusal.value.status == 503


# Text leaves the disk


async def test_deleted_text_leaves_every_file(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        opening = begun(MARKER)
        opening.response.metadata = {"m": MARKER}
        await store.open(opening)
        await store.append(P, opening.response.id, 0, Chunk(0, 0, MARKER.encode()))
        await store.close(P, 0, ended(opening, MARKER), None)
        assert files_with(tmp_path)
        await store.delete(P, opening.response.id)
        assert await gone(tmp_path)


async def test_expired_text_leaves_every_file(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as store:
        for _ in range(70):
            await turn(store, MARKER, MARKER, expires_at=int(clock.now) + 5)
        clock.now += 5
        while await store.sweep(int(clock.now), 0):
            pass
        assert await gone(tmp_path)


async def test_text_stays_while_something_reaches_it(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        conversation = Conversation(id=new("conv"), created_at=1)
        await store.create(P, conversation, [user("start")])
        bound = await turn(store, MARKER, "a", conversation=conversation.id)
        fork = await turn(store, "q", "a", follows=bound)
        child = await turn(store, "q", "a", follows=fork)
        for step in (store.delete(P, bound), store.delete(P, fork), store.forget(P, conversation.id)):
            assert await step
            assert MARKER in texts(await store.history(P, child))
        await store.delete(P, child)
        assert await gone(tmp_path)
    assert rows(tmp_path) == {}


async def test_a_conversation_holds_what_its_deleted_responses_said(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        conversation = Conversation(id=new("conv"), created_at=1)
        await store.create(P, conversation, [])
        bound = await turn(store, MARKER, "a", conversation=conversation.id)
        await store.delete(P, bound)
        assert texts(await store.turns(P, conversation.id)) == [MARKER, "a"]
        page = await store.items(P, conversation.id, PageQuery(order="asc"))
        assert page is not None
        await store.remove(P, conversation.id, str(page.items[0].id))
        assert await gone(tmp_path)
        assert texts(await store.turns(P, conversation.id)) == ["a"]


async def test_deleted_text_waits_for_a_reader_that_still_looks(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        id_ = await turn(store, MARKER)
        backup = asyncio.gather(*(store.history(P, id_) for _ in range(20)))
        await store.delete(P, id_)
        await backup
        assert await gone(tmp_path)


# Backups


async def test_a_backup_while_running_is_whole(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as store:
        chains = [await turn(store, "q", "a")]

        async def write(turns: int) -> None:
            for _ in range(turns):
                chains.append(await turn(store, "q", "a", follows=chains[-1]))

        await write(20)
        known = len(chains)
        writing = asyncio.create_task(write(200))
        await store.backup(str(tmp_path / "copy"))
        await writing
    (tmp_path / "other").mkdir()
    (tmp_path / "copy").rename(tmp_path / "other" / "antiphon.db")
    async with running(tmp_path / "other") as store:
        assert len(await store.history(P, chains[known - 1]) or []) == 2 * known
        for number, id_ in enumerate(chains):
            found = await store.history(P, id_)
            assert found is None or len(found) == 2 * (number + 1)


async def test_a_backup_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        with pytest.raises(StoreError, match="missing"):
            await store.backup(str(tmp_path / "missing" / "copy"))


# A process that is killed

WRITER = """
import asyncio, sys
from pathlib import Path
from antiphon.store.sqlite import SqliteStore
from tests.store.made import turn

async def chain(store, name):
    last = None
    for step in range(100_000):
        last = await turn(store, f"{name}.{step}", "a", follows=last)
        print(name, step, last, flush=True)

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.start()
    await asyncio.gather(*(chain(store, name) for name in sys.argv[2:]))

asyncio.run(main())
"""


async def test_a_kill_in_the_middle_of_commits_loses_nothing_that_was_told(tmp_path: Path) -> None:
    told: dict[str, str] = {}
    for round_ in range(3):
        names = [f"w{round_}.{number}" for number in range(8)]
        # made-up ids start anew in each process: each gets a folder of its own
        folder = tmp_path / str(round_)
        command = [sys.executable, "-c", WRITER, str(folder), *names]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:  # noqa: ASYNC220  # read to its end below
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(random.randint(50, 400))]  # noqa: S311  # a moment, not a secret
            writer.send_signal(signal.SIGKILL)
            lines += [line for line in writer.stdout if line.endswith("\n")]
        told = {id_: f"{name}.{step}" for name, step, id_ in (line.split() for line in lines)}
        async with running(folder) as store:
            for id_, text in told.items():
                response = await store.get(P, id_)
                assert response is not None and response.status == "completed"
                assert texts(await store.history(P, id_))[-2] == text
            for claim in await store.interrupted():
                assert claim.response.id not in told


async def test_records_outlive_the_process(tmp_path: Path) -> None:
    clock = Clock()
    record = Record(b"f", int(clock.now), response_id="resp_1")
    async with running(tmp_path, clock) as store:
        await store.reserve(P, "s", "k", record)
    async with running(tmp_path, clock) as store:
        assert await store.reserve(P, "s", "k", Record(b"g", int(clock.now))) == record
