"""Responses in SQLite: what the writer does for each call, and what the readers look up.

Knows nothing of threads of execution: a write gets the writer's side, a read a connection inside a transaction.
"""

import sqlite3

from msgspec import Struct

from antiphon.core.items import Item
from antiphon.core.ports import Chunk, Page, PageQuery, StaleEpoch
from antiphon.core.response import Response
from antiphon.core.wire import decode_response, unpack_item
from antiphon.store.paging import choose
from antiphon.store.rules import locked, no_conversation, no_parent, told
from antiphon.store.sql import statements
from antiphon.store.sqlite_threads import (
    INPUT,
    OUTPUT,
    Named,
    Place,
    Running,
    Writing,
    bodies,
    body,
    fork,
    numbered,
    put_out,
    side,
    take_in,
    trim,
)

SQL = statements("responses")
CONVERSATIONS = statements("conversations")
THREADS = statements("threads")


class Begun(Struct, frozen=True):
    """An `Opening` as the writer takes it: encoded, a value of its own."""

    project: str
    id: str
    body: bytes
    inputs: list[Named]
    background: bool
    follows: str | None
    conversation: str | None
    request: bytes | None
    expires_at: int | None
    record: tuple[str, str] | None


class Ended(Struct, frozen=True):
    """A response's end as the writer takes it. `joins`: its conversation, where it has one, gets its items."""

    project: str
    id: str
    epoch: int
    body: bytes
    outputs: list[Named]
    joins: bool
    chunk: Chunk | None


def open_(w: Writing, begun: Begun) -> None:
    """Keep a response that begins. Raises `Problem` where what it continues is not there, or is locked."""
    place = _place(w, begun)
    number, bound = w.new_response(), begun.conversation is not None
    w.execute(
        SQL["open"],
        (
            number,
            begun.id,
            begun.project,
            place.thread,
            place.position,
            begun.background,
            begun.conversation,
            begun.follows,
            begun.expires_at,
            begun.request,
            begun.body,
        ),
    )
    if begun.inputs:
        take_in(w, place, begun.inputs, place.position if bound else None)
    if begun.record is not None:
        w.execute(SQL["fulfil"], (begun.id, begun.project, *begun.record))
    w.running[begun.project, begun.id] = Running(number, place, 0, has_log=False, bound=bound)


def append(w: Writing, project: str, response_id: str, epoch: int, chunk: Chunk) -> None:
    """Add to a log. Raises `StaleEpoch`."""
    run = running(w, project, response_id, epoch)
    _add_chunk(w, run.place, chunk)
    if not run.has_log:
        w.execute(SQL["mark_log"], (run.n,))
        run.has_log = True


def close(w: Writing, ended: Ended) -> None:
    """Keep the end. Raises `StaleEpoch`."""
    run = running(w, ended.project, ended.id, ended.epoch)
    place = run.place
    if ended.chunk is not None:
        _add_chunk(w, place, ended.chunk)
        run.has_log = True
    w.execute(SQL["close"], (w.clock(), run.has_log, ended.body, run.n))
    if run.bound and ended.joins:
        w.execute(THREADS["join_entries"], (place.thread, place.position))
    if ended.outputs:
        put_out(w, place, ended.outputs, place.position if run.bound and not ended.joins else None)
    del w.running[ended.project, ended.id]


def delete(w: Writing, project: str, response_id: str) -> bool:
    """Forget a response, and what only it reached."""
    found = w.execute(SQL["find"], (response_id, project, w.clock())).fetchone()
    if found is None:
        return False
    remove(w, response_id, found[0], Place(project, found[1], found[2]))
    return True


def remove(w: Writing, response_id: str, number: int, place: Place) -> None:
    """Take a response's row and log away, and what nothing reaches without it."""
    w.running.pop((place.project, response_id), None)
    w.execute(SQL["delete_chunks"], (place.thread, place.position))
    w.execute(SQL["delete"], (number,))
    trim(w, place.thread)


def running(w: Writing, project: str, response_id: str, epoch: int) -> Running:
    """The response that runs under that epoch. Raises `StaleEpoch`."""
    run = w.running.get((project, response_id))
    if run is None:
        found = w.execute(SQL["running"], (response_id, project)).fetchone()
        if found is None:
            raise StaleEpoch(response_id)
        n, thread, position, current, has_log, bound = found
        run = Running(n, Place(project, thread, position), current, bool(has_log), bool(bound))
        w.running[project, response_id] = run
    if run.epoch != epoch:
        raise StaleEpoch(response_id)
    return run


def get(c: sqlite3.Connection, project: str, response_id: str, now: float) -> Response | None:
    """The response as it was kept last."""
    found = _find(c, project, response_id, now)
    if found is None:
        return None
    number, place, ended, has_log = found
    response = decode_response(c.execute(SQL["body"], (number,)).fetchone()[0])
    if not ended:
        return told(response, chunks(c, place)) if has_log else response
    response.output = [unpack_item(json) for json in side(c, place, OUTPUT)]
    return response


def history(c: sqlite3.Connection, project: str, response_id: str, now: float) -> list[Item] | None:
    """Every item up to and including that response's output."""
    found = _find(c, project, response_id, now)
    return None if found is None else [unpack_item(json) for json in bodies(c, found[1])]


def inputs(c: sqlite3.Connection, project: str, response_id: str, query: PageQuery, now: float) -> Page | None:
    """A page of what that response was made from."""
    found = _find(c, project, response_id, now)
    return None if found is None else page(c, project, numbered(c, found[1], INPUT), query)


def page(c: sqlite3.Connection, project: str, listing: list[tuple[int, str]], query: PageQuery) -> Page:
    """A page of a listing of numbers and outward ids."""
    places, more = choose([outward for _, outward in listing], query)
    return Page([unpack_item(body(c, project, listing[at][0])) for at in places], more)


def log(c: sqlite3.Connection, project: str, response_id: str, now: float) -> list[Chunk]:
    """The response's log."""
    found = _find(c, project, response_id, now)
    return chunks(c, found[1]) if found is not None and found[3] else []


def item(c: sqlite3.Connection, project: str, item_id: str, within: str | None, now: float) -> Item | None:
    """The newest item of an outward id: in the thread of response `within`, else in the project."""
    newest = c.execute(THREADS["newest_item"], (project, item_id)).fetchone()
    if newest is None:
        return None
    found = None if within is None else _find(c, project, within, now)
    if found is not None:
        numbers = [number for number, outward in numbered(c, found[1], OUTPUT) if outward == item_id]
        if numbers:
            return unpack_item(body(c, project, numbers[-1]))
    return unpack_item(newest[1])


def chunks(c: sqlite3.Connection, place: Place) -> list[Chunk]:
    """The log of the response that stands there."""
    return [Chunk(*row) for row in c.execute(SQL["chunks"], (place.thread, place.position))]


def _place(w: Writing, begun: Begun) -> Place:
    project = begun.project
    if begun.conversation is not None:
        found = w.execute(CONVERSATIONS["thread"], (begun.conversation, project)).fetchone()
        if found is None:
            raise no_conversation(begun.conversation)
        thread, tip = found
        if w.execute(CONVERSATIONS["busy"], (thread,)).fetchone() is not None:
            raise locked(begun.conversation)
        w.execute(CONVERSATIONS["advance"], (tip + 1, begun.conversation, project))
        return Place(project, thread, tip + 1)
    if begun.follows is None:
        return Place(project, w.new_thread(), 0)
    parent = w.execute(SQL["parent"], (begun.follows, project, w.clock())).fetchone()
    if parent is None:
        raise no_parent(begun.follows)
    thread, position, taken = parent
    return fork(w, Place(project, thread, position)) if taken else Place(project, thread, position + 1)


def _add_chunk(w: Writing, place: Place, chunk: Chunk) -> None:
    w.execute(SQL["add_chunk"], (place.thread, place.position, chunk.first, chunk.last, chunk.data))


def _find(c: sqlite3.Connection, project: str, response_id: str, now: float) -> tuple[int, Place, bool, bool] | None:
    found = c.execute(SQL["find"], (response_id, project, now)).fetchone()
    if found is None:
        return None
    number, thread, position, ended, has_log = found
    return number, Place(project, thread, position), bool(ended), bool(has_log)
