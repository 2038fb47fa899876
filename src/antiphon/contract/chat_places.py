"""Chat places: where in a chat body stands what a create request has elsewhere (protocol §11).

Knows nothing of how the one becomes the other: whoever does that says where it took each item and tool from.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from msgspec import Struct

from antiphon.core.problems import Problem


class Spot(NamedTuple):
    """Where an item or a tool was taken from, and where its own members stand there (`.output` → `.content`)."""

    path: str
    inside: Mapping[str, str] = {}

    def name(self, below: str) -> str:
        """The path of what stands below the item or tool."""
        return self.path + (_moved(below, self.inside) if below else "")


_FIELDS = {
    "text.format.type": "response_format.type",
    "text.format.": "response_format.json_schema.",
    "text.format": "response_format",
    "text.verbosity": "verbosity",
    "reasoning.effort": "reasoning_effort",
    "include": "logprobs",
    "input": "messages",
    "tool_choice.tools": "tool_choice.allowed_tools.tools",
    "tool_choice.mode": "tool_choice.allowed_tools.mode",
}
"""Path in a create request → path in a chat body; the first that a path begins with counts."""

_PART = re.compile(r"(\.content\[\d+\])\.(image_url|detail|filename|file_id|file_data)$")


def _within_part(found: re.Match[str]) -> str:
    """The path of a part's member, which has an object of its own in a chat body."""
    part, member = found.groups()
    if member in ("image_url", "detail"):
        return f"{part}.image_url.{'url' if member == 'image_url' else member}"
    return f"{part}.file.{member}"


_ELEMENT = re.compile(r"(input|tools)\[(\d+)\]")


class Places(Struct, frozen=True):
    """Where everything of one body stands.

    items, tools
        by their place in the create request.
    fields
        further paths of this body, as in `_FIELDS`; they count first.
    """

    items: list[Spot]
    tools: list[Spot]
    fields: dict[str, str]

    def name(self, path: str) -> str:
        """The path in the chat body of what stands at a path in the create request."""
        element = _ELEMENT.match(path)
        if element is not None:
            spots, number = self.items if element[1] == "input" else self.tools, int(element[2])
            if number < len(spots):
                return _PART.sub(_within_part, spots[number].name(path[element.end() :]))
        return _moved(path, {**self.fields, **_FIELDS})

    @contextmanager
    def told(self) -> Iterator[None]:
        """Have every `Problem` that is raised inside name what it is about as the chat body does."""
        try:
            yield
        except Problem as problem:
            if problem.param is not None and problem.place == "body":
                here = self.name(problem.param)
                problem.message = problem.message.replace(f"'{problem.param}'", f"'{here}'")
                problem.param = here
            raise


def _moved(path: str, moves: Mapping[str, str]) -> str:
    """A path whose beginning stands elsewhere; the same where no move fits it."""
    for source, target in moves.items():
        rest = path.removeprefix(source)
        if path.startswith(source) and (source.endswith(".") or not rest or rest[0] in ".[#"):
            return target + rest
    return path
