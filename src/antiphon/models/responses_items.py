"""Items of a Responses upstream: ours as it is to get them back, theirs as they are told here.

Knows nothing of streams or connections.

Ids are not exchanged: the upstream is called with `store:false`, so that it knows none of them. The
exception is a sealed thought, which some bind to its id: `wrapped` keeps it with the blob.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from antiphon.core.items import (
    JSON,
    KNOWN_TYPES,
    PASSED_TYPES,
    Item,
    Logprob,
    Message,
    Passed,
    Reasoning,
    TopLogprob,
    item_from_json,
)
from antiphon.core.wire import opaque

_KEEP_ID = frozenset(
    {
        "code_interpreter_call",
        "computer_call",
        "file_search_call",
        "image_generation_call",
        "mcp_approval_request",
        "mcp_call",
        "mcp_list_tools",
        "web_search_call",
    }
)
"""Kinds whose id the standard requires on the way in, and that others point to (an approval to its request)."""


class _Blob(Struct, omit_defaults=True):
    """An upstream's sealed thought, with whose it is."""

    upstream: str
    blob: str
    id: str = ""


_blobs = msgspec.json.Decoder(_Blob)


def wrapped(upstream: str, item_id: str, blob: str) -> str:
    """What is kept of a thought that only `upstream` can open."""
    return msgspec.json.encode(_Blob(upstream, blob, item_id)).decode()


def to_upstream(items: Iterable[Item], upstream: str) -> list[JSON]:
    """The history as the upstream of that name is to see it.

    A thought goes back sealed to the upstream that sealed it, and to any other as its raw text; where
    there is neither it is left out, since a summary alone is nothing that a model can go on from.
    """
    found = []
    for item in items:
        value = _reasoning(item, upstream) if isinstance(item, Reasoning) else _plain(item)
        if value is not None:
            found.append(value)
    return found


def from_upstream(value: dict[str, JSON]) -> Item | None:
    """A whole item as it is told here, without its id; None for a kind that the standard doesn't have."""
    kind = value.get("type")
    if not isinstance(kind, str) or not (kind in KNOWN_TYPES or kind in PASSED_TYPES or ":" in kind):
        return None
    try:
        return item_from_json({key: entry for key, entry in value.items() if key != "id"})
    except (msgspec.ValidationError, TypeError):
        return None


def logprobs(value: JSON) -> list[Logprob] | None:
    """Log-probabilities in any of the forms that upstreams give; None where there are none that can be read."""
    if not isinstance(value, list) or not value:
        return None
    try:
        return [
            Logprob(*_token(one), [TopLogprob(*_token(other)) for other in one.get("top_logprobs") or ()])
            for one in value
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _token(value: dict[str, JSON]) -> tuple[str, float, list[int]]:
    text = str(value["token"])
    return text, float(value["logprob"]), value.get("bytes") or list(text.encode(errors="replace"))


def _plain(item: Item) -> JSON:
    if isinstance(item, Passed):
        return item.value if item.type in _KEEP_ID else {k: v for k, v in item.value.items() if k != "id"}
    bare: Any = replace(item, id=UNSET) if hasattr(item, "id") else item
    value = msgspec.to_builtins(bare, enc_hook=opaque)
    if not (isinstance(item, Message) and item.role == "assistant"):
        value.pop("status", None)
    return value


def _reasoning(item: Reasoning, upstream: str) -> JSON | None:
    summary = [{"type": "summary_text", "text": part.text} for part in item.summary]
    if isinstance(item.encrypted_content, str):
        try:
            blob = _blobs.decode(item.encrypted_content)
        except msgspec.DecodeError:
            blob = None
        if blob is not None and blob.upstream == upstream:
            own = {"id": blob.id} if blob.id else {}
            return {"type": "reasoning", **own, "summary": summary, "encrypted_content": blob.blob}
    if item.content is UNSET or not item.content:
        return None
    content = [{"type": "reasoning_text", "text": part.text} for part in item.content]
    return {"type": "reasoning", "summary": summary, "content": content}
