"""Threads in SQLite: where responses stand, which items they reach, and what goes when nothing reaches it (DESIGN §5).

Knows nothing of what a response or a conversation says.

All but the scans run on the writer's thread, inside its transaction.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from antiphon.store.sql import statements

SQL = statements("threads")
INPUT, OUTPUT = 0, 1
TRIMMED = 2_000
"""How many entries one transaction forgets of a thread at most; `sweep` takes the rest."""


class Named(Struct, frozen=True):
    """An item on its way in: its outward id and its JSON."""

    outward: str
    body: bytes


class Place(Struct, frozen=True):
    """Where a response stands: a position of a thread, within a project."""

    project: str
    thread: int
    position: int


class Running(Struct):
    """A response that has not ended, as the writer knows it without asking. `bound`: to a conversation."""

    n: int
    place: Place
    epoch: int
    has_log: bool
    bound: bool


class Writing:
    """The writer's side of the database: the connection, the numbers that come next, the responses that run.

    `purge` is set when something was deleted that has to leave the write-ahead log too. `least` has the hour
    of each project's newest ledger row, and the least id in it that was written.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.clock = clock
        self.running: dict[tuple[str, str], Running] = {}
        self.least: dict[str, tuple[int, str]] = {}
        self.purge = False
        self._thread: int = self.execute(SQL["last_thread"]).fetchone()[0]
        self._item: int = self.execute(SQL["last_item"]).fetchone()[0]
        self._response: int = self.execute(statements("responses")["last"]).fetchone()[0]

    def forget(self) -> None:
        """After a rollback: nothing is known of what was written. Numbers that were given are not given again."""
        self.running.clear()
        self.least.clear()

    def new_thread(self) -> int:
        """The number of a thread that begins."""
        self._thread += 1
        return self._thread

    def new_item(self) -> int:
        """The number of an item that is new."""
        self._item += 1
        return self._item

    def new_response(self) -> int:
        """The number of a response that begins."""
        self._response += 1
        return self._response


def take_in(w: Writing, place: Place, items: Sequence[Named], gone_at: int | None) -> None:
    """Put a turn's input, or what is added to a conversation, in its place.

    An item whose id and content equal the newest of that id becomes a reference to it.
    """
    numbers = [_reference(w, place.project, item) or _new(w, place.project, item) for item in items]
    _enter(w, place, INPUT, numbers, gone_at)


def put_out(w: Writing, place: Place, items: Sequence[Named], gone_at: int | None) -> None:
    """Put a turn's output in its place. Its ids are ours and new."""
    _enter(w, place, OUTPUT, [_new(w, place.project, item) for item in items], gone_at)


def fork(w: Writing, parent: Place) -> Place:
    """Begin a thread that continues an older response."""
    thread = w.new_thread()
    w.execute(SQL["add_fork"], (thread, parent.thread, parent.position))
    return Place(parent.project, thread, 0)


def trim(w: Writing, thread: int) -> None:
    """Forget what nothing reaches any more in a thread, and in those that it continues.

    A conversation holds all of its thread that was not taken out; a response or a fork holds
    what stands up to its position; what is seen up to some position only is held by who stands there.
    """
    w.purge = True
    following: int | None = thread
    while following is not None:
        current, following = following, None
        left = TRIMMED - _drop(w, w.execute(SQL["entries_gone"], (current, TRIMMED)).fetchall())
        held = w.execute(SQL["held"], (current,)).fetchone() is not None
        high: int = -1
        if not held:
            high = w.execute(SQL["reach"], (current,)).fetchone()[0]
            left -= _drop(w, w.execute(SQL["entries_above"], (current, high, left)).fetchall())
        if left <= 0:
            w.execute(SQL["doom"], (current,))
        elif not held and high < 0:
            parent = w.execute(SQL["fork"], (current,)).fetchone()
            if parent is not None:
                w.execute(SQL["delete_fork"], (current,))
                following = parent[0]


def trim_doomed(w: Writing) -> int:
    """Go on with a thread of which more was to be forgotten; says how many threads were looked at."""
    doomed = w.execute(SQL["doomed"]).fetchone()
    if doomed is None:
        return 0
    w.execute(SQL["undoom"], doomed)
    trim(w, doomed[0])
    return 1


def segments(c: sqlite3.Connection, place: Place) -> list[Place]:
    """The places of the threads through which a history runs, oldest first."""
    found = [place]
    while (parent := c.execute(SQL["fork"], (found[-1].thread,)).fetchone()) is not None:
        found.append(Place(place.project, *parent))
    return found[::-1]


def bodies(c: sqlite3.Connection, place: Place) -> list[bytes]:
    """The JSON of every item up to and including a response's output, oldest first."""
    return [row[0] for row in _scan(c, SQL["scan"], place, OUTPUT)]


def numbered(c: sqlite3.Connection, place: Place, upto: int) -> list[tuple[int, str]]:
    """The number and the outward id of every item up to a response's input, or its output, oldest first."""
    return list(_scan(c, SQL["scan_ids"], place, upto))


def side(c: sqlite3.Connection, place: Place, which: int) -> list[bytes]:
    """The JSON of a response's own input, or its output."""
    return [row[0] for row in c.execute(SQL["scan_side"], (place.project, place.thread, place.position, which))]


def body(c: sqlite3.Connection, project: str, number: int) -> bytes:
    """The JSON of an item that was seen in the same transaction."""
    found: bytes = c.execute(SQL["item_body"], (number, project)).fetchone()[0]
    return found


def _scan(c: sqlite3.Connection, statement: str, place: Place, upto: int) -> Iterator[Any]:
    places = segments(c, place)
    for at in places:
        last = upto if at is places[-1] else OUTPUT
        yield from c.execute(statement, (at.project, at.thread, at.position, last)).fetchall()


def _reference(w: Writing, project: str, item: Named) -> int | None:
    found = w.execute(SQL["newest_item"], (project, item.outward)).fetchone()
    if found is None or found[1] != item.body:
        return None
    w.execute(SQL["use_item"], (found[0],))
    number: int = found[0]
    return number


def _new(w: Writing, project: str, item: Named) -> int:
    number = w.new_item()
    w.execute(SQL["add_item"], (number, project, item.outward, item.body))
    return number


def _enter(w: Writing, place: Place, side: int, numbers: list[int], gone_at: int | None) -> None:
    thread, position = place.thread, place.position
    if len(numbers) == 1:
        w.execute(SQL["add_entry"], (thread, position, side, 0, numbers[0], gone_at))
    else:
        rows = [(thread, position, side, order, number, gone_at) for order, number in enumerate(numbers)]
        w.connection.executemany(SQL["add_entry"], rows)


def _drop(w: Writing, entries: list[tuple[int, int, int, int, int]]) -> int:
    """Take entries away, and the items that nothing uses any more; says how many entries."""
    if entries:
        items = [(entry[4],) for entry in entries]
        w.connection.executemany(SQL["delete_entry"], [entry[:4] for entry in entries])
        w.connection.executemany(SQL["drop_item"], items)
        w.connection.executemany(SQL["delete_item"], items)
    return len(entries)
