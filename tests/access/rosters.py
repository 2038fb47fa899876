"""A roster that tests change at will, with keys and projects made short."""

import hmac
from typing import Any

from antiphon.core.accounts import Key, Project, Roll

SECRET = b"s" * 32
NOW = 1_000_000.0


def digest(text: str) -> bytes:
    return hmac.digest(SECRET, text.encode(), "sha256")


def key(text: str, **fields: Any) -> Key:
    """The key of that text; its id is `key_` and the text."""
    made: dict[str, Any] = {"id": f"key_{text}", "digest": digest(text), "shown": text[:8], "name": text}
    return Key(**(made | {"project": "a", "created_at": 0} | fields))


def project(id: str, **fields: Any) -> Project:
    return Project(id=id, name=id, created_at=0, **fields)


class Written:
    """Satisfies the `Roster` port. `reads` counts how often it was read whole, `notes` keeps every use."""

    def __init__(self, *rows: Key | Project) -> None:
        self.keys: dict[str, Key] = {}
        self.projects: dict[str, Project] = {}
        self.marked = False
        self.stamp = 0
        self.reads = 0
        self.notes: list[tuple[str, int]] = []
        self.write(*rows)

    def write(self, *rows: Key | Project) -> None:
        self.stamp += 1
        for row in rows:
            if isinstance(row, Key):
                self.keys[row.id] = row
            else:
                self.projects[row.id] = row

    def version(self) -> int:
        return self.stamp

    async def roll(self) -> Roll:
        self.reads += 1
        return Roll(list(self.keys.values()), list(self.projects.values()), self.marked or bool(self.keys))

    async def keep_project(self, project: Project) -> None:
        self.write(project)

    async def keep_key(self, key: Key) -> None:
        self.write(key)

    async def mark_keyed(self) -> None:
        self.marked = True
        self.stamp += 1

    async def used(self, key_id: str, at: int) -> None:
        self.notes.append((key_id, at))
