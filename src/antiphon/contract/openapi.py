"""Openapi: a contract's OpenAPI 3.1 document, made of the schemas that the server itself uses.

Knows nothing of routing: the paths stand in `openapi.json`, and a contract's features choose among them.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

import antiphon
from antiphon.contract.administration import Buckets, KeyObject, ProjectObject, RateLimitObject
from antiphon.contract.chat_answer import ChatCompletion
from antiphon.contract.chat_chunks import ChatChunk
from antiphon.contract.contract import DEFAULT, Contract
from antiphon.contract.errors import SCHEMAS
from antiphon.contract.schemas import read_schema
from antiphon.core.items import JSON
from antiphon.core.problems import Problem

_COMPONENTS = b'"#/components/schemas/'


@cache
def document(contract: Contract, base: str) -> bytes:
    """The document of a contract below a base, as JSON. Paths of features that the contract lacks are left out, and
    those of the administration where it does not stand."""
    found: dict[str, Any] = msgspec.json.decode((files("antiphon.contract") / "openapi.json").read_bytes())
    further = msgspec.json.decode((files("antiphon.contract") / "openapi.administration.json").read_bytes())
    if base == DEFAULT:
        found["paths"] |= further["paths"]
    found["info"]["version"] = antiphon.__version__
    found["servers"] = [{"url": base}]
    found["paths"] = {
        path: {method: told for method, told in entry.items() if _offered(told, contract)}
        for path, entry in found["paths"].items()
        if _offered(entry, contract)
    }
    for entry in found["paths"].values():
        for operation in entry.values():
            if isinstance(operation, dict):
                _keyed(operation)
                _refusals(operation["responses"], contract)
    bodies = _bodies("conversations") | _bodies("administration")
    answers = (
        _answer(contract.answer) | further["schemas"] | _told_by(ProjectObject, KeyObject, RateLimitObject, Buckets)
    )
    if "chat" in contract.features:
        bodies |= _request("CreateChatCompletion", contract.chat_schema)
        answers |= _told_by(ChatCompletion, ChatChunk)
    found["components"]["schemas"] |= _request("CreateResponse", contract.schema) | bodies | answers
    found["components"]["schemas"]["Error"] = SCHEMAS[contract.law.codecs.error]
    return msgspec.json.encode(found)


def _offered(told: Any, contract: Contract) -> bool:
    """Whether the contract has the feature that a path or an operation is of, which is ours to know."""
    return not isinstance(told, dict) or told.pop("x-feature", None) in (None, *contract.features)


def _keyed(operation: dict[str, Any]) -> None:
    """Tell what may be answered wherever a key is looked at."""
    if operation.get("security") != []:
        for status in ("401", "403", "429"):
            operation["responses"].setdefault(status, {"$ref": "#/components/responses/Refusal"})


def _refusals(answers: dict[str, Any], contract: Contract) -> None:
    """Tell refusals with the statuses and kinds of body that they have in this contract."""
    for status in [status for status, answer in answers.items() if answer.get("$ref", "").endswith("/Refusal")]:
        told = contract.error(Problem(int(status), None, "", param="input"))
        if not dict(told.headers)[b"content-type"].startswith(b"application/json"):
            plain = {"text/plain": {"schema": {"type": "string"}}}
            answers[status] = {"description": "A fault of the server's own.", "content": plain}
        elif told.status != int(status):
            answers[str(told.status)] = answers[status]


def _request(name: str, schema: dict[str, JSON]) -> dict[str, JSON]:
    """A request schema and its definitions, each a component (`input.` before the latter's names)."""
    text = msgspec.json.encode(schema).replace(b'"#/$defs/', _COMPONENTS + b"input.")
    whole: dict[str, JSON] = msgspec.json.decode(text)
    whole.pop("$schema", None)
    definitions = whole.pop("$defs")
    return {name: whole} | {f"input.{one}": entry for one, entry in definitions.items()}


def _bodies(kind: str) -> dict[str, JSON]:
    """The bodies of one kind of endpoints (the kind before their names)."""
    text = msgspec.json.encode(read_schema([f"{kind}.json"])["$defs"])
    text = text.replace(b'"#/$defs/item"', _COMPONENTS + b'input.item"')
    bodies: dict[str, JSON] = msgspec.json.decode(text.replace(b'"#/$defs/', _COMPONENTS + f"{kind}.".encode()))
    return {f"{kind}.{name}": entry for name, entry in bodies.items()}


def _told_by(*kinds: type) -> dict[str, JSON]:
    """The schemas of structs that are told, and of those inside, each a component."""
    template = _COMPONENTS[1:].decode() + "{name}"
    _, found = msgspec.json.schema_components(kinds, ref_template=template)
    return found


def _answer(schema: dict[str, JSON]) -> dict[str, JSON]:
    """The definitions of what the server says, each a component."""
    found: dict[str, JSON] = msgspec.json.decode(
        msgspec.json.encode(schema["$defs"]).replace(b'"#/$defs/', _COMPONENTS)
    )
    return found
