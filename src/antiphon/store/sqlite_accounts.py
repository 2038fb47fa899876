"""Keys and projects in SQLite, and the stamp that tells every process on the machine that they changed.

Knows nothing of who holds a key.
"""

import os
import sqlite3
import time

import msgspec

from antiphon.core.accounts import Key, Project, Roll
from antiphon.store.sql import statements
from antiphon.store.sqlite_threads import Writing

SQL = statements("accounts")
STAMP = "accounts.stamp"


def roll(c: sqlite3.Connection) -> Roll:
    """Everything, as it is now."""
    projects = [msgspec.json.decode(row[0], type=Project) for row in c.execute(SQL["projects"])]
    return Roll(every_key(c), projects, c.execute(SQL["keyed"]).fetchone() is not None)


def every_key(c: sqlite3.Connection) -> list[Key]:
    """Every project's keys."""
    return [key_of(*row) for row in c.execute(SQL["keys"])]


def keep_project(w: Writing, project: Project) -> None:
    """Keep a project, new or changed."""
    w.execute(SQL["keep_project"], (project.id, msgspec.json.encode(project)))


def keep_key(w: Writing, key: Key) -> None:
    """Keep a key, new or changed, and that there ever was one."""
    body = msgspec.json.encode(msgspec.structs.replace(key, last_used_at=None))
    w.execute(SQL["keep_key"], (key.id, key.project, body))
    mark_keyed(w)


def mark_keyed(w: Writing) -> None:
    """Remember that keys are asked for."""
    w.execute(SQL["mark_keyed"])


def used(w: Writing, key_id: str, at: int) -> None:
    """Remember when a key was used last."""
    w.execute(SQL["used"], (at, key_id))


def version(path: str) -> int:
    """When the stamp was set last, in nanoseconds; 0 where it never was."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116  # asked for every request: a quarter of the time of Path.stat
    except FileNotFoundError:
        return 0


def stamp(path: str) -> None:
    """Set the stamp, after the commit of what was changed: to now, or a little later than it stood.

    Two processes may set the same time only where each read the stamp before the other had set it, and so
    after both commits: whoever reads next sees both.
    """
    before = version(path)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    now = max(time.time_ns(), before + 1)
    os.utime(path, ns=(now, now))


def key_of(body: bytes, last_used_at: int | None) -> Key:
    """The key of a row."""
    return msgspec.structs.replace(msgspec.json.decode(body, type=Key), last_used_at=last_used_at)
