"""Prompts: the bodies of `/prompts`, read by the law of the contract through which they come.

Knows nothing of where a prompt is kept, nor of how it is filled in (`core.templates`).
"""

from typing import Any

import msgspec
from msgspec import Struct

from antiphon.contract.contract import Contract
from antiphon.contract.decode import parse
from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.core.redaction import secret_places
from antiphon.core.templates import FIELDS, Template, variables

LONGEST_NAME = 256


class Draft(Struct, frozen=True):
    """What a body says: the prompt's name, and its fields of a create request as they were given."""

    name: str | None
    fields: dict[str, JSON]


def read(body: bytes, contract: Contract, model: str) -> Draft:
    """The draft of a version; `model` stands in where it names none. Raises `Problem` 400, as for a create request."""
    value = parse(body)
    if not isinstance(value, dict):
        raise Problem(400, "invalid_type", "Invalid type for the body: it is an object.")
    value = {key: entry for key, entry in value.items() if entry is not None}
    name = value.pop("name", None)
    if name is not None and not (isinstance(name, str) and 1 <= len(name) <= LONGEST_NAME):
        message = f"Invalid value for 'name': a text of 1 to {LONGEST_NAME} characters."
        raise Problem(400, "invalid_value", message, param="name")
    for key in value:
        if key not in FIELDS:
            raise Problem(400, "unknown_parameter", f"Unknown parameter: '{key[:64]}'.", param=key[:64])
    if not value:
        raise Problem(400, "missing_required_parameter", "Missing required parameter: 'input'.", param="input")
    fields = msgspec.json.decode(msgspec.json.encode(value))  # the contract uses up what it reads
    whole: dict[str, Any] = {"model": model, **value}
    whole["input"] = value.get("input") or "x"
    request = contract.take(whole)
    if secret_places(request.tools):
        message = "A prompt is kept as it is, so that its tools must carry no secrets. Give them with the request."
        raise Problem(400, "invalid_value", message, param="tools")
    return Draft(name, fields)


def told(template: Template) -> dict[str, JSON]:
    """A version as it is told, the same under every contract."""
    return {
        "id": template.id,
        "object": "prompt",
        "version": str(template.version),
        "created_at": template.created_at,
        "name": template.name,
        "variables": variables(template.fields),
        **template.fields,
    }
