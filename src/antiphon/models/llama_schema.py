"""JSON Schemas in the decoder: which part of one can be enforced, and what has to be left out.

Knows nothing of requests, and nothing of the prompt in which a schema stands.

The engine ignores in silence what it can't do, so nothing goes to it that llguidance, the library
inside it, has not compiled here first, in the engine's own version.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from math import copysign, isfinite
from sys import float_info
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct

from antiphon.core.items import JSON

if TYPE_CHECKING:
    from llguidance import LLTokenizer

Path = tuple[str | int, ...]

_UNENFORCED = frozenset(
    {
        "$dynamicRef",
        "$recursiveRef",
        "contains",
        "dependencies",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "maxContains",
        "minContains",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
        "uniqueItems",
    }
)
"""Keywords that constrain, and that no grammar here can hold."""

_FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"})
_LANGUAGE = re.compile(r"https?://json-schema\.org/(draft-0[467]/|draft/2019-09/|draft/2020-12/)?schema#?")
"""The languages of schemas that are known without being fetched."""
_CHARACTER = "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_AS_PATTERN = {
    "uri": "^[A-Za-z][A-Za-z0-9+.-]*:"
    f"(//[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{{1,4}})?(/{_CHARACTER}*)*|/?{_CHARACTER}+(/{_CHARACTER}*)*)"
    rf"(\?({_CHARACTER}|[/?])*)?(#({_CHARACTER}|[/?])*)?$"
}
"""Formats that llguidance does not know, and that a regular expression can say (RFC 3986, without users)."""

_UNENFORCED_FORMATS = frozenset(
    {
        "idn-email",
        "idn-hostname",
        "iri",
        "iri-reference",
        "json-pointer",
        "regex",
        "relative-json-pointer",
        "uri-reference",
        "uri-template",
    }
)
"""Formats of the standard that no grammar here can hold. Any other unknown format is an annotation."""

_FOURTH = "(0[48]|[2468][048]|[13579][26])"
_DATE = rf"(\d{{4}}-(0[13-9]|1[0-2])-\d\d|\d{{4}}-02-([01]\d|2[0-8])|(\d\d{_FOURTH}|{_FOURTH}00)-02-29)"
_TIGHTER = {
    "date": f"^{_DATE}$",
    "date-time": rf"^{_DATE}[Tt]\d\d:\d\d:[0-5]",
    "email": "^[^@]{1,64}@.{1,250}$",
    "time": r"^\d\d:\d\d:[0-5]",
}
"""What llguidance's formats let through: a 29th of February in every year, leap seconds at any hour, names and hosts
that are too long."""

_OF_NAMES = ("properties", "patternProperties", "$defs", "definitions")
_OF_LISTS = ("prefixItems", "allOf", "anyOf", "oneOf", "items")
_OF_ONE = ("items", "additionalItems", "additionalProperties")

_DIGITS = 10**15 - 1
"""A weak model goes on writing digits for ever; an integer that has no bound gets this one."""

_WHOLE = ("type", "properties", "$defs", "definitions", "items", "required")
"""Keywords that are dropped last when something has to go."""

_SHARED = ("$schema", "$defs", "definitions")
"""Keywords of the whole schema that its parts lean on."""

_COMBINING = frozenset({"$ref", "allOf", "anyOf", "oneOf"})
_MEMBERS = frozenset({"properties", "patternProperties", "additionalProperties", "required"})
_OPEN = frozenset({"additionalProperties", "patternProperties", "minProperties", "const", "enum"})

COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""How JSON is written: on one line, as models are used to, so that none loops in white space."""


class Validator(Protocol):
    """What of jsonschema-rs is used here."""

    def is_valid(self, instance: JSON) -> bool:
        """Whether it fits."""
        ...


class LeftOut(Struct, frozen=True):
    """A keyword that can't be enforced: where it stands as a JSON pointer (`#/properties/a/not`), and why."""

    pointer: str
    reason: str


class Enforceable(Struct, frozen=True):
    """What of a schema is enforced; `left_out` is empty where all of it is."""

    schema: JSON
    left_out: list[LeftOut] = []


class Unusable(Exception):
    """No schema at all, or one that nothing satisfies. `pointer` says where."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer = pointer


def enforceable(schema: JSON) -> Enforceable:
    """What of a schema can be enforced. Raises `Unusable`."""
    return _enforceable(msgspec.json.encode(schema))


def frame(schema: JSON) -> JSON:
    """The schema as a `%json` part of a grammar takes it."""
    return ({"allOf": [schema]} if not isinstance(schema, dict) else schema) | {"x-guidance": COMPACT}


@lru_cache(maxsize=256)
def _enforceable(encoded: bytes) -> Enforceable:
    schema = msgspec.json.decode(encoded)
    _check_shape(schema)
    left_out: list[LeftOut] = []
    for path, part in list(_parts(schema)):
        _strip(part, path, left_out)
    while (error := _error(schema)) is not None:
        left_out.append(_leave_out(schema, error))
    _check_productive(schema)
    bounded = msgspec.json.decode(msgspec.json.encode(schema))
    closable = not any(_combines(part) for _, part in _parts(bounded))
    for _, part in _parts(bounded):
        _bound_digits(part)
        if tighter := _TIGHTER.get(part.get("format", "")):
            part["allOf"] = [*part.get("allOf", ()), {"pattern": tighter}]
        if closable:
            _close(part)
    return Enforceable(schema if _error(bounded) is not None else bounded, left_out)


def valid(text: str, schema: JSON) -> bool:
    """Whether the text is JSON that fits the schema."""
    try:
        return validator(schema).is_valid(json.loads(text, parse_float=_number))
    except ValueError:
        return False


def _number(text: str) -> float:
    """The number, or the largest one: 1e999 is legal JSON."""
    found = float(text)
    return found if isfinite(found) else copysign(float_info.max, found)


def validator(schema: JSON) -> Validator:
    """A schema, ready to validate with. Raises `ValueError` for one that is none, or that leans on another document."""
    return _validator(msgspec.json.encode(schema))


@lru_cache(maxsize=256)
def _validator(encoded: bytes) -> Validator:
    import jsonschema_rs

    found: Validator = jsonschema_rs.validator_for(encoded.decode(), retriever=_no_other)
    return found


def _no_other(uri: str) -> JSON:
    """What a schema refers to stands in it: nothing is fetched because a request says so."""
    raise ValueError("it refers to another document")


def pointer(path: Path) -> str:
    """The path as the fragment of a JSON pointer."""
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _check_shape(schema: JSON) -> None:
    """Raises `Unusable` for what the meta-schema does not take, and for another than the known ones, which the
    validator would fetch from wherever the schema says."""
    import jsonschema_rs

    language = schema.get("$schema") if isinstance(schema, dict) else None
    if isinstance(language, str) and not _LANGUAGE.fullmatch(language):
        raise Unusable("#/$schema", "not a JSON Schema that is known here")
    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as fault:
        raise Unusable(pointer(tuple(fault.instance_path)), "not a valid JSON Schema") from None
    except (ValueError, jsonschema_rs.ReferencingError):
        raise Unusable("#/$schema", "not a JSON Schema that is known here") from None


def _parts(schema: JSON, path: Path = ()) -> Iterator[tuple[Path, dict[str, JSON]]]:
    """Each object that is a schema, the outer ones first."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key in _OF_NAMES:
        if isinstance(schema.get(key), dict):
            for name, inner in schema[key].items():
                yield from _parts(inner, (*path, key, name))
    for key in _OF_LISTS:
        if isinstance(schema.get(key), list):
            for number, inner in enumerate(schema[key]):
                yield from _parts(inner, (*path, key, number))
    for key in _OF_ONE:
        if isinstance(schema.get(key), dict):
            yield from _parts(schema[key], (*path, key))


def _strip(part: dict[str, JSON], path: Path, left_out: list[LeftOut]) -> None:
    """Take out what is known not to work, naming what would have constrained something."""
    part.pop("x-guidance", None)  # it would steer the engine itself
    for key in sorted(_UNENFORCED & part.keys()):
        value = part.pop(key)
        if not (key == "uniqueItems" and value is False):
            left_out.append(LeftOut(pointer((*path, key)), "this keyword can't be enforced"))
    form = part.get("format")
    if form in _AS_PATTERN:
        rule = {"pattern": _AS_PATTERN[form]}
        part.update({"allOf": [*part.get("allOf", []), rule]} if "pattern" in part else rule)
    if form is not None and form not in _FORMATS:
        del part["format"]
        if form in _UNENFORCED_FORMATS:
            left_out.append(LeftOut(pointer((*path, "format")), f"the format '{form}' can't be enforced"))


def _error(schema: JSON) -> str | None:
    """What llguidance says against a schema, without the place, which is always the whole."""
    from llguidance import LLMatcher

    said = LLMatcher.validate_grammar("%llguidance {}\nstart: %json " + msgspec.json.encode(frame(schema)).decode())
    if not said:
        return None
    reason = str(said).partition("compile JSON schema: ")[2] or str(said)
    return reason.partition("\n   1 | ")[0].strip().partition("\n  while processing")[0]


def _leave_out(schema: JSON, error: str) -> LeftOut:
    """Drop the keyword that an error comes from, in place. Raises `Unusable` where nothing could satisfy it."""
    if not isinstance(schema, dict):
        raise Unusable("#", "nothing satisfies it")
    path, part = _where(schema, error)
    if error.startswith("Unsatisfiable"):
        raise Unusable(pointer(path), "nothing satisfies it: " + error.partition(": ")[2].partition("\n")[0])
    key = _culprit(schema, part, error)
    if key == "oneOf":
        part["allOf"] = [*part.get("allOf", []), {"anyOf": part["oneOf"]}]
    part.pop(key, None)
    reason = "its cases overlap" if key == "oneOf" else error.splitlines()[-1].removeprefix("error: ")
    return LeftOut(pointer((*path, key)), reason)


def _where(schema: dict[str, JSON], error: str) -> tuple[Path, dict[str, JSON]]:
    """The innermost part that has the error by itself."""
    shared = {key: schema[key] for key in _SHARED if key in schema}
    found: tuple[Path, dict[str, JSON]] = ((), schema)
    for path, part in _parts(schema):
        if path[: len(found[0])] == found[0] and path and _error(shared | part) == error:
            found = path, part
    return found


def _culprit(schema: dict[str, JSON], part: dict[str, JSON], error: str) -> str:
    """The keyword of `part` without which the error is another one, or none."""
    for key in sorted(part, key=lambda key: (key in _WHOLE, key)):
        kept = dict(part)
        del part[key]
        changed = _error(part | {name: schema[name] for name in _SHARED if name in schema and name != key}) != error
        part.clear()
        part.update(kept)
        if changed:
            return key
    return next(iter(part))


def _check_productive(schema: JSON) -> None:
    """Raises `Unusable` for a schema that refers to itself and never ends."""
    from llguidance import LLMatcher

    matcher = LLMatcher(byte_tokens(), "%llguidance {}\nstart: %json " + msgspec.json.encode(frame(schema)).decode())
    if matcher.is_error() or (matcher.is_stopped() and not matcher.is_accepting()):
        raise Unusable("#", "nothing satisfies it")
    if not any(matcher.compute_logit_bias()[:256]):
        raise Unusable("#", "nothing satisfies it")


def _bound_digits(part: dict[str, JSON]) -> None:
    if part.get("type") != "integer" or part.keys() & {"enum", "const", "allOf", "anyOf", "oneOf", "$ref"}:
        return
    low = part.get("minimum", part.get("exclusiveMinimum"))
    high = part.get("maximum", part.get("exclusiveMaximum"))
    if high is None and (low is None or low < _DIGITS):
        part["maximum"] = _DIGITS
    if low is None and (high is None or high > -_DIGITS):
        part["minimum"] = -_DIGITS


def _combines(part: dict[str, JSON]) -> bool:
    """Whether several schemas speak of one object's members, so that none may be closed by itself."""
    return bool(part.keys() & _COMBINING) and bool(part.keys() & _MEMBERS or "allOf" in part)


def _close(part: dict[str, JSON]) -> None:
    """A weak model invents members where it may; an object that names its own, and says no more, has no others."""
    if part.get("properties") and not part.keys() & (_COMBINING | _OPEN):
        part["additionalProperties"] = False


@lru_cache(maxsize=1)
def byte_tokens() -> "LLTokenizer":
    """A tokenizer whose tokens are the 256 bytes: enough to read a text along a grammar."""
    from llguidance import LLTokenizer

    return LLTokenizer("byte")
