"""Schemas: JSON Schemas put together of the files in `schemas/`, and the canonical one of a response.

Knows nothing of the contract that uses one.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from antiphon.contract.law import LawError
from antiphon.core.events import AnyEvent
from antiphon.core.items import JSON, AnyItem, Known
from antiphon.core.ports import Conversation
from antiphon.core.request import AllowedTools, AnyTool, AnyToolChoice, CustomTool, FunctionTool, NamedChoice
from antiphon.core.response import Response

_SHIPPED = files("antiphon.contract") / "schemas"
_DEFS = "#/$defs/{name}"


def read_schema(
    names: Iterable[str], overlay: Mapping[str, JSON] | None = None, folder: Path | None = None
) -> dict[str, Any]:
    """One schema of several files, those that are shipped or those in `folder`, and of what stands over them.

    Keys of a later one replace those before it; `properties` and `$defs` do so one by one. A property that is
    false is taken out. Raises `LawError` for a file that is not there, or is no JSON object.
    """
    schema: dict[str, Any] = {"$defs": {}, "properties": {}}
    for part in [*(_read(name, folder) for name in names), overlay or {}]:
        merged = {key: {**schema[key], **part.get(key, {})} for key in ("$defs", "properties")}
        schema = {**schema, **part, **merged}
    schema["properties"] = {name: entry for name, entry in schema["properties"].items() if entry is not False}
    return schema


def _read(name: str, folder: Path | None) -> dict[str, Any]:
    beside = folder / name if folder else None
    data: Any = None
    try:
        if (_SHIPPED / name).is_file():
            data = msgspec.json.decode((_SHIPPED / name).read_bytes())
        elif beside is not None and beside.is_file():
            data = msgspec.json.decode(beside.read_bytes())
    except msgspec.DecodeError as fault:
        raise LawError(name, "", f"this is not JSON: {fault}") from None
    if not isinstance(data, dict):
        where = f" (looked for beside those that are shipped, and in {folder})" if folder else ""
        raise LawError(name, "", f"there is no schema of that name{where}")
    return data


@cache
def said() -> dict[str, JSON]:
    """The definitions of what the server says, from the structs that say it (`Response`, `Event`, `Item` …)."""
    kinds = [Response, AnyEvent, Known, FunctionTool, CustomTool, NamedChoice, AllowedTools, Conversation]
    (_, events, items, *_rest), found = msgspec.json.schema_components(
        kinds, schema_hook=_open_union, ref_template=_DEFS
    )
    return found | {"Event": events, "Item": items}


def answer_schema(names: list[str], folder: Path | None = None) -> dict[str, JSON]:
    """The schema of a response: of the files, or the canonical one where there are none. Its `$defs` hold all of
    `said()` that the files do not define themselves."""
    if not names:
        return {"$ref": _DEFS.format(name="Response"), "$defs": said()}
    own: dict[str, JSON] = read_schema(names, folder=folder)
    response = {key: entry for key, entry in own.items() if key not in ("$defs", "$schema")}
    return {"$ref": _DEFS.format(name="Response"), "$defs": {**said(), **own["$defs"], "Response": response}}


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
    return {"$ref": _DEFS.format(name=name)}
