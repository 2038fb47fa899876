"""Configuration: what `configuration_update` items set for the responses behind them (protocol §2.1).

Knows nothing of where the items come from, nor of what a model makes of a setting.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from antiphon.core.items import JSON, Item, Passed
from antiphon.core.request import Effort, Format, Request

KIND = "configuration_update"

SETTINGS = ("reasoning.effort", "text.format")
"""What an update may set, by the paths of the request's fields."""


class _Reasoning(Struct):
    effort: Effort | None = None


class _Text(Struct):
    format: Format | None = None


class _Update(Struct):
    """The item, as far as it asks for something; a null asks for nothing."""

    reasoning: _Reasoning | None = None
    text: _Text | None = None


def is_update(item: Item) -> bool:
    """Whether an item sets something, and says nothing that a model could read."""
    return type(item) is Passed and item.type == KIND


def configure(request: Request, items: Iterable[Item]) -> bool:
    """Have the settings count that stand in `items`, all that comes before the answer in its order: of each the
    latest, unless the request gives that one itself (`Request.settled`). Whether that changed the request.
    """
    found: dict[str, Any] = {}
    for item in items:
        if type(item) is Passed and item.type == KIND:
            with suppress(msgspec.ValidationError):  # kept before updates counted, when nobody looked at it
                found |= read(item.value)
    if not found:
        return False
    for path in request.settled:
        found.pop(path, None)
    effort, form = (found.get(path) for path in SETTINGS)
    before = request.reasoning, request.text
    if effort is not None:
        request.reasoning = replace(request.reasoning, effort=effort)
    if form is not None:
        request.text = replace(request.text, format=form)
    return (request.reasoning, request.text) != before


def read(value: JSON) -> dict[str, Any]:
    """What an update sets, by the paths in `SETTINGS`. Raises `msgspec.ValidationError` where it is none."""
    update = msgspec.convert(value, _Update)
    values = (update.reasoning and update.reasoning.effort, update.text and update.text.format)
    return {path: value for path, value in zip(SETTINGS, values, strict=True) if value is not None}
