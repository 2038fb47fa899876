"""The file of settings beyond the flags: its tables of upstreams and models, and where in it a mistake stands.

Knows nothing of what is done with them. The flags' own keys are read by `cli`.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from antiphon.models.upstream import Upstream
from antiphon.models.upstream_config import Configured, Mistake, Place, configured, quick
from antiphon.settings import Reach, file_of


class Complaint(Struct, frozen=True):
    """A mistake and its line in the file; 0 for one that stands in no file."""

    where: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {self.message}" if self.line else f"{self.where}: {self.message}"


class Loaded(Struct, frozen=True):
    """What is set up, without what is wrong in it; `behind` says whether upstreams were wanted at all."""

    configured: Configured
    complaints: list[Complaint]
    behind: bool


def load(reach: Reach) -> Loaded:
    """The tables of the file and the addresses of `--upstream`, together."""
    path = file_of(reach.config)
    found, complaints, behind = Configured(), [], bool(reach.upstream)
    if path is not None:
        text = path.read_text(encoding="utf-8")
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as fault:
            return Loaded(found, [broken(path, fault)], behind)
        found, mistakes = configured(tables, path.parent)
        complaints = [complaint(path, text, mistake) for mistake in mistakes]
        behind = behind or bool(tables.get("upstreams"))
    upstreams: dict[str, Upstream] = {}
    for number, url in enumerate(reach.upstream):
        try:
            one = quick(url, sum(url == before for before in reach.upstream[:number]))
        except ValueError as fault:
            complaints.append(Complaint("--upstream", 0, str(fault)))
            continue
        upstreams[one.name] = one
    together = upstreams | found.upstreams
    return Loaded(replace(found, upstreams=together, asked=found.asked | set(upstreams)), complaints, behind)


def broken(path: Path, fault: tomllib.TOMLDecodeError) -> Complaint:
    """What is wrong with a file that is no TOML."""
    message, _, place = str(fault).partition(" (at ")
    words = place.split()
    line = int(words[1].rstrip(",")) if len(words) > 1 and words[0] == "line" else 0
    return Complaint(str(path), line, f"This is no TOML: {message[:1].lower()}{message[1:]}.")


def complaint(path: Path, text: str, mistake: Mistake) -> Complaint:
    """The mistake, with its line."""
    return Complaint(str(path), line_of(text, mistake.place), mistake.message)


def line_of(text: str, place: Place) -> int:
    """The line (from 1) on which a key or table stands, else that of the nearest around it; 0 where none does."""
    lines = dict(_keys(text))
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return 0


def _keys(text: str) -> Iterator[tuple[Place, int]]:
    """Every key of a file of TOML and its line, the last first, so that in a dict the first line stays.

    Lines inside a value of several lines may be taken for keys of their own; nobody asks for those.
    """
    found: list[tuple[Place, int]] = []
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            path = _path(stripped)
            if path:
                table = path
                found += [(table[:length], number) for length in range(1, len(table) + 1)]
            continue
        key, equals, value = stripped.partition("=")
        if equals and (path := _path(f"{key} = 0")):
            place = (*table, *path)
            found += [(place[:length], number) for length in range(len(table) + 1, len(place) + 1)]
            found += [((*place, inner), number) for inner in _inner(f"v ={value}")]
    yield from reversed(found)


def _path(line: str) -> Place:
    """The path that a line of TOML stands for by itself; none where it is no line of its own."""
    value = _parsed(line)
    path = []
    while isinstance(value, dict | list) and value:
        if isinstance(value, list):
            value = value[0]
            continue
        (name, value) = next(iter(value.items()))
        path.append(name)
    return tuple(path)


def _inner(line: str) -> list[str]:
    """The keys of a table that is written on one line."""
    value = (_parsed(line) or {}).get("v")
    return list(value) if isinstance(value, dict) else []


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
