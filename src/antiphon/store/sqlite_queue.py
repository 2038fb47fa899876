"""The queue in SQLite: runs that nobody holds, and leases on those that somebody does (DESIGN §4).

Knows nothing of who carries a run.
"""

from typing import Any

from antiphon.core.ports import Claim
from antiphon.core.wire import decode_response, unpack_item
from antiphon.store.sql import statements
from antiphon.store.sqlite_responses import chunks, running
from antiphon.store.sqlite_threads import INPUT, Place, Running, Writing, side

SQL = statements("queue")


def claim(w: Writing, now: float, until: float, response_id: str | None) -> Claim | None:
    """The oldest background run without a lease that lasts beyond `now`, or the one of that id."""
    if response_id is None:
        found = w.execute(SQL["waiting"], (now,)).fetchone()
    else:
        found = w.execute(SQL["waiting_one"], (now, response_id)).fetchone()
    return None if found is None else _take(w, found, until)


def interrupted(w: Writing) -> list[Claim]:
    """Foreground runs that a dead process left."""
    return [_take(w, found, 0) for found in w.execute(SQL["interrupted"]).fetchall()]


def unhold(w: Writing) -> None:
    """End every lease: who starts on a folder knows that nobody else is there, so that its holder is dead."""
    w.execute(SQL["unhold"], ())


def lease(w: Writing, project: str, response_id: str, epoch: int, until: float) -> None:
    """Hold on to a run until then; 0 gives it back. Raises `StaleEpoch`."""
    w.execute(SQL["lease"], (until, running(w, project, response_id, epoch).n))


def _take(w: Writing, found: tuple[Any, ...], until: float) -> Claim:
    n, response_id, project, thread, position, conversation, follows, epoch, has_log, request, body = found
    place = Place(project, thread, position)
    w.execute(SQL["take"], (epoch + 1, until, n))
    w.running[project, response_id] = Running(n, place, epoch + 1, bool(has_log), conversation is not None)
    return Claim(
        project=project,
        response=decode_response(body),
        inputs=[unpack_item(json) for json in side(w.connection, place, INPUT)],
        follows=follows,
        conversation=conversation,
        request=request or b"",
        epoch=epoch + 1,
        chunks=chunks(w.connection, place) if has_log else [],
    )
