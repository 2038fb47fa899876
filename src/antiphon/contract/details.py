"""Details: faults as FastAPI lists them, in the kinds and words of pydantic 2 (contracts §B row 1).

Knows nothing of status or headers. What was sent is told back only where it is short.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from antiphon.contract.faults import LONGEST_SHOWN, Fault, Refused, shown
from antiphon.core.items import JSON
from antiphon.core.problems import Problem


class Detail(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `detail`. `loc` is where: `["body", "input", 2, "content"]`."""

    type: str
    loc: list[str | int]
    msg: str
    input: JSON | UnsetType = UNSET
    ctx: dict[str, JSON] | UnsetType = UNSET


def details(problem: Problem) -> list[Detail]:
    """The faults of a request that a problem tells; empty where it is not about what was sent."""
    if isinstance(problem, Refused):
        return [entry for fault in problem.faults for entry in _entries(fault)]
    if problem.status != 400:
        return []
    if problem.code == "invalid_json":
        error = problem.message.partition(": ")[2]
        return [Detail(type="json_invalid", loc=["body"], msg="JSON decode error", input={}, ctx={"error": error})]
    if problem.param is None:
        return []
    loc: list[str | int] = [problem.place, *_steps(problem.param)]
    return [Detail(type="value_error", loc=loc, msg=f"Value error, {problem.message}", ctx={"code": problem.code})]


def _steps(param: str) -> Iterator[str | int]:
    """The path that the error object's `param` writes as text."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", param):
        yield name or int(index)


def _entries(fault: Fault) -> Iterator[Detail]:
    tell = _TOLD.get(fault.keyword, _value)
    for kind, msg, ctx in tell(fault):
        given = UNSET if fault.keyword == "required" else masked(fault.given)
        yield Detail(type=kind, loc=["body", *map(_step, fault.path)], msg=msg, input=given, ctx=ctx or UNSET)


def _step(step: str | int) -> str | int:
    """A step of a path; of a key that is long, its beginning."""
    return step if isinstance(step, int) or len(step) <= LONGEST_SHOWN else step[:8] + "…"


def masked(given: JSON) -> JSON:
    """A value as it may be told back: as it is where it is short, else what kind of thing it was."""
    if isinstance(given, str):
        return given if len(given) <= LONGEST_SHOWN else shown(given)
    return given if len(msgspec.json.encode(given)) <= LONGEST_SHOWN else shown(given)


Told = tuple[str, str, dict[str, JSON]]
"""A kind, a message, and what the kind says of the bound that was not met."""

_TYPES: dict[str, tuple[str, str]] = {
    "string": ("string_type", "Input should be a valid string"),
    "integer": ("int_type", "Input should be a valid integer"),
    "number": ("float_type", "Input should be a valid number"),
    "boolean": ("bool_type", "Input should be a valid boolean"),
    "array": ("list_type", "Input should be a valid list"),
    "object": ("dict_type", "Input should be a valid dictionary"),
}


def _required(fault: Fault) -> list[Told]:
    return [("missing", "Field required", {})]


def _type(fault: Fault) -> list[Told]:
    """One entry for each type that would do, as pydantic tells a union."""
    if isinstance(fault.given, float) and "integer" in fault.limit:
        told = "Input should be a valid integer, got a number with a fractional part"
        return [("int_from_float", told, {})]
    return [(*_TYPES[name], {}) for name in fault.limit if name in _TYPES]


def _enum(fault: Fault) -> list[Told]:
    names = [f"'{option}'" for option in fault.limit if option is not None]
    expected = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return [("literal_error", f"Input should be {expected}", {"expected": expected})]


def _at_least(fault: Fault) -> list[Told]:
    return [("greater_than_equal", f"Input should be greater than or equal to {fault.limit}", {"ge": fault.limit})]


def _at_most(fault: Fault) -> list[Told]:
    return [("less_than_equal", f"Input should be less than or equal to {fault.limit}", {"le": fault.limit})]


def _string_too_long(fault: Fault) -> list[Told]:
    told = f"String should have at most {_count(fault.limit, 'character')}"
    return [("string_too_long", told, {"max_length": fault.limit})]


def _string_too_short(fault: Fault) -> list[Told]:
    told = f"String should have at least {_count(fault.limit, 'character')}"
    return [("string_too_short", told, {"min_length": fault.limit})]


def _too_long(fault: Fault) -> list[Told]:
    kind, length = _collection(fault)
    told = f"{kind} should have at most {_count(fault.limit, 'item')} after validation, not {length}"
    return [("too_long", told, {"field_type": kind, "max_length": fault.limit, "actual_length": length})]


def _too_short(fault: Fault) -> list[Told]:
    kind, length = _collection(fault)
    told = f"{kind} should have at least {_count(fault.limit, 'item')} after validation, not {length}"
    return [("too_short", told, {"field_type": kind, "min_length": fault.limit, "actual_length": length})]


def _pattern(fault: Fault) -> list[Told]:
    told = f"String should match pattern '{fault.limit}'"
    return [("string_pattern_mismatch", told, {"pattern": fault.limit})]


def _value(fault: Fault) -> list[Told]:
    return [("value_error", f"Value error, {fault.message}", {"code": fault.code})]


def _collection(fault: Fault) -> tuple[str, int]:
    return "Dictionary" if isinstance(fault.given, dict) else "List", len(fault.given)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


_TOLD: dict[str, Callable[[Fault], list[Told]]] = {
    "required": _required,
    "type": _type,
    "enum": _enum,
    "minimum": _at_least,
    "maximum": _at_most,
    "maxLength": _string_too_long,
    "minLength": _string_too_short,
    "maxItems": _too_long,
    "minItems": _too_short,
    "maxProperties": _too_long,
    "pattern": _pattern,
}

DETAIL_SCHEMA: dict[str, Any] = {
    "title": "HTTPValidationError",
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "type": "array",
            "minItems": 1,
            "items": {
                "title": "ValidationError",
                "type": "object",
                "required": ["loc", "msg", "type"],
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                    "ctx": {"type": "object"},
                },
            },
        }
    },
}
