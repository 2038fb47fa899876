"""Truncation: what may be dropped of a prompt that is too long (protocol §8.4).

Knows nothing of tokens: the caller says whether a prompt fits.

Oldest first. Kept are the instructions, system and developer messages, and the last user
message with all that follows it. A call goes together with its output, and reasoning together
with the call that it precedes.
"""

from antiphon.core.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Message,
    Reasoning,
)

_CALLS = FunctionCall | CustomToolCall
_OUTPUTS = FunctionCallOutput | CustomToolCallOutput


def droppable(items: list[Item]) -> list[list[int]]:
    """Groups of places that may be dropped together, the oldest first."""
    last = max((n for n, item in enumerate(items) if isinstance(item, Message) and item.role == "user"), default=0)
    groups: list[list[int]] = []
    by_call: dict[str, list[int]] = {}
    thought: list[int] = []
    for place, item in enumerate(items[:last]):
        if isinstance(item, Message) and item.role in ("system", "developer"):
            continue
        if isinstance(item, _OUTPUTS) and item.call_id in by_call:
            by_call[item.call_id].append(place)
            continue
        if isinstance(item, Reasoning):
            thought.append(place)
            continue
        if isinstance(item, _CALLS) and thought == [] and groups and groups[-1] is by_call.get(_before(items, place)):
            groups[-1].append(place)
        else:
            groups.append([*thought, place])
        thought = []
        if isinstance(item, _CALLS):
            by_call[item.call_id] = groups[-1]
    if thought:
        groups.append(thought)
    held = {item.call_id for item in items[last:] if isinstance(item, _OUTPUTS)}
    return [group for group in groups if not any(_call_id(items[place]) in held for place in group)]


def without(items: list[Item], groups: list[list[int]]) -> list[Item]:
    """The items that are left when some groups go."""
    gone = {place for group in groups for place in group}
    return [item for place, item in enumerate(items) if place not in gone]


def _before(items: list[Item], place: int) -> str:
    """The call just before a place: parallel calls share their reasoning, so they go together."""
    return _call_id(items[place - 1]) if place else ""


def _call_id(item: Item) -> str:
    return item.call_id if isinstance(item, _CALLS) else ""
