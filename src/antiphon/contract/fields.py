"""Fields: what a law says of a request's fields, compiled: what is refused, moved, unknown, and what asks for nothing.

Knows nothing of items or of the schema's other keywords.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from antiphon.contract.faults import LONGEST_SHOWN, shown
from antiphon.contract.law import Law, Move
from antiphon.core.items import JSON
from antiphon.core.problems import Problem


class Asking(Struct):
    """A request on its way: its body, the names of what will not be done, what is kept beside, and what of the
    unknown a model may know."""

    body: dict[str, JSON]
    ignored: list[str] = []
    kept: dict[str, JSON] = {}
    beyond: dict[str, JSON] = {}


class Refusal(Struct, frozen=True):
    """A path below a field, whose value must be one of `accepted` or ask for nothing."""

    path: tuple[str, ...]
    accepted: tuple[JSON, ...]

    def check(self, value: JSON) -> None:
        """Look at the field's value. Raises `Problem` 400 `unsupported_parameter`."""
        for key in self.path[1:]:
            if type(value) is not dict:
                return
            value = value.get(key)
        if asks(value, self.accepted):
            name = ".".join(self.path)
            only = " or ".join(map(shown, self.accepted))
            raise unsupported(name, f"'{name}' must be {only} on" if only else f"'{name}' is not supported by")


Mover = Callable[[dict[str, JSON]], None]


class Field(Struct, frozen=True):
    """What is done with a top-level field.

    known
        the keys of an object that are legal; None where the field's inside is not looked at.
    integer
        whether it is one: then 3.0, which JSON Schema takes for 3, is 3.
    """

    refusals: tuple[Refusal, ...] = ()
    moves: tuple[Mover, ...] = ()
    known: frozenset[str] | None = None
    integer: bool = False


def fields(law: Law, properties: dict[str, Any]) -> dict[str, Field]:
    """The rules of every field that the schema names."""
    refusals = _refusals(law)
    moves: dict[str, list[Mover]] = {}
    for move in law.moves:
        moves.setdefault(move.source.split(".")[0], []).append(mover(move))
    found = {}
    for name, schema in properties.items():
        declared = schema if isinstance(schema, dict) else {}
        inside = declared.get("properties")
        found[name] = Field(
            tuple(refusals.get(name, ())),
            tuple(moves.get(name, ())),
            frozenset(inside) if inside else None,
            "integer" in declared.get("type", ()),
        )
    return found


def unnamed_refusals(law: Law, properties: dict[str, Any]) -> dict[str, list[Refusal]]:
    """The refusals of fields that the schema does not name."""
    return {name: found for name, found in _refusals(law).items() if name not in properties}


def _refusals(law: Law) -> dict[str, list[Refusal]]:
    found: dict[str, list[Refusal]] = {}
    for path, accepted in law.refused.items():
        top, *rest = path.split(".")
        found.setdefault(top, []).append(Refusal((top, *rest), tuple(accepted)))
    return found


def mover(move: Move) -> Mover:
    """A function that does one move within a request, in place. Raises `Problem` where the two differ."""
    *way, last = move.source.split(".")
    *home, name = move.target.split(".")

    def apply(asked: dict[str, JSON]) -> None:
        place = asked
        for key in way:
            below = place.get(key)
            if type(below) is not dict:
                return
            place = below
        value = place.pop(last, None)
        if value is None:
            return
        parent = asked
        for key in home:
            parent = parent.setdefault(key, {})
        there = parent.get(name)
        if there is place:
            # The value takes the place of the object that held it, beside whatever else that had.
            parent[name] = {**value, **without_nulls(place)} if type(value) is dict else value
        elif there is None:
            parent[name] = value
        elif there != value:
            message = f"'{move.source}' and '{move.target}' are both given, and differ. Give one of them."
            raise Problem(400, "invalid_value", message, param=move.source)

    return apply


def default(asked: dict[str, JSON], path: str, value: JSON) -> None:
    """Put in what the client did not say; a dotted path counts only where its parent was given."""
    *way, last = path.split(".")
    place: JSON = asked
    for key in way:
        place = place.get(key)
        if type(place) is not dict:
            return
    if place.get(last) is None:
        place[last] = value


def misunderstood(body: dict[str, JSON], path: str, values: Sequence[JSON]) -> list[tuple[str, JSON]]:
    """Take out of a body what stands at a path and means nothing; of a list, the entries that do. Gives their
    places and values."""
    *way, last = path.split(".")
    place: JSON = body
    for key in way:
        place = place.get(key)
        if type(place) is not dict:
            return []
    value = place.get(last)
    if type(value) is list:
        place[last] = [entry for entry in value if entry in values]
        return [(f"{path}[{index}]", entry) for index, entry in enumerate(value) if entry not in values]
    if value is None or value in values:
        return []
    return [(path, place.pop(last))]


def asks(value: JSON, accepted: Sequence[JSON]) -> bool:
    """Whether a value asks for something (contracts §D)."""
    if value is None or value in accepted:
        return False
    return not (isinstance(value, list | dict) and not value)


def unsupported(name: str, told: str) -> Problem:
    """The refusal of a field, or of what it says."""
    return Problem(400, "unsupported_parameter", f"Unsupported parameter: {told} this server.", param=name)


def without_nulls(value: dict[str, JSON]) -> dict[str, JSON]:
    """An object without the keys whose value is null, which say nothing."""
    return {key: entry for key, entry in value.items() if entry is not None}


_UNSAFE = re.compile(r"[^\x21-\x2b\x2d-\x7e]")
"""What may not stand in a header's list of names: blanks, commas, and all that is not ASCII."""


def header_name(path: str) -> str:
    """A path as the header that names what was ignored may hold it."""
    return _UNSAFE.sub("?", path)[:LONGEST_SHOWN]
