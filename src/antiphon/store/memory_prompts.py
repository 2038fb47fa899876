"""Prompts in memory.

Knows nothing of what they say.
"""

from antiphon.core.templates import Template
from antiphon.store.rules import newest_of_each


class MemoryTemplates:
    """Satisfies the `Templates` port."""

    def __init__(self) -> None:
        self._prompts: dict[tuple[str, str], list[Template]] = {}

    async def keep_prompt(self, project: str, template: Template) -> bool:
        """Keep a version, where it is the one after the newest."""
        known = self._prompts.get((project, template.id), [])
        if template.version != len(known) + 1:
            return False
        self._prompts[project, template.id] = [*known, template]
        return True

    async def prompt(self, project: str, prompt_id: str, version: int | None) -> Template | None:
        """That version, or the newest."""
        known = self._prompts.get((project, prompt_id), [])
        return next((one for one in reversed(known) if version in (None, one.version)), None)

    async def prompts(self, project: str) -> list[Template]:
        """The newest version of each."""
        return newest_of_each(self._every(project))

    async def prompt_versions(self, project: str, prompt_id: str) -> list[Template]:
        """Every version, the newest first."""
        return self._prompts.get((project, prompt_id), [])[::-1]

    async def forget_prompt(self, project: str, prompt_id: str) -> bool:
        """Forget every version."""
        return self._prompts.pop((project, prompt_id), None) is not None

    def _every(self, project: str) -> list[Template]:
        """Every version of every prompt, by id and version."""
        found = [versions for (owner, _), versions in sorted(self._prompts.items()) if owner == project]
        return [one for versions in found for one in versions]

    def _purge_prompts(self, project: str) -> int:
        gone = [place for place in self._prompts if place[0] == project]
        return sum(len(self._prompts.pop(place)) for place in gone)
