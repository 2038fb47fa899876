"""Prints what the store costs: µs of CPU, of all threads, medians of several rounds.

    python bench/store.py

Knows nothing of models or HTTP. A stored turn is `open` and `close`, with one input item and one output item
of about 400 bytes. Beside it, in the same run, stand a bare group commit by the same writer (two rows of the
same bytes a turn, and nothing else) and the ledger row of a turn, opened and closed in commits of their own.
"""

import asyncio
import contextlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from msgspec.structs import replace

from antiphon.core.accounts import Charge, Settlement
from antiphon.core.items import InputText, Message, OutputText
from antiphon.core.ports import Opening
from antiphon.core.response import Response, Usage
from antiphon.core.wire import pack
from antiphon.runs.ids import new_id, now
from antiphon.store.sqlite import SqliteStore
from antiphon.store.sqlite_folder import writing
from antiphon.store.sqlite_threads import Writing
from antiphon.store.sqlite_writer import Writer

WRITERS = 64
TURNS = 40
LENGTHS = (10, 100, 1_000)
ROUNDS = 7
TEXT = "The quick brown fox jumps over the lazy dog. " * 6


def asked() -> Message:
    """An input item."""
    return Message(id=new_id("msg"), role="user", content=[InputText(TEXT)])


def answered() -> Message:
    """An output item."""
    return Message(id=new_id("msg"), role="assistant", content=[OutputText(TEXT)])


def begun(follows: str | None) -> Opening:
    """A turn that begins."""
    response = Response(id=new_id("resp"), created_at=now(), model="bench", previous_response_id=follows)
    return Opening("bench", response, [asked()], follows=follows, expires_at=now() + 86_400)


def ended(response: Response) -> Response:
    """The same turn at its end."""
    usage = Usage(9, output_tokens=9, total_tokens=18)
    return replace(response, status="completed", completed_at=now(), output=[answered()], usage=usage)


def charged(name: str) -> Charge:
    """A ledger row that is opened."""
    reserved = {"input_tokens": 9, "output_tokens": 4096, "cost": 0.1, "input_cost": 0.01}
    return Charge(response_id=name, project="bench", key="key_bench", model="bench", opened_at=time.time(), **reserved)


def settled(name: str) -> Settlement:
    """The same at its end."""
    return Settlement(response_id=name, status="completed", input_tokens=9, output_tokens=9, cost=0.01, seconds=0.1)


async def turn(store: SqliteStore, follows: str | None) -> str:
    """Store a turn as a run does that is not streamed; gives its id after the commit."""
    opening = begun(follows)
    opened = store.open(opening)
    closed = store.close("bench", 0, ended(opening.response), None)
    await opened
    await closed
    return opening.response.id


async def chain(store: SqliteStore, follows: str | None, turns: int) -> str:
    """So many turns, one after the other; gives the last one's id."""
    last = follows
    for _ in range(turns):
        last = await turn(store, last)
    assert last is not None
    return last


async def together(store: SqliteStore, heads: list[str]) -> None:
    """Every chain goes on for some turns, all at once."""
    await asyncio.gather(*(chain(store, head, TURNS) for head in heads))


async def accounted(store: SqliteStore) -> None:
    """As many ledger rows as turns, all at once: each is opened, and closed after that was committed."""

    async def one() -> None:
        for _ in range(TURNS):
            name = new_id("resp")
            await store.charge(charged(name))
            await store.settle("bench", settled(name))

    await asyncio.gather(*(one() for _ in range(WRITERS)))


async def structs(turns: int) -> None:
    """What the bench itself pays to make turns."""
    for _ in range(turns):
        ended(begun(None).response)


def two_rows(w: Writing, number: int, response: bytes, items: bytes) -> None:
    """The least that a turn can be."""
    w.execute("INSERT INTO bare VALUES (?, ?)", (2 * number, response))
    w.execute("INSERT INTO bare VALUES (?, ?)", (2 * number + 1, items))


async def group_commit(writer: Writer, first: int) -> None:
    """The bare loop, by as many writers: each waits for its commit."""
    response, items = pack(begun(None).response), pack(asked()) + pack(answered())

    async def one(start: int) -> None:
        for step in range(TURNS):
            await writer.submit(two_rows, start + step, response, items)

    await asyncio.gather(*(one(first + number * TURNS) for number in range(WRITERS)))


async def cpu(work: Callable[[], Awaitable[object]], units: int) -> float:
    """Microseconds of CPU for each unit of the work."""
    started = time.process_time()
    await work()
    return (time.process_time() - started) / units * 1e6


async def by_length(store: SqliteStore) -> None:
    """The cost of the next turn, and of loading what was before it, in chains of several lengths."""
    heads = {length: [await chain(store, None, length) for _ in range(ROUNDS)] for length in LENGTHS}
    stored: dict[int, list[float]] = {length: [] for length in LENGTHS}
    loaded: dict[int, list[float]] = {length: [] for length in LENGTHS}
    for number in range(ROUNDS):  # lengths in turn, so that whatever else the machine does meets all of them
        for length in LENGTHS:
            head = heads[length][number]
            loaded[length].append(await cpu(lambda head=head: store.history("bench", head), 1))  # type: ignore[misc]  # a default binds
    for number in range(ROUNDS):
        for length in LENGTHS:
            head = heads[length][number]
            stored[length].append(await cpu(lambda head=head: chain(store, head, TURNS), TURNS))  # type: ignore[misc]  # as above
    print("turn | µs to store it, alone | µs to load the history before it")
    for length in LENGTHS:
        print(f"{length:>4} | {statistics.median(stored[length]):>20.0f} | {statistics.median(loaded[length]):>14.0f}")


async def at_once(store: SqliteStore, writer: Writer) -> None:
    """The cost of a turn where many are stored at once."""
    units = WRITERS * TURNS
    stored, bare, made, ledger = [], [], [], []
    for number in range(ROUNDS):
        heads = [await turn(store, None) for _ in range(WRITERS)]
        bare.append(await cpu(lambda first=number * units: group_commit(writer, first), units))  # type: ignore[misc]  # as above
        stored.append(await cpu(lambda heads=heads: together(store, heads), units))  # type: ignore[misc]  # as above
        made.append(await cpu(lambda: structs(units), units))
        ledger.append(await cpu(lambda: accounted(store), units))
    own = statistics.median(made)
    print(f"\n{WRITERS} writers at once | µs a turn")
    print(f"bare group commit  | {statistics.median(bare):9.1f}")
    print(f"stored turn        | {statistics.median(stored) - own:9.1f}")
    print(f"its ledger row     | {statistics.median(ledger):9.1f}")
    print(f"Of a stored turn {own:.1f} µs are left out, in which the bench makes it.")


async def measure(folder: Path) -> None:
    """Both tables."""
    with contextlib.closing(writing(folder / "bare")) as connection:
        connection.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, body BLOB)")
    store, writer = SqliteStore(folder / "store"), Writer(folder / "bare", time.time)
    await store.start()
    await writer.start()
    await by_length(store)
    await at_once(store, writer)
    await writer.stop()
    await store.stop()


def main() -> None:
    """Measure in a folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="antiphon-bench-"))
    try:
        (folder / "bare").mkdir()
        uvloop.run(measure(folder))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
