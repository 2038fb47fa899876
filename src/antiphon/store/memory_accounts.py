"""Keys and projects in memory.

Knows nothing of who holds a key.
"""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from antiphon.core.accounts import DEFAULT_PROJECT, Key, Project, Roll
from antiphon.store.exported import Line, ProjectLine, key_line
from antiphon.store.rules import fresh_default, without


class MemoryRoster:
    """Satisfies the `Roster` port. `clock` gives unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._projects = {DEFAULT_PROJECT: fresh_default(clock())}
        self._keys: dict[str, Key] = {}
        self._keyed = False
        self._version = 0

    def version(self) -> int:
        """How many changes there were."""
        return self._version

    async def roll(self) -> Roll:
        """Everything, as it is now."""
        keys = [key for _, key in sorted(self._keys.items())]
        return Roll(keys, [project for _, project in sorted(self._projects.items())], self._keyed)

    async def keep_project(self, project: Project) -> None:
        """Keep a project, new or changed."""
        self._projects[project.id] = replace(project, models=dict(project.models))
        self._version += 1

    async def keep_key(self, key: Key) -> None:
        """Keep a key, new or changed."""
        known = self._keys.get(key.id)
        self._keys[key.id] = replace(key, last_used_at=None if known is None else known.last_used_at)
        self._keyed = True
        self._version += 1

    async def mark_keyed(self) -> None:
        """Remember that an admin key was configured."""
        self._keyed = True
        self._version += 1

    async def used(self, key_id: str, at: int) -> None:
        """Remember when a key was used last."""
        if key_id in self._keys:
            self._keys[key_id] = replace(self._keys[key_id], last_used_at=at)

    def _account_lines(self, project: str) -> Iterator[Line]:
        if project in self._projects:
            yield ProjectLine(project=self._projects[project])
        yield from (key_line(key) for _, key in sorted(self._keys.items()) if key.project == project)

    def _purge_accounts(self, project: str) -> int:
        """Forget a project and its keys; other projects' keys can't choose it any more."""
        keys = [key for key in self._keys.values() if key.project == project]
        for key in keys:
            del self._keys[key.id]
        for key in [key for key in self._keys.values() if project in key.projects]:
            self._keys[key.id] = without(key, project)
        known = self._projects.pop(project, None)
        if project == DEFAULT_PROJECT:
            self._projects[project] = fresh_default(self._clock())
        self._version += 1
        return len(keys) + int(known is not None and project != DEFAULT_PROJECT)
