"""Decode: the bytes of a request become a `Request`, by a contract's law (DESIGN §6).

Knows nothing of any contract by name, nor of what a model can do: `Model.check` names what a
model will not honour.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from jsonschema_rs import Draft202012Validator

from antiphon.contract.faults import Refused, missing, refused, reworded, too_short
from antiphon.contract.fields import (
    Asking,
    Mover,
    asks,
    default,
    fields,
    header_name,
    misunderstood,
    mover,
    unnamed_refusals,
    without_nulls,
)
from antiphon.contract.law import Law, Move
from antiphon.core import configuration
from antiphon.core.compaction import take_trigger
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

_flat_format = mover(Move(source="text.format.json_schema", target="text.format"))
"""Both forms of a format are read (contracts §B row 21), in an item too."""

DEEPEST = 128
"""Levels of nesting that a body may have. What decodes deeper could not be encoded again by
code that stands deeper in the stack, and a validator would recurse with it."""

MOST_IGNORED = 32
"""Names in `Request.ignored`, before one that counts the rest: a client's own keys must not make
the header grow without bound."""

RequestStep = Callable[[Asking], None]
"""What is done with a legal body before its fields are read."""

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


class Reader:
    """A law, compiled: `read` makes a `Request` of a body. Safe to share between threads."""

    __slots__ = ("_beyond", "_fields", "_law", "_neutral", "_schema", "_steps", "_understood", "_unnamed", "_validator")

    def __init__(self, law: Law, schema: dict[str, JSON], steps: Sequence[RequestStep] = ()) -> None:
        self._law = law
        self._schema = schema
        self._steps = steps
        self._validator = Draft202012Validator(schema, mask="a value")
        self._fields = fields(law, schema["properties"])
        self._unnamed = unnamed_refusals(law, schema["properties"])
        self._neutral = {path: tuple(values) for path, values in law.neutral.items()}
        self._beyond = frozenset(law.beyond)
        self._understood = tuple(law.understood.items())

    def read(self, body: bytes) -> Request:
        """The request that `body` tells, after moves and defaults.

        Raises `Problem` 400 (protocol §6), a `faults.Refused` where the schema is not met.
        """
        return self.take(parse(body))

    def take(self, value: JSON) -> Request:
        """As `read`, for a body that is decoded already; it is used up."""
        if not self._validator.is_valid(value):
            raise reworded(refused(self._validator, value, self._schema), self._law.words)
        return self._request(value)

    def measure(self, body: bytes, model: str) -> Request:
        """The request whose tokens are to be counted: nothing in it is required (protocol §1, row 7).

        `model` is the one that is meant where none is named. Raises `Problem` 400.
        """
        value = parse(body or b"{}")
        if type(value) is dict:
            value = {"model": model, "input": "", **without_nulls(value)}
            if not value["input"]:
                value["input"] = [{"role": "user", "content": []}]
        return self.take(value)

    def _request(self, body: dict[str, JSON]) -> Request:
        asking = Asking(body)
        for path, values in self._understood:
            for place, value in misunderstood(body, path, values):
                self._unknown(place, value, asking)
        for step in self._steps:
            step(asking)
        asked = self._asked(asking)
        _settle(asked)
        for path, value in self._law.defaults.items():
            default(asked, path, value)
        for key, value in self._law.forced.items():
            if asked.get(key, value) != value:
                asking.ignored.append(key)
            asked[key] = value
        asked["input"] = self._input(asked)
        if "tools" in asked:
            asked["tools"] = _tools(asked["tools"])
        if "tool_choice" in asked:
            asked["tool_choice"] = _tool_choice(asked["tool_choice"])
        if asking.ignored:
            asked["ignored"] = bounded(asking.ignored)
        if asking.beyond:
            asked["beyond"] = asking.beyond
        if asking.kept:
            asked["asked"] = asking.kept
        try:
            request = msgspec.convert(asked, Request, dec_hook=_built)
        except msgspec.ValidationError as error:
            raise _mismatch(error, "") from None
        take_trigger(request)
        configuration.configure(request, request.input)
        check_together(request)
        return request

    def _asked(self, asking: Asking) -> dict[str, JSON]:
        """What is asked for, each thing where it belongs. Raises `Problem` for what is refused."""
        asked: dict[str, JSON] = {}
        moves: list[Mover] = []
        fields = self._fields
        for key, value in asking.body.items():
            if value is None:
                continue
            field = fields.get(key)
            if field is None:
                if key in self._unnamed:
                    for refusal in self._unnamed[key]:
                        refusal.check(value)
                else:
                    self._unknown(key, value, asking)
                continue
            for refusal in field.refusals:
                refusal.check(value)
            asked[key] = int(value) if field.integer and type(value) is float else value
            if field.known is not None and type(value) is dict:
                self._object(key, value, field.known, asking)
            if field.moves:
                moves += field.moves
        for move in moves:  # when all is there that one may move to
            move(asked)
        return asked

    def _object(self, name: str, value: dict[str, JSON], known: frozenset[str], asking: Asking) -> None:
        """Take nulls out of a field that is an object, and what nobody reads."""
        for key in [key for key, entry in value.items() if entry is None]:
            del value[key]
        for key, entry in value.items():
            if key not in known:
                self._unknown(f"{name}.{key}", entry, asking)

    def _unknown(self, path: str, value: JSON, asking: Asking) -> None:
        """Name what nobody reads, if it asks for something, or leave it to the model; keep it where the law says so."""
        if asks(value, self._neutral.get(path, ())):
            if path in self._beyond:
                asking.beyond[path] = value
            else:
                asking.ignored.append(header_name(path))
        if self._law.unknown == "kept":
            asking.kept[path] = value

    def _input(self, asked: dict[str, JSON]) -> list[Item]:
        given = asked.get("input")
        if not given:
            return self._empty(asked)
        if isinstance(given, str):
            return [Message(role="user", content=[InputText(given)])]
        return [read_item(value, f"input[{index}]") for index, value in enumerate(given)]

    def _empty(self, asked: dict[str, JSON]) -> list[Item]:
        """The input of a request that has none. Raises `Problem` where it has to have one (contracts §B row 9)."""
        rule = self._law.input
        if any(asked.get(name) for name in rule.unless) or asked.get("generate") is False:
            return []
        if rule.may_be_empty:
            return [Message(role="user", content=[InputText("")])]
        fault = too_short(("input",), 1, asked["input"]) if "input" in asked else missing(("input",))
        raise reworded(Refused([fault]), self._law.words)


def bounded(names: list[str]) -> list[str]:
    """Names of what is ignored, and of how many more there are than are told."""
    more = len(names) - MOST_IGNORED
    return names if more <= 0 else [*names[:MOST_IGNORED], f"and-{more}-more"]


def read_item(value: dict[str, JSON], path: str) -> Item:
    """The item that a valid JSON object tells; `path` is where it stands. Raises `Problem` 400."""
    kind = value.get("type")
    if kind is None:
        # An item reference may come without its type (protocol §2.1).
        kind = value["type"] = "message" if value.get("role") is not None else "item_reference"
    if value.get("status") == "failed" and kind in KNOWN_TYPES:
        value["status"] = "incomplete"
    try:
        if kind == configuration.KIND:
            _flat_format(value)
            configuration.read(value)  # under a slug no schema has looked at it
        return item_from_json(value)
    except msgspec.ValidationError as error:
        raise _mismatch(error, path) from None


def _settle(asked: dict[str, JSON]) -> None:
    """Note which of the settings the client gives itself that may also stand in what came before."""
    if "reasoning" in asked or "text" in asked:
        found = []
        for path in configuration.SETTINGS:
            name, _, inner = path.partition(".")
            given = asked.get(name)
            if type(given) is dict and given.get(inner) is not None:
                found.append(path)
        asked["settled"] = found


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
        value = without_nulls(value)
        if type(value.get("tools")) is list:
            value["tools"] = [without_nulls(tool) for tool in value["tools"]]
    try:
        return tool_choice_from_json(value)
    except msgspec.ValidationError as error:
        raise _mismatch(error, "tool_choice") from None


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
