"""All that SQLite keeps of one project: told, or forgotten, as a whole.

Knows nothing of who asks for it.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from antiphon.core.accounts import DEFAULT_PROJECT, Project
from antiphon.core.ports import Conversation, Record
from antiphon.core.wire import unpack_item
from antiphon.store.exported import (
    ConversationLine,
    ItemLine,
    Line,
    ProjectLine,
    PromptLine,
    ResponseLine,
    UsageLine,
    events_line,
    key_line,
    record_line,
)
from antiphon.store.rules import fresh_default, without
from antiphon.store.sql import statements
from antiphon.store.sqlite_accounts import every_key, keep_key, keep_project, key_of
from antiphon.store.sqlite_conversations import turns
from antiphon.store.sqlite_prompts import every
from antiphon.store.sqlite_responses import chunks, get
from antiphon.store.sqlite_threads import INPUT, Place, Writing, side

SQL = statements("holdings")
BY_THREAD = ("chunk", "entry", "fork", "doomed")
BY_PROJECT = ("item", "response", "conversation", "record", "prompt", "ledger", "ledger_hour", "api_key", "project")


def lines(c: sqlite3.Connection, project: str) -> Iterator[Line]:
    """Every row of a project, as they are while the connection's transaction lasts."""
    for (body,) in c.execute(SQL["project"], (project,)):
        yield ProjectLine(project=msgspec.json.decode(body, type=Project))
    yield from (key_line(key_of(*row)) for row in c.execute(SQL["keys"], (project,)))
    yield from _responses(c, project)
    for name, created_at, metadata in c.execute(SQL["conversations"], (project,)):
        conversation = Conversation(id=name, created_at=created_at, metadata=msgspec.json.decode(metadata))
        yield ConversationLine(conversation=conversation, items=turns(c, project, name) or [])
    yield from (ItemLine(item=unpack_item(row[0])) for row in c.execute(SQL["hidden"], (project,)))
    for scope, key, *record in c.execute(SQL["records"], (project,)):
        yield record_line(scope, key, Record(*record))
    yield from (PromptLine(prompt=one) for one in every(c, project))
    yield from (_usage(row) for row in c.execute(SQL["usage"], (project,)))


def purge(w: Writing, project: str) -> int:
    """Forget every row of a project; says how many. Runs of it that go on can write nothing more."""
    w.purge = True
    w.execute(SQL["threads"])
    w.execute(SQL["gather"], (project,))
    gone = sum(w.execute(SQL[f"purge_{table}"]).rowcount for table in BY_THREAD)
    gone += sum(w.execute(SQL[f"purge_{table}"], (project,)).rowcount for table in BY_PROJECT)
    w.execute(SQL["scatter"])
    for key in [key for key in every_key(w.connection) if project in key.projects]:
        keep_key(w, without(key, project))
    if project == DEFAULT_PROJECT:
        keep_project(w, fresh_default(w.clock()))
        gone -= 1
    for run in [run for run in w.running if run[0] == project]:
        del w.running[run]
    w.least.pop(project, None)
    return gone


def _responses(c: sqlite3.Connection, project: str) -> Iterator[Line]:
    for name, thread, position, follows, expires_at, has_log in c.execute(SQL["responses"], (project,)):
        place, response = Place(project, thread, position), get(c, project, name, 0.0)
        assert response is not None, "a response went in the middle of a transaction"
        taken = [unpack_item(json) for json in side(c, place, INPUT)]
        yield ResponseLine(response=response, input=taken, follows=follows, expires_at=expires_at)
        if has_log:
            yield from (events_line(name, chunk) for chunk in chunks(c, place))


def _usage(row: tuple[Any, ...]) -> UsageLine:
    fields = dict(zip(UsageLine.__struct_fields__, row, strict=True))  # the statement names them in their order
    return UsageLine(**fields | {"estimated": bool(fields["estimated"])})
