"""Openapi: a contract's OpenAPI 3.1 document, made of the schemas that the server itself uses.

Knows nothing of routing: the paths stand in `openapi.json`, and a contract's features choose among them.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

import antiphon
from antiphon.contract.contract import Contract, read_schema
from antiphon.core.events import AnyEvent
from antiphon.core.items import JSON, AnyItem, Known
from antiphon.core.ports import Conversation
from antiphon.core.request import AllowedTools, AnyTool, AnyToolChoice, CustomTool, FunctionTool, NamedChoice
from antiphon.core.response import Response

_COMPONENT = "#/components/schemas/{name}"


@cache
def document(contract: Contract) -> bytes:
    """The document of a contract, as JSON. Paths of features that the contract lacks are left out."""
    found: dict[str, Any] = msgspec.json.decode((files("antiphon.contract") / "openapi.json").read_bytes())
    found["info"]["version"] = antiphon.__version__
    found["servers"] = [{"url": contract.base}]
    found["paths"] = {
        path: entry
        for path, entry in found["paths"].items()
        if entry.pop("x-feature", None) in (None, *contract.features)
    }
    found["components"]["schemas"] |= _request(contract.schema) | _conversations() | _answer()
    return msgspec.json.encode(found)


def _request(schema: dict[str, JSON]) -> dict[str, JSON]:
    """The request schema and its definitions, each a component (`input.` before the latter's names)."""
    text = msgspec.json.encode(schema).replace(b'"#/$defs/', b'"#/components/schemas/input.')
    whole: dict[str, JSON] = msgspec.json.decode(text)
    del whole["$schema"]
    definitions = whole.pop("$defs")
    return {"CreateResponse": whole} | {f"input.{name}": entry for name, entry in definitions.items()}


def _conversations() -> dict[str, JSON]:
    """The bodies of the conversations endpoints (`conversations.` before their names)."""
    text = msgspec.json.encode(read_schema(["conversations.json"])["$defs"])
    text = text.replace(b'"#/$defs/item"', b'"#/components/schemas/input.item"')
    bodies: dict[str, JSON] = msgspec.json.decode(text.replace(b'"#/$defs/', b'"#/components/schemas/conversations.'))
    return {f"conversations.{name}": entry for name, entry in bodies.items()}


def _answer() -> dict[str, JSON]:
    """The schemas of what the server says, from the structs that say it."""
    kinds = [Response, AnyEvent, Known, FunctionTool, CustomTool, NamedChoice, AllowedTools, Conversation]
    (_, events, items, *_rest), components = msgspec.json.schema_components(
        kinds, schema_hook=_open_union, ref_template=_COMPONENT
    )
    return components | {"Event": events, "Item": items}


def _open_union(kind: type) -> dict[str, JSON]:
    """The schema of a union that msgspec cannot tell apart alone (its `schema_hook`)."""
    carried: dict[str, JSON] = {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}}
    members: dict[Any, list[JSON]] = {
        AnyItem: [_ref("Item"), carried],
        AnyTool: [_ref("FunctionTool"), _ref("CustomTool"), carried],
        AnyToolChoice: [_ref("NamedChoice"), _ref("AllowedTools"), {"enum": ["none", "auto", "required"]}],
    }
    return {"anyOf": members[kind]}


def _ref(name: str) -> dict[str, JSON]:
    return {"$ref": _COMPONENT.format(name=name)}
