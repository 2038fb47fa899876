"""Conversations in SQLite: a conversation is a thread with a hold of its own.

Knows nothing of responses but that they share its thread.
"""

import sqlite3

import msgspec

from antiphon.core.items import Item
from antiphon.core.ports import Conversation, Page, PageQuery
from antiphon.core.wire import unpack_item
from antiphon.store.sql import statements
from antiphon.store.sqlite_responses import page
from antiphon.store.sqlite_threads import Named, Place, Writing, take_in, trim

SQL = statements("conversations")


def create(w: Writing, project: str, conversation: Conversation, items: list[Named]) -> None:
    """Keep a conversation that begins with `items`."""
    thread = w.new_thread()
    metadata = msgspec.json.encode(conversation.metadata)
    w.execute(SQL["create"], (conversation.id, project, thread, conversation.created_at, metadata))
    take_in(w, Place(project, thread, 0), items, None)


def update(w: Writing, project: str, conversation: Conversation) -> bool:
    """Keep other metadata."""
    metadata = msgspec.json.encode(conversation.metadata)
    changed = w.execute(SQL["update"], (metadata, conversation.id, project)).rowcount
    w.purge = True  # the old metadata was overwritten, but stands in the log
    return changed == 1


def forget(w: Writing, project: str, conversation_id: str) -> bool:
    """Delete a conversation, and what only it reached."""
    found = _thread(w.connection, project, conversation_id)
    if found is None:
        return False
    w.execute(SQL["delete"], (conversation_id, project))
    trim(w, found[0])
    return True


def add(w: Writing, project: str, conversation_id: str, items: list[Named]) -> bool:
    """Append items, at a position of their own."""
    found = _thread(w.connection, project, conversation_id)
    if found is None:
        return False
    thread, tip = found
    w.execute(SQL["advance"], (tip + 1, conversation_id, project))
    take_in(w, Place(project, thread, tip + 1), items, None)
    return True


def remove(w: Writing, project: str, conversation_id: str, item_id: str) -> bool:
    """Take every item of that id out; who stands at a position up to now goes on seeing it."""
    found = _thread(w.connection, project, conversation_id)
    if found is None:
        return False
    thread, tip = found
    removed = w.execute(SQL["remove"], (tip, thread, project, item_id)).rowcount
    if removed:
        trim(w, thread)
    return removed > 0


def conversation(c: sqlite3.Connection, project: str, conversation_id: str) -> Conversation | None:
    """The conversation."""
    found = c.execute(SQL["conversation"], (conversation_id, project)).fetchone()
    if found is None:
        return None
    return Conversation(id=conversation_id, created_at=found[0], metadata=msgspec.json.decode(found[1]))


def turns(c: sqlite3.Connection, project: str, conversation_id: str) -> list[Item] | None:
    """Every item, oldest first."""
    found = _thread(c, project, conversation_id)
    return None if found is None else [unpack_item(row[0]) for row in c.execute(SQL["turns"], (project, found[0]))]


def items(c: sqlite3.Connection, project: str, conversation_id: str, query: PageQuery) -> Page | None:
    """A page of its items."""
    found = _thread(c, project, conversation_id)
    if found is None:
        return None
    return page(c, project, c.execute(SQL["turn_ids"], (project, found[0])).fetchall(), query)


def _thread(c: sqlite3.Connection, project: str, conversation_id: str) -> tuple[int, int] | None:
    found: tuple[int, int] | None = c.execute(SQL["thread"], (conversation_id, project)).fetchone()
    return found
