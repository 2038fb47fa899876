"""Own: a contract that somebody writes: one TOML file over the codecs there are, looked through before it is used.

Knows nothing of where the file was named, nor of what the contract is for.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from jsonschema_rs import Draft202012Validator, ValidationError
from msgspec.structs import fields

from antiphon.contract.codecs import ERRORS, HEADERS, ITEMS, REQUESTS, RESPONSES
from antiphon.contract.contract import DEFAULT, Contract, load, names, shipped
from antiphon.contract.law import Law, LawError, law_of, tables
from antiphon.contract.limits import LIMITS
from antiphon.core.events import event_kinds
from antiphon.core.items import JSON
from antiphon.core.request import Request
from antiphon.core.response import Response

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_BASE = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_TOLD = frozenset(field.encode_name for field in fields(Response))
_NOT_ASKED = {"ignored", "passed", "asked", "beyond", "compacts"}
_ASKED = frozenset(field.encode_name for field in fields(Request)) - _NOT_ASKED

Wrong = tuple[str, str]
"""A key, and what is wrong with it."""


def read_file(path: Path) -> Contract:
    """The contract that a file tells. Raises `LawError`, with the file and the key, for one that can't be used."""
    file = str(path)
    try:
        said = tables(path.read_text("utf-8"), file)
    except (OSError, UnicodeDecodeError) as fault:
        raise LawError(file, "", f"this can't be read: {fault}") from None
    like = said.pop("like", None)
    if like is not None:
        if like not in names():
            raise LawError(file, "like", f"there is no contract {like!r}; there are: {', '.join(names())}")
        said = shipped(like) | said
    law = law_of(said, file)
    for key, told in wrong(law):
        raise LawError(file, key, told)
    contract = Contract(law, path.parent)
    try:
        mistakes = [*wrong_schemas(contract)]
    except LawError as fault:
        raise LawError(file, "schemas", str(fault)) from None
    for key, told in mistakes:
        raise LawError(file, key, told)
    return contract


def read_files(paths: Iterable[Path]) -> list[Contract]:
    """The contracts that files tell. Raises `LawError` as `read_file` does, and where two are in each other's way."""
    taken = {name: load(name).base for name in names()} | {"": DEFAULT}
    found = []
    for path in paths:
        contract = read_file(path)
        if contract.name in taken:
            raise LawError(str(path), "name", f"there is a contract {contract.name!r} already")
        for base in taken.values():
            if f"{contract.base}/".startswith(f"{base}/") or f"{base}/".startswith(f"{contract.base}/"):
                raise LawError(str(path), "base", f"{contract.base!r} is taken: a contract stands at {base!r}")
        taken[contract.name] = contract.base
        found.append(contract)
    return found


def wrong(law: Law) -> Iterator[Wrong]:
    """What is wrong with a law itself."""
    if not _NAME.fullmatch(law.name):
        yield "name", f"{law.name!r} is no name: a small letter, then small letters, digits, - and _"
    if not _BASE.fullmatch(law.base):
        yield "base", f"{law.base!r} is no path: it begins with / and does not end with it"
    yield from _codecs(law)
    for index, move in enumerate(law.moves):
        if move.target.split(".")[0] not in _ASKED:
            yield f"moves[{index}].to", f"a request has no field {move.target.split('.')[0]!r}"
    yield from _values(law)
    for index, name in enumerate(law.keep):
        if name not in _TOLD:
            yield f"keep[{index}]", f"a response has no field {name!r}"
    known = event_kinds()
    for name in [*law.events.renamed, *law.events.dropped]:
        if name not in known:
            yield "events", f"there is no event {name!r}"


def _codecs(law: Law) -> Iterator[Wrong]:
    chosen = law.codecs
    named: list[tuple[str, Iterable[str], Iterable[str]]] = [
        ("error", [chosen.error], ERRORS),
        ("request", chosen.request, REQUESTS),
        ("response", chosen.response, RESPONSES),
        ("items", chosen.items, ITEMS),
        ("headers", chosen.headers, HEADERS),
        ("limits", [chosen.limits], LIMITS),
    ]
    for key, chosen_names, there in named:
        for name in chosen_names:
            if name not in there:
                yield f"codecs.{key}", f"there is no codec {name!r}; there are: {', '.join(sorted(there))}"


def _values(law: Law) -> Iterator[Wrong]:
    """Defaults and forced values of fields that a request does not have, or can't hold."""
    for table, given in (("defaults", law.defaults), ("forced", law.forced)):
        for path, value in given.items():
            if path.split(".")[0] not in _ASKED:
                yield f"{table}.{path}", "a request has no such field"
            elif "." not in path:
                yield from _held(table, path, value)


def _held(table: str, name: str, value: JSON) -> Iterator[Wrong]:
    try:
        msgspec.convert({"model": "m", name: value}, Request, dec_hook=lambda _, held: held)
    except msgspec.ValidationError as fault:
        yield f"{table}.{name}", str(fault).partition(" - at ")[0]


def wrong_schemas(contract: Contract) -> Iterator[Wrong]:
    """What is wrong with the schemas of a contract, and with what its law says of their fields."""
    law = contract.law
    for key, one in (("schema", contract.schema), ("answer", contract.answer)):
        try:
            Draft202012Validator(one)
        except (ValidationError, ValueError) as fault:
            yield key, str(fault).partition("\n")[0]
    spoken_of = {path.split(".")[0] for path in [*law.refused, *(move.source for move in law.moves)]}
    for name in sorted(contract.schema["properties"].keys() - _ASKED - spoken_of):
        yield f"schema.properties.{name}", "a request has no such field: move it to one, refuse it, or leave it out"
