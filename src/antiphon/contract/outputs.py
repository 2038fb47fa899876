"""Outputs: what of an item services tell in another way than the canonical form (contracts §B).

Knows nothing of which service that is. Each step changes the JSON of one item, in place.
"""

from collections.abc import Callable
from typing import Any

from antiphon.contract.kinds import outward
from antiphon.core import events as e
from antiphon.core.items import JSON

Told = dict[str, Any]
ItemStep = Callable[[Told], None]


def two_statuses(item: Told) -> None:
    """No status for an item that is neither completed nor in progress (row 29)."""
    if item.get("status") not in (None, "completed", "in_progress"):
        del item["status"]


def reasoning_content(item: Told) -> None:
    """A thought has its content, be it empty (row 30)."""
    if item["type"] == "reasoning":
        item.setdefault("content", [])


def refusal_as_text(item: Told) -> None:
    """The model's words for why it will not answer are its text, where a service knows no other part (row 28)."""
    if item["type"] == "message":
        item["content"] = [_text_of(part) for part in item["content"]]


def _text_of(part: Told) -> Told:
    if part["type"] != "refusal":
        return part
    return {"type": "output_text", "text": part["refusal"], "annotations": [], "logprobs": []}


def own_kinds(item: Told) -> None:
    """Kinds that Open Responses does not have under their slug, and only its citations (rows 43, 57)."""
    item["type"] = outward(item["type"])
    if item["type"] == "function_call" and item.get("status") == "failed":
        item["status"] = "incomplete"
    if item["type"] == "message":
        for part in item["content"]:
            _own_citations(part)


def _own_citations(part: Told) -> None:
    if "annotations" in part:
        part["annotations"] = [one for one in part["annotations"] if _is_own(one)]


def _is_own(annotation: JSON) -> bool:
    """Whether an annotation is of the one kind that Open Responses has."""
    return isinstance(annotation, dict) and annotation.get("type") == "url_citation"


def _part_as_text(event: Told) -> bool:
    event["part"] = _text_of(event["part"])
    return True


def _delta_as_text(event: Told) -> bool:
    event |= {"type": "response.output_text.delta", "logprobs": []}
    return True


def _done_as_text(event: Told) -> bool:
    event |= {"type": "response.output_text.done", "text": event.pop("refusal"), "logprobs": []}
    return True


def _part_of_own(event: Told) -> bool:
    _own_citations(event["part"])
    return True


EventStep = Callable[[Told], bool]
"""Changes the JSON of one event, in place; False where it is not to be told."""

EVENT_STEPS: dict[ItemStep, dict[type[e.Event], EventStep]] = {
    refusal_as_text: {
        e.ContentPartAdded: _part_as_text,
        e.ContentPartDone: _part_as_text,
        e.RefusalDelta: _delta_as_text,
        e.RefusalDone: _done_as_text,
    },
    own_kinds: {
        e.ContentPartDone: _part_of_own,
        e.AnnotationAdded: lambda event: _is_own(event["annotation"]),
    },
}
"""What a step on items means for the events that tell of an item's parts."""
