"""Merging: what is added to a client's own file of settings, in TOML, JSON or YAML, beside what stands there.

Knows nothing of clients, nor of where a file lies: text in, text out. What can't be merged for certain is refused.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from typing import TypeAlias

Plain: TypeAlias = str | int | bool
Tree: TypeAlias = Mapping[str, "Plain | Tree"]

_HEADER = re.compile(r"^\s*\[")
_ENTRY = re.compile(r"^- ", re.MULTILINE)


_TOO_DEEP = "it is nested too deeply"


class Unmergeable(Exception):
    """The file is not what it should be, or is written in a way that is not understood here; the message says how."""


def toml(text: str, wanted: Tree) -> str:
    """TOML in which the wanted keys and tables have their values; comments and all else stay as they are.

    A plain value is a key of the top level, a tree is one table, named by its path (`a.b`). Raises `Unmergeable`.
    """
    before = _toml_read(text)
    lines = text.removesuffix("\n").split("\n") if text else []
    for name, value in wanted.items():
        lines = _table_put(lines, name, value) if isinstance(value, Mapping) else _key_put(lines, name, value)
    after = "\n".join(lines) + "\n"
    expected = before
    for name, value in wanted.items():
        expected = deep(expected, _nested(name.split("."), value))
    try:
        same = tomllib.loads(after) == expected
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise Unmergeable("it sets these keys in a way that can't be changed line by line")
    return after


def toml_told(wanted: Tree) -> str:
    """The wanted keys and tables alone, as TOML."""
    return toml("", wanted)


def as_json(text: str, wanted: Tree) -> str:
    """A JSON object in which the wanted keys have their values, objects merged into objects. Raises `Unmergeable`."""
    try:
        before = json.loads(text or "{}", object_pairs_hook=_object)
    except ValueError as fault:
        raise Unmergeable(f"it is no JSON without comments ({fault})") from fault
    except RecursionError as fault:
        raise Unmergeable(_TOO_DEEP) from fault
    if not isinstance(before, dict):
        raise Unmergeable("it holds no JSON object")
    try:
        after = json.dumps(deep(before, wanted), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        after.encode()
    except (ValueError, RecursionError) as fault:  # half of a pair of surrogates, a number beyond all bounds
        raise Unmergeable(f"it holds what can't be written again ({fault})") from fault
    return after


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unmergeable("an object in it has a key twice, of which one would be lost")
    return found


def yaml_list(text: str, entry: Mapping[str, Plain]) -> str:
    """A YAML list of maps in which `entry` stands in the place of the one with the same first key and value, else last.

    Raises `Unmergeable` where the text is not a list whose entries begin with `- ` at the start of a line.
    """
    rows = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()]
    block = "- " + "\n  ".join(rows) + "\n"
    whole = text if not text or text.endswith("\n") else text + "\n"
    starts = [found.start() for found in _ENTRY.finditer(whole)]
    head = whole[: starts[0]] if starts else whole
    if any(line.strip() and not line.startswith(("#", "---")) for line in head.splitlines()):
        raise Unmergeable("it is no list whose entries begin with '- ' at the start of a line")
    key, value = next(iter(entry.items()))
    same = re.compile(rf"^(- |  ){re.escape(key)}:\s*([\"']?){re.escape(str(value))}\2\s*(#.*)?$", re.MULTILINE)
    entries = [whole[start:end] for start, end in pairwise([*starts, len(whole)])]
    if any(same.search(one) for one in entries):
        return head + "".join(block if same.search(one) else one for one in entries)
    return whole + block


def deep(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    """What both hold; where both have a value that is no map, the new one."""
    merged = dict(old)
    for key, value in new.items():
        there = merged.get(key)
        merged[key] = deep(there if isinstance(there, Mapping) else {}, value) if isinstance(value, Mapping) else value
    return merged


def _toml_read(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise Unmergeable(f"it is no TOML ({fault})") from fault
    except RecursionError as fault:
        raise Unmergeable(_TOO_DEEP) from fault


def _nested(path: list[str], value: "Plain | Tree") -> dict[str, object]:
    return {path[0]: _nested(path[1:], value) if path[1:] else value}


def _line(key: str, value: Plain) -> str:
    """A key and its value: JSON's strings, numbers, true and false are TOML's too."""
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"


def _key_put(lines: list[str], key: str, value: Plain) -> list[str]:
    """The lines with a key of the top level: in its old place, else before the first table."""
    end = next((place for place, line in enumerate(lines) if _HEADER.match(line)), len(lines))
    top = _keys_put(lines[:end], key, value)
    gap = [""] if len(top) > end and end < len(lines) and top[-1].strip() else []
    return [*top, *gap, *lines[end:]]


def _keys_put(lines: list[str], key: str, value: Plain) -> list[str]:
    """The lines of one table with a key: in its old place, else behind the last line that says something."""
    written = re.compile(rf"^\s*{re.escape(key)}\s*=")
    place = next((place for place, line in enumerate(lines) if written.match(line)), None)
    if place is not None:
        return [*lines[:place], _line(key, value), *lines[place + 1 :]]
    last = next((place for place in range(len(lines), 0, -1) if lines[place - 1].strip()), 0)
    return [*lines[:last], _line(key, value), *lines[last:]]


def _table_put(lines: list[str], name: str, keys: Tree) -> list[str]:
    """The lines with a table's keys; a table that is not there comes last."""
    header = f"[{name}]"
    start = next((place for place, line in enumerate(lines) if line.partition("#")[0].strip() == header), None)
    if start is None:
        lines = [*lines, *([""] if lines and lines[-1].strip() else []), header]
        start = len(lines) - 1
    end = next((place for place in range(start + 1, len(lines)) if _HEADER.match(lines[place])), len(lines))
    body = lines[start:end]
    for key, value in keys.items():
        if isinstance(value, Mapping):
            raise Unmergeable(f"{name}.{key} is a table of its own")
        body = _keys_put(body, key, value)
    return [*lines[:start], *body, *lines[end:]]
