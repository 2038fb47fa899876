"""Retention in SQLite: idempotency records, and everything that goes with time.

Knows nothing of why a time was chosen.
"""

from antiphon.core.ports import Record
from antiphon.store.rules import BATCH, RECORD_LIFE
from antiphon.store.sql import statements
from antiphon.store.sqlite_responses import SQL as RESPONSES
from antiphon.store.sqlite_responses import remove
from antiphon.store.sqlite_threads import Place, Writing, trim_doomed

SQL = statements("retention")


def reserve(w: Writing, project: str, scope: str, key: str, record: Record) -> Record | None:
    """Keep the record where none is, or only one past its time; else give the one that is there."""
    found = w.execute(SQL["record"], (project, scope, key, w.clock() - RECORD_LIFE)).fetchone()
    if found is not None:
        return Record(*found)
    keep(w, project, scope, key, record)
    return None


def keep(w: Writing, project: str, scope: str, key: str, record: Record) -> None:
    """Keep what the request led to."""
    row = (project, scope, key, record.fingerprint, record.created_at, record.response_id, record.body)
    w.execute(SQL["keep_record"], row)


def withdraw(w: Writing, project: str, scope: str, key: str) -> None:
    """Forget a record."""
    w.execute(SQL["delete_record"], (project, scope, key))


def sweep(w: Writing, now: int, log_before: int) -> int:
    """Forget a small batch of what is past its time; says how much went."""
    expired = w.execute(SQL["expired"], (now, BATCH)).fetchall()
    for n, response_id, project, thread, position in expired:
        remove(w, response_id, n, Place(project, thread, position))
    logs = w.execute(SQL["old_logs"], (log_before, BATCH)).fetchall()
    w.connection.executemany(RESPONSES["delete_chunks"], [log[1:] for log in logs])
    w.connection.executemany(SQL["unmark_log"], [log[:1] for log in logs])
    old = w.execute(SQL["old_records"], (now - RECORD_LIFE, BATCH)).fetchall()
    w.connection.executemany(SQL["delete_record"], old)
    gone = len(expired) + len(logs) + len(old) + trim_doomed(w)
    w.purge = w.purge or gone > 0
    return gone
