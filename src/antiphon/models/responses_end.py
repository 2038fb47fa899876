"""How a Responses upstream ends: what it took, why it stopped or failed, and what its end tells beyond its deltas.

Knows nothing of the stream before.
"""

from collections.abc import Callable
from typing import Any

from antiphon.core import deltas as d
from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.models.upstream import Upstream, UpstreamFault, malformed, told_in_stream

_MEANT = frozenset({"invalid_prompt", "bio_policy", "misalignment_policy_violation", "data_residency_mismatch"})
"""Codes of a failed response that the request itself brought about, beside those of images (protocol §3.1)."""

_LONGEST = 500
_A_TOKEN = 4  # characters, where nobody counts


def usage_of(usage: JSON, said: int, prompt_tokens: Callable[[], int]) -> d.UsageDelta:
    """The tokens of a turn; an estimate, from the characters `said`, where the upstream doesn't tell."""
    if not isinstance(usage, dict):
        return d.UsageDelta(prompt_tokens(), max(1, said // _A_TOKEN), estimated=True)
    return d.UsageDelta(
        _count(usage, "input_tokens"),
        _count(usage, "output_tokens"),
        _count(usage.get("input_tokens_details"), "cached_tokens"),
        _count(usage.get("output_tokens_details"), "reasoning_tokens"),
    )


def reason_of(status: JSON, details: JSON) -> str:
    """Why the model stopped, as `deltas.Stop` has it."""
    if status != "incomplete":
        return "stop"
    filtered = isinstance(details, dict) and details.get("reason") == "content_filter"
    return "content_filter" if filtered else "length"


def fault_of(upstream: Upstream, error: JSON) -> Problem:
    """What an error means that came in the stream or in a failed response."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and (code in _MEANT or "image" in code):
        message = upstream.redacted(str(error.get("message") or code))[:_LONGEST]
        return UpstreamFault(400, code, message, blame="request")
    return told_in_stream(upstream, error)


def no_answer(upstream: Upstream, value: JSON) -> Problem:
    """What a value means that is no response and no event of one: it may tell of an error, in any known form."""
    if isinstance(value, dict) and (value.get("error") or value.get("message") or value.get("detail")):
        return fault_of(upstream, value.get("error") or value)
    return malformed(upstream, "sent something that is no answer")


def parts(value: JSON) -> list[dict[str, Any]]:
    """The objects of a list; none for anything else."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def rest_of(told: str, whole: str) -> str:
    """What of the whole is still to be told; nothing where it is another text."""
    return whole[len(told) :] if whole.startswith(told) else ""


def _count(value: JSON, name: str) -> int:
    found = value.get(name) if isinstance(value, dict) else 0
    return found if isinstance(found, int) and found > 0 else 0
