"""Conversations: the bodies of the conversations endpoints, read (protocol §1, rows 9, 11 and 13).

Knows nothing of where a conversation is kept. Their form is the same under every contract.
"""

from functools import cache

from jsonschema_rs import Draft202012Validator
from msgspec import Struct

from antiphon.contract.decode import parse, read_item
from antiphon.contract.faults import refused
from antiphon.contract.kinds import inward
from antiphon.contract.schemas import read_schema
from antiphon.core.items import JSON, Item


class Body(Struct, frozen=True):
    """What a body says: the items in order, and the metadata."""

    items: list[Item]
    metadata: JSON


def create(body: bytes) -> Body:
    """The body of `POST /conversations`, which may be empty. Raises `Problem` 400."""
    return _read("create", body or b"{}")


def update(body: bytes) -> Body:
    """The body of `POST /conversations/{id}`: metadata. Raises `Problem` 400."""
    return _read("update", body)


def add(body: bytes) -> Body:
    """The body of `POST /conversations/{id}/items`: 1 to 20 items. Raises `Problem` 400."""
    return _read("add", body)


def _read(kind: str, body: bytes) -> Body:
    value = parse(body)
    schema, validator = _compiled(kind)
    if not validator.is_valid(value):
        raise refused(validator, value, schema)
    given = value.get("items") or []
    for item in given:
        if isinstance(item.get("type"), str):
            item["type"] = inward(item["type"])
    items = [read_item(item, f"items[{index}]") for index, item in enumerate(given)]
    return Body(items, value.get("metadata") or {})


@cache
def _compiled(kind: str) -> tuple[dict[str, JSON], Draft202012Validator]:
    schema = read_schema(["items.json", "fields.json", "conversations.json"])
    schema["$ref"] = f"#/$defs/{kind}"
    return schema, Draft202012Validator(schema, mask="a value")
