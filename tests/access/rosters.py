"""Keys and projects made short, and a directory over them."""

from typing import Any

from antiphon.access import keys
from antiphon.access.attempts import Attempts
from antiphon.access.directory import Directory
from antiphon.core.accounts import Key, Project, Roll
from antiphon.store.memory_accounts import MemoryRoster
from tests.store.made import Clock

SECRET = b"s" * 32
NOW = 1_000_000.0


def digest(text: str) -> bytes:
    return keys.digest(SECRET, text)


def key(text: str, **fields: Any) -> Key:
    """The key of that text; its id is `key_` and the text."""
    made: dict[str, Any] = {"id": f"key_{text}", "digest": digest(text), "shown": text[:8], "name": text}
    return Key(**(made | {"project": "a", "created_at": 0} | fields))


def project(id: str, **fields: Any) -> Project:
    return Project(id=id, name=id, created_at=0, **fields)


class Watched(MemoryRoster):
    """`reads` counts how often it was read whole, `notes` keeps every use."""

    def __init__(self) -> None:
        super().__init__(lambda: NOW)
        self.reads = 0
        self.notes: list[tuple[str, int]] = []

    async def write(self, *rows: Key | Project) -> None:
        for row in rows:
            await (self.keep_key(row) if isinstance(row, Key) else self.keep_project(row))

    async def roll(self) -> Roll:
        self.reads += 1
        return await super().roll()

    async def used(self, key_id: str, at: int) -> None:
        self.notes.append((key_id, at))
        await super().used(key_id, at)


async def over(
    roster: Watched, *rows: Key | Project, clock: Clock | None = None, admin: str | None = None
) -> Directory:
    """A directory that has been started."""
    await roster.write(*rows)
    clock = clock or Clock()
    directory = Directory(roster, SECRET, None if admin is None else digest(admin), Attempts(clock), clock)
    await directory.start()
    return directory
