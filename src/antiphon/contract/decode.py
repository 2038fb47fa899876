"""Decode: the bytes of a request become a `Request`, by a contract's law (DESIGN §6).

Knows nothing of any contract by name, nor of what a model can do: `Model.check` names what a
model will not honour.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from jsonschema_rs import Draft202012Validator
from msgspec import Struct

from antiphon.contract.faults import LONGEST_SHOWN, Refused, missing, refused, shown, too_short
from antiphon.contract.law import Law, Move
from antiphon.core.items import JSON, KNOWN_TYPES, InputText, Item, Message, item_from_json
from antiphon.core.problems import Problem
from antiphon.core.request import (
    Request,
    Tool,
    ToolChoice,
    check_together,
    tool_choice_from_json,
    tool_from_json,
)

DEEPEST = 128
"""Levels of nesting that a body may have. What decodes deeper could not be encoded again by
code that stands deeper in the stack, and a validator would recurse with it."""

MOST_IGNORED = 32
"""Names in `Request.ignored`, before one that counts the rest: a client's own keys must not make
the header grow without bound."""

_json = msgspec.json.Decoder()


def parse(body: bytes) -> JSON:
    """The JSON value of a body. Raises `Problem` 400 where it is not JSON, or nested too deeply."""
    try:
        value = _json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError as error:
        raise _not_json(f"invalid UTF-8 at byte {error.start} of a string") from None
    except msgspec.DecodeError as error:
        raise _not_json(str(error).removeprefix("JSON is malformed: ")) from None
    if len(body) > 2 * DEEPEST and _depth(value) > DEEPEST:
        raise _too_deep()
    return value


def _depth(value: JSON) -> int:
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            entry
            for place in level
            for entry in (place.values() if type(place) is dict else place if type(place) is list else ())
            if type(entry) is dict or type(entry) is list
        ]
    return depth


def _not_json(reason: str) -> Problem:
    return Problem(400, "invalid_json", f"The request body could not be read as JSON: {reason}.")


def _too_deep() -> Problem:
    return Problem(400, "invalid_value", f"The request body is nested more than {DEEPEST} levels deep.")


class Refusal(Struct, frozen=True):
    """A path below a field, whose value must be one of `accepted` or ask for nothing."""

    path: tuple[str, ...]
    accepted: tuple[JSON, ...]


class Field(Struct, frozen=True):
    """What is done with a top-level field before it is read.

    known
        the keys of an object that are legal; None where the field's inside is not looked at.
    """

    refusals: tuple[Refusal, ...] = ()
    moves: tuple[Callable[[dict[str, JSON]], None], ...] = ()
    known: frozenset[str] | None = None


class Reader:
    """A law, compiled: `read` makes a `Request` of a body. Safe to share between threads."""

    __slots__ = ("_fields", "_later_items", "_law", "_neutral", "_schema", "_validator")

    def __init__(self, law: Law, schema: dict[str, JSON]) -> None:
        self._law = law
        self._schema = schema
        self._validator = Draft202012Validator(schema, mask="a value")
        self._fields = _fields(law, schema["properties"])
        self._neutral = {path: tuple(values) for path, values in law.neutral.items()}
        self._later_items = frozenset(law.later_items.types)

    def read(self, body: bytes) -> Request:
        """The request that `body` tells, after moves and defaults.

        Raises `Problem` 400 (protocol §6), a `faults.Refused` where the schema is not met.
        """
        return self.take(parse(body))

    def take(self, value: JSON) -> Request:
        """As `read`, for a body that is decoded already; it is used up."""
        if not self._validator.is_valid(value):
            raise refused(self._validator.iter_errors(value), self._schema)
        return self._request(value)

    def measure(self, body: bytes, model: str) -> Request:
        """The request whose tokens are to be counted: nothing in it is required (protocol §1, row 7).

        `model` is the one that is meant where none is named. Raises `Problem` 400.
        """
        value = parse(body or b"{}")
        if type(value) is dict:
            value = {"model": model, "input": "", **_without_nulls(value)}
            if not value["input"]:
                value["input"] = [{"role": "user", "content": []}]
        return self.take(value)

    def _request(self, body: dict[str, JSON]) -> Request:
        ignored: list[str] = []
        asked: dict[str, JSON] = {}
        fields = self._fields
        for key, value in body.items():
            if value is None:
                continue
            field = fields.get(key)
            if field is None:
                self._ignore(key, value, ignored)
                continue
            for refusal in field.refusals:
                _refuse(value, refusal)
            asked[key] = value
            for move in field.moves:
                move(asked)
            if field.known is not None and type(value) is dict:
                self._object(key, value, field.known, ignored)
        for key, value in self._law.defaults.items():
            asked.setdefault(key, value)
        asked.update(self._law.forced)
        asked["input"] = self._input(asked)
        if "tools" in asked:
            asked["tools"] = _tools(asked["tools"])
        if "tool_choice" in asked:
            asked["tool_choice"] = _tool_choice(asked["tool_choice"])
        if ignored:
            more = len(ignored) - MOST_IGNORED
            asked["ignored"] = ignored if more <= 0 else [*ignored[:MOST_IGNORED], f"and-{more}-more"]
        try:
            request = msgspec.convert(asked, Request, dec_hook=_built)
        except msgspec.ValidationError as error:
            raise _mismatch(error, "") from None
        check_together(request)
        return request

    def _object(self, name: str, value: dict[str, JSON], known: frozenset[str], ignored: list[str]) -> None:
        """Take nulls out of a field that is an object, and name the keys that nobody reads."""
        for key in [key for key, entry in value.items() if entry is None]:
            del value[key]
        for key, entry in value.items():
            if key not in known:
                self._ignore(f"{name}.{key}", entry, ignored)

    def _ignore(self, path: str, value: JSON, ignored: list[str]) -> None:
        if _asks(value, self._neutral.get(path, ())):
            ignored.append(_UNSAFE.sub("?", path)[:LONGEST_SHOWN])

    def _input(self, asked: dict[str, JSON]) -> list[Item]:
        given = asked.get("input")
        if not given:
            self._check_empty(asked)
            return []
        if isinstance(given, str):
            return [Message(role="user", content=[InputText(given)])]
        return [self._item(index, value) for index, value in enumerate(given)]

    def _check_empty(self, asked: dict[str, JSON]) -> None:
        rule = self._law.input
        if rule.may_be_empty or any(asked.get(name) for name in rule.unless):
            return
        raise Refused([too_short(("input",), 1, asked["input"]) if "input" in asked else missing(("input",))])

    def _item(self, index: int, value: dict[str, JSON]) -> Item:
        if value.get("type") in self._later_items:
            raise _unsupported(f"input[{index}].type", f"an input item of type '{value['type']}' is not supported by")
        return read_item(value, f"input[{index}]")


def read_item(value: dict[str, JSON], path: str) -> Item:
    """The item that a valid JSON object tells; `path` is where it stands. Raises `Problem` 400."""
    kind = value.get("type")
    if kind is None:
        # An item reference may come without its type (protocol §2.1).
        kind = value["type"] = "message" if value.get("role") is not None else "item_reference"
    if value.get("status") == "failed" and kind in KNOWN_TYPES:
        value["status"] = "incomplete"
    try:
        return item_from_json(value)
    except msgspec.ValidationError as error:
        raise _mismatch(error, path) from None


_UNSAFE = re.compile(r"[^\x21-\x2b\x2d-\x7e]")
"""What may not stand in a header's list of names: blanks, commas, and all that is not ASCII."""


def _fields(law: Law, properties: dict[str, JSON]) -> dict[str, Field]:
    """The rules of every field that the schema names."""
    refusals: dict[str, list[Refusal]] = {}
    for path, accepted in {**law.refused, **law.later}.items():
        top, *rest = path.split(".")
        refusals.setdefault(top, []).append(Refusal((top, *rest), tuple(accepted)))
    moves: dict[str, list[Callable[[dict[str, JSON]], None]]] = {}
    for move in law.moves:
        moves.setdefault(move.source.split(".")[0], []).append(_mover(move))
    found = {}
    for name, schema in properties.items():
        inside = schema.get("properties")
        known = frozenset(inside) if inside else None
        found[name] = Field(tuple(refusals.get(name, ())), tuple(moves.get(name, ())), known)
    return found


def _mover(move: Move) -> Callable[[dict[str, JSON]], None]:
    """A function that does one move within a request, in place."""
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
            parent[name] = {**value, **_without_nulls(place)} if type(value) is dict else value
        elif there is None:
            parent[name] = value
        elif there != value:
            message = f"'{move.source}' and '{move.target}' are both given, and differ. Give one of them."
            raise Problem(400, "invalid_value", message, param=move.source)

    return apply


def _asks(value: JSON, accepted: Sequence[JSON]) -> bool:
    """Whether a value asks for something (contracts §D)."""
    if value is None or value in accepted:
        return False
    return not (isinstance(value, list | dict) and not value)


def _refuse(value: JSON, refusal: Refusal) -> None:
    for key in refusal.path[1:]:
        if type(value) is not dict:
            return
        value = value.get(key)
    if _asks(value, refusal.accepted):
        name = ".".join(refusal.path)
        only = " or ".join(map(shown, refusal.accepted))
        raise _unsupported(name, f"'{name}' must be {only} on" if only else f"'{name}' is not supported by")


def _unsupported(name: str, told: str) -> Problem:
    return Problem(400, "unsupported_parameter", f"Unsupported parameter: {told} this server.", param=name)


def _tools(values: list[dict[str, JSON]]) -> list[Tool]:
    tools: list[Tool] = []
    for index, value in enumerate(values):
        try:
            tools.append(tool_from_json(value))
        except msgspec.ValidationError as error:
            raise _mismatch(error, f"tools[{index}]") from None
    return tools


def _tool_choice(value: JSON) -> ToolChoice:
    if type(value) is dict:
        value = _without_nulls(value)
        if type(value.get("tools")) is list:
            value["tools"] = [_without_nulls(tool) for tool in value["tools"]]
    try:
        return tool_choice_from_json(value)
    except msgspec.ValidationError as error:
        raise _mismatch(error, "tool_choice") from None


def _without_nulls(value: dict[str, JSON]) -> dict[str, JSON]:
    return {key: entry for key, entry in value.items() if entry is not None}


def _built(kind: type, value: Any) -> Any:
    """Items, tools and the tool choice are built before the request is (msgspec's `dec_hook`)."""
    return value


_WHERE = re.compile(r" - at `\$\.?([^`]*)`$")


def _mismatch(error: msgspec.ValidationError, path: str) -> Problem:
    """The refusal where the schema let something pass that the struct does not take."""
    found = _WHERE.search(str(error))
    inner = found.group(1) if found else ""
    place = f"{path}.{inner}" if path and inner and not inner.startswith("[") else path + inner
    return Problem(400, "invalid_value", f"Invalid value for '{place}'.", param=place or None)
