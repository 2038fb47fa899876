"""Kinds: the types of items and tools as Open Responses names them, where it wants a slug (contracts §B row 43).

Knows nothing of what an item or a tool holds.
"""

from antiphon.core.items import JSON, KNOWN_TYPES, PASSED_TYPES
from antiphon.core.offers import HOSTED

SLUG = "openai:"

OWN = frozenset(
    {"message", "function", "function_call", "function_call_output", "reasoning", "compaction", "item_reference"}
)
"""The kinds that Open Responses has itself."""

_NATIVE = (
    KNOWN_TYPES | PASSED_TYPES | HOSTED | {"custom", "namespace", "tool_search", "shell", "local_shell", "apply_patch"}
)


def outward(kind: str) -> str:
    """The kind of an item or tool, with OpenAI's slug where Open Responses does not know it."""
    return kind if kind in OWN or ":" in kind else SLUG + kind


def inward(kind: str) -> str:
    """The kind that a slug of OpenAI's stands for; any other stays as it is."""
    native = kind.removeprefix(SLUG)
    return native if native in _NATIVE else kind


def known(kind: JSON) -> bool:
    """Whether there is an item or a tool of that kind, or may be: a slug is somebody's own."""
    return isinstance(kind, str) and (":" in kind or kind in _NATIVE or kind in OWN)
