"""Inputs: what services take in another way than the canonical request (contracts §B).

Knows nothing of which service that is. Each step changes one legal body, in place.
"""

from typing import Any

import msgspec

from antiphon.contract.fields import Asking
from antiphon.contract.kinds import inward, known
from antiphon.core.items import JSON


def text_parts(asking: Asking) -> None:
    """Messages of texts, and nothing else: thought that stands in one is read as its text (row 28)."""
    for item in _items(asking):
        content = item.get("content")
        if item.get("type") in (None, "message") and isinstance(content, list):
            kind = "output_text" if item["role"] == "assistant" else "input_text"
            item["content"] = [{"type": kind, "text": part["text"]} for part in content]


def native_kinds(asking: Asking) -> None:
    """Items and tools under OpenAI's slug are the native ones (row 43); what an example of Open Responses has as the
    text of a thought is its content (contracts §C)."""
    choice = asking.body.get("tool_choice")
    allowed = choice.get("tools") if isinstance(choice, dict) else None
    for one in [*_items(asking), *(asking.body.get("tools") or ()), *(allowed or ())]:
        if isinstance(one.get("type"), str):
            one["type"] = inward(one["type"])
        if one.get("type") == "reasoning" and one.get("content"):
            one["content"] = [{"type": "reasoning_text", "text": part["text"]} for part in one["content"]]


def any_metadata(asking: Asking) -> None:
    """Metadata of any JSON: kept as they are, and as text in the canonical form (row 38)."""
    metadata = asking.body.get("metadata")
    if metadata and not all(isinstance(value, str) for value in metadata.values()):
        asking.kept["metadata"] = metadata
        asking.body["metadata"] = {key: _text(value) for key, value in metadata.items()}


def unset_sampling(asking: Asking) -> None:
    """Remember that no temperature, or no `top_p`, was given: it is told back as null (row 13)."""
    for name in ("temperature", "top_p"):
        if asking.body.get(name) is None:
            asking.kept[name] = None


def any_tools(asking: Asking) -> None:
    """Tools of any object (row 18): of a kind that nobody knows is nothing to be called, and named; what does not
    say its kind is no tool at all."""
    tools = asking.body.get("tools") or []
    asking.ignored += [f"tools[{index}]" for index, tool in enumerate(tools) if not known(tool.get("type"))]
    if tools:
        asking.body["tools"] = [tool for tool in tools if isinstance(tool.get("type"), str)]


def _items(asking: Asking) -> list[dict[str, Any]]:
    given = asking.body.get("input")
    return given if isinstance(given, list) else []


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
