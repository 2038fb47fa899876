"""Prompts in SQLite.

Knows nothing of what they say.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from antiphon.core.templates import Template
from antiphon.store.rules import newest_of_each
from antiphon.store.sql import statements
from antiphon.store.sqlite_threads import Writing

SQL = statements("prompts")


def keep(w: Writing, project: str, template: Template) -> bool:
    """Keep a version, where it is the one after the newest."""
    before = prompt(w.connection, project, template.id, None)
    if template.version != (1 if before is None else before.version + 1):
        return False
    w.execute(SQL["keep"], (project, template.id, template.version, msgspec.json.encode(template)))
    return True


def prompt(c: sqlite3.Connection, project: str, prompt_id: str, version: int | None) -> Template | None:
    """That version, or the newest."""
    if version is None:
        found = c.execute(SQL["newest"], (project, prompt_id)).fetchone()
    else:
        found = c.execute(SQL["version"], (project, prompt_id, version)).fetchone()
    return None if found is None else _template(found)


def versions(c: sqlite3.Connection, project: str, prompt_id: str) -> list[Template]:
    """Every version, the newest first."""
    return _templates(c.execute(SQL["versions"], (project, prompt_id)))


def every(c: sqlite3.Connection, project: str) -> list[Template]:
    """Every version of every prompt, by id and version."""
    return _templates(c.execute(SQL["all"], (project,)))


def newest(c: sqlite3.Connection, project: str) -> list[Template]:
    """The newest version of each."""
    return newest_of_each(every(c, project))


def forget(w: Writing, project: str, prompt_id: str) -> bool:
    """Forget every version."""
    gone = w.execute(SQL["forget"], (project, prompt_id)).rowcount > 0
    w.purge = w.purge or gone
    return gone


def _templates(rows: Iterable[tuple[Any, ...]]) -> list[Template]:
    return [_template(row) for row in rows]


def _template(row: tuple[Any, ...]) -> Template:
    return msgspec.json.decode(row[0], type=Template)
