"""Pairing: calls and their outputs belong together (protocol §2.1, §8.1).

Knows nothing of where the items come from.
"""

from collections.abc import Iterable

from antiphon.core.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Passed,
)
from antiphon.core.problems import Problem


def check_pairs(items: Iterable[Item]) -> None:
    """See that every output follows its call, and that no call is left without one; an approval follows what asks for
    it, which need not be answered.

    Raises `Problem` 400, param `input`.
    """
    open_calls: dict[str, None] = {}
    seen: set[str] = set()
    requests: set[str] = set()
    for item in items:
        if isinstance(item, FunctionCall | CustomToolCall):
            open_calls[item.call_id] = None
            seen.add(item.call_id)
        elif isinstance(item, FunctionCallOutput | CustomToolCallOutput):
            if item.call_id not in seen:
                raise _fault(f"No tool call found for function call output with call_id {item.call_id[:64]}.")
            open_calls.pop(item.call_id, None)
        elif isinstance(item, Passed) and item.type == "mcp_approval_request":
            requests.add(str(item.id))
        elif isinstance(item, Passed) and item.type == "mcp_approval_response":
            answered = str(item.value.get("approval_request_id"))
            if answered not in requests:
                raise _fault(f"No approval request found with id '{answered[:64]}'.")
    for call_id in open_calls:
        raise _fault(f"No tool output found for function call {call_id[:64]}.")


def _fault(message: str) -> Problem:
    return Problem(400, None, message, param="input")
