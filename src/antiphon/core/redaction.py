"""Redaction: the secrets that tools carry for servers of others, taken out of what is echoed and kept (protocol §2.3).

Knows nothing of who uses a secret: whoever asks a model or a tool has the request as it came.
"""

from collections.abc import Sequence
from typing import Any

from antiphon.core.items import JSON, Item, Passed
from antiphon.core.request import PassedTool, Tool

REDACTED = "<redacted>"

_BRING_TOOLS = frozenset({"additional_tools", "tool_search_output"})
_PLACES = ("container", "environment")
"""Where a tool has a network policy, which may hold secrets for domains."""


def redacted_tools(tools: list[Tool]) -> list[Tool]:
    """The tools without their secrets; the same list where there are none."""
    return _each(tools, _tool)


def redacted_items(items: list[Item]) -> list[Item]:
    """The items without the secrets of the tools that they bring; the same list where there are none."""
    return _each(items, _item)


def secret_places(values: Sequence[Tool] | Sequence[Item]) -> list[int]:
    """Where among tools or items one stands that has secrets."""
    return [place for place, value in enumerate(values) if _one(value) is not value]


def _one(value: Tool | Item) -> Tool | Item:
    return _item(value) if isinstance(value, Passed) else _tool(value) if isinstance(value, PassedTool) else value


def _each(values: list[Any], redact: Any) -> list[Any]:
    found = [redact(value) for value in values]
    return values if all(one is value for one, value in zip(found, values, strict=True)) else found


def _tool(tool: Tool) -> Tool:
    if not isinstance(tool, PassedTool):
        return tool
    value = _bare(tool.value)
    return tool if value is tool.value else PassedTool(value)


def _item(item: Item) -> Item:
    if not (isinstance(item, Passed) and item.type in _BRING_TOOLS):
        return item
    value = _within(item.value)
    return item if value is item.value else Passed(value)


def _bare(tool: JSON) -> JSON:
    """A tool's JSON without its secrets; the same object where it has none."""
    if not isinstance(tool, dict) or tool.get("type") in ("function", "custom"):
        return tool  # their schemas may well name a field `headers`
    changed: dict[str, JSON] = {}
    if tool.get("authorization") is not None:
        changed["authorization"] = REDACTED
    if tool.get("headers"):
        changed["headers"] = _masked(tool["headers"])
    for name in _PLACES:
        place = tool.get(name)
        if isinstance(place, dict) and isinstance(policy := place.get("network_policy"), dict):
            secrets = policy.get("domain_secrets")
            if secrets:
                changed[name] = place | {"network_policy": policy | {"domain_secrets": _masked_values(secrets)}}
    tool = _within(tool)
    return tool | changed if changed else tool


def _within(value: dict[str, JSON]) -> dict[str, JSON]:
    """What has tools of its own, with those bare."""
    tools = value.get("tools")
    if not isinstance(tools, list):
        return value
    bare = _each(tools, _bare)
    return value if bare is tools else value | {"tools": bare}


def _masked(headers: JSON) -> JSON:
    return dict.fromkeys(headers, REDACTED) if isinstance(headers, dict) else REDACTED


def _masked_values(secrets: JSON) -> JSON:
    if not isinstance(secrets, list):
        return REDACTED
    return [one | {"value": REDACTED} if isinstance(one, dict) else REDACTED for one in secrets]
