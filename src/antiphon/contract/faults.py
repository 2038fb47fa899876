"""Faults: what a schema finds wrong with a request, told in OpenAI's words (protocol §6).

Knows nothing of the contract's error shape. A message never carries more of what was sent than
a short value of an enumerated field, a number, or a length.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError
from msgspec import Struct
from msgspec.structs import replace

from antiphon.contract.law import Words
from antiphon.core.items import JSON
from antiphon.core.problems import Problem

MOST_FAULTS = 32
"""A request that is wrong in more places than this is told of the first ones."""

FEW = 10_000
"""A request that has more members than this is told of its first fault alone."""

LONGEST_SHOWN = 64
"""Characters of a value, or of a key in a path, that are shown; what is longer is masked."""

Path = tuple[str | int, ...]


class Fault(Struct, frozen=True, kw_only=True):
    """One fault.

    keyword
        the JSON Schema keyword that was not met (`type`, `maximum` …).
    limit
        what the keyword demands: a number, the allowed values, the type names.
    given
        the offending value, unmasked: it must not be told as it is.
    """

    path: Path
    code: str
    message: str
    keyword: str
    limit: JSON = None
    given: JSON = None


class Refused(Problem):
    """A 400 with every fault that was found; as a `Problem` it tells the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        super().__init__(400, first.code, first.message, param=param(first.path) or None)
        self.given = first.given
        self.faults = tuple(faults)


def refused(validator: Draft202012Validator, value: JSON, schema: dict[str, JSON]) -> Refused:
    """The refusal for what a validator of `schema` finds: outermost faults first, one a path. `value` must not be
    valid."""
    faults: dict[Path, Fault] = {}
    for error in _errors(validator, value):
        found = fault(error, schema)
        known = faults.get(found.path)
        if known is None or found.code in FIRST_OF_A_PATH:
            faults[found.path] = found
    return Refused(sorted(faults.values(), key=lambda each: len(each.path)))


def _errors(validator: Draft202012Validator, value: JSON) -> list[ValidationError]:
    """What is wrong: of a large value the first thing alone, since a validator that looks for all of them finds as
    many as a body has bytes, and takes minutes."""
    if _has_few(value):
        return list(islice(validator.iter_errors(value), MOST_FAULTS))
    try:
        validator.validate(value)
    except ValidationError as error:
        return [error]
    raise AssertionError("what is refused has a fault")


def _has_few(value: JSON) -> bool:
    """Whether there are at most `FEW` members in a value, however deep."""
    count, open_places = 0, [value]
    while open_places:
        place = open_places.pop()
        members = place.values() if type(place) is dict else place if type(place) is list else ()
        count += len(members)
        if count > FEW:
            return False
        open_places.extend(members)
    return True


def reworded(refusal: Refused, words: Sequence[Words]) -> Refused:
    """The refusal in a service's own words, where it has some for a fault."""
    return Refused([_reworded(fault, words) for fault in refusal.faults]) if words else refusal


def _reworded(fault: Fault, words: Sequence[Words]) -> Fault:
    at = param(fault.path)
    spot = _INDEX.sub("[]", at)
    for one in words:
        if one.instead_of == fault.code and one.path in (None, spot):
            message = fault.message if one.message is None else one.message.replace("{param}", at)
            return replace(fault, code=one.code, message=message)
    return fault


_INDEX = re.compile(r"\[\d+\]")


def fault(error: ValidationError, schema: dict[str, JSON]) -> Fault:
    """One fault from one error of a validator of `schema`."""
    kind = error.kind
    path: Path = tuple(error.instance_path)
    if kind.name == "required":
        return missing((*path, kind.value))
    if kind.name == "additionalProperties":
        return unknown((*path, kind.value[0]))
    if kind.name == "type" and error.instance is None and _is_property(error.evaluation_path):
        return replace(missing(path), keyword=kind.name, limit=kind.value)
    tell = _TELL.get(kind.name, _unmet)
    code, message = tell(param(path), kind.value, error.instance, _declared(error.schema_path, schema))
    return Fault(path=path, code=code, message=message, keyword=kind.name, limit=kind.value, given=error.instance)


FIRST_OF_A_PATH = frozenset({"invalid_type", "missing_required_parameter"})
"""Codes that tell more than whatever else is wrong with the same value."""


def param(path: Iterable[str | int]) -> str:
    """A path as the error object's `param` writes it: `input[2].content[0].type`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if len(step) <= LONGEST_SHOWN else step[:8] + "…"
            text += f".{key}" if text else key
    return text


def shown(value: JSON) -> str:
    """A value as a message may tell it: in quotes if text, masked if long."""
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= LONGEST_SHOWN else f"a string of {len(value)} characters"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        text = str(value)
        return text if len(text) <= LONGEST_SHOWN else f"a number of {len(text)} digits"
    return _a(value)


def missing(path: Path) -> Fault:
    """The fault of a value that has to be there."""
    message = f"Missing required parameter: '{param(path)}'."
    return Fault(path=path, code="missing_required_parameter", message=message, keyword="required")


def unknown(path: Path) -> Fault:
    """The fault of a value that means nothing there."""
    message = f"Unknown parameter: '{param(path)}'."
    return Fault(path=path, code="unknown_parameter", message=message, keyword="additionalProperties")


def too_short(path: Path, limit: int, given: JSON) -> Fault:
    """The fault of a string or an array that has fewer than `limit` characters or elements."""
    code, message = _too_short(param(path), limit, given, frozenset())
    keyword = "minItems" if isinstance(given, list) else "minLength"
    return Fault(path=path, code=code, message=message, keyword=keyword, limit=limit, given=given)


def _is_property(evaluation_path: Sequence[str | int]) -> bool:
    """Whether the value is one that the schema names, rather than a free key or an element."""
    steps = [step for step in evaluation_path if step != "$ref"]
    return len(steps) >= 3 and steps[-3] == "properties"


def _declared(schema_path: Sequence[str | int], schema: dict[str, JSON]) -> frozenset[str]:
    """The types that the schema declares where a keyword stands."""
    place: Any = schema
    for step in schema_path[:-1]:
        place = place[int(step) if isinstance(place, list) else step]
    kinds = place.get("type", []) if isinstance(place, dict) else []
    return frozenset([kinds] if isinstance(kinds, str) else kinds)


_ARTICLE = {
    "string": "a string",
    "integer": "an integer",
    "number": "a decimal",
    "object": "an object",
    "array": "an array",
    "boolean": "a boolean",
    "null": "null",
}


def _a(value: JSON) -> str:
    """What kind of JSON a value is, with its article."""
    if value is None:
        return "null"
    for kind, name in ((bool, "boolean"), (int, "integer"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return _ARTICLE[name]
    return _ARTICLE["number"]


Told = tuple[str, str]
"""A code and a message."""


def _type(at: str, types: list[str], given: JSON, declared: frozenset[str]) -> Told:
    wanted = " or ".join(_ARTICLE[name] for name in types if name != "null")
    where = f"'{at}'" if at else "the request body"
    return ("invalid_type", f"Invalid type for {where}: expected {wanted}, but got {_a(given)} instead.")


def _enum(at: str, options: list[JSON], given: JSON, declared: frozenset[str]) -> Told:
    names = [f"'{option}'" for option in options if option is not None]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, and {names[-1]}"
    if len(names) == 2:
        listed = " and ".join(names)
    return ("invalid_value", f"Invalid value: {shown(given)}. Supported values are: {listed}.")


def _bound(side: str, sign: str) -> Callable[[str, JSON, JSON, frozenset[str]], Told]:
    short = "min" if side == "minimum" else "max"
    word = "below" if side == "minimum" else "above"

    def tell(at: str, limit: JSON, given: JSON, declared: frozenset[str]) -> Told:
        kind = "integer" if "integer" in declared or not declared else "decimal"
        wanted = f"Expected a value {sign} {shown(limit)}, but got {shown(given)} instead."
        return f"{kind}_{word}_{short}_value", f"Invalid '{at}': {kind} {word} {side} value. {wanted}"

    return tell


def _too_long(at: str, limit: int, given: JSON, declared: frozenset[str]) -> Told:
    kind, article = ("array", "an") if isinstance(given, list) else ("string", "a")
    wanted = f"Expected {article} {kind} with maximum length {limit}, but got {article} {kind} with length {len(given)}"
    return f"{kind}_above_max_length", f"Invalid '{at}': {kind} too long. {wanted} instead."


def _too_short(at: str, limit: int, given: JSON, declared: frozenset[str]) -> Told:
    kind, article = ("array", "an") if isinstance(given, list) else ("string", "a")
    wanted = f"Expected {article} {kind} with minimum length {limit}, but got"
    if not given:
        return (f"empty_{kind}", f"Invalid '{at}': empty {kind}. {wanted} an empty {kind} instead.")
    return (
        f"{kind}_below_min_length",
        f"Invalid '{at}': {kind} too short. {wanted} {article} {kind} with length {len(given)} instead.",
    )


def _too_many(at: str, limit: int, given: JSON, declared: frozenset[str]) -> Told:
    wanted = f"Expected an object with at most {limit} properties, but got an object with {len(given)} properties"
    return "object_above_max_properties", f"Invalid '{at}': too many properties. {wanted} instead."


def _pattern(at: str, pattern: str, given: JSON, declared: frozenset[str]) -> Told:
    return (
        "invalid_value",
        f"Invalid '{at}': string does not match pattern. Expected a string that matches the pattern '{pattern}'.",
    )


def _key(at: str, error: ValidationError, given: JSON, declared: frozenset[str]) -> Told:
    if error.kind.name == "maxLength":
        return ("string_above_max_length", f"Invalid '{at}': a key is longer than {error.kind.value} characters.")
    return "invalid_value", f"Invalid '{at}': a key is not allowed."


def _unmet(at: str, limit: JSON, given: JSON, declared: frozenset[str]) -> Told:
    return ("invalid_value", f"Invalid value for '{at}'." if at else "Invalid request body.")


_TELL: dict[str, Callable[[str, Any, JSON, frozenset[str]], Told]] = {
    "type": _type,
    "enum": _enum,
    "minimum": _bound("minimum", ">="),
    "maximum": _bound("maximum", "<="),
    "maxLength": _too_long,
    "maxItems": _too_long,
    "minLength": _too_short,
    "minItems": _too_short,
    "maxProperties": _too_many,
    "pattern": _pattern,
    "propertyNames": _key,
}
