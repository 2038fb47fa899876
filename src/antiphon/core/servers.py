"""The servers that a call passes, as they name themselves to one another, so that a cycle of upstreams is found.

Knows nothing of upstreams or of HTTP, but the one header. Every Antiphon has an id of its own for as long as it runs.
What it asks of an upstream names those that the call has passed, itself last; its list of models names itself, then
those that stand behind it. Any other server passes the header over.
"""

import re
from collections.abc import Iterable, Sequence

from antiphon.core.problems import Problem

HEADER = "x-antiphon-servers"

MOST = 32
"""How many ids are told, and how many servers a call may pass."""

_ID = re.compile(r"[0-9a-z]{1,32}")


def named(header: str | None) -> tuple[str, ...]:
    """The ids that a header names, each once; what is none is left out."""
    if not header:
        return ()
    found = (one.strip() for one in header.split(","))
    return tuple(dict.fromkeys(one for one in found if _ID.fullmatch(one)))[: MOST + 1]


def told(ids: Iterable[str]) -> str:
    """The header that names these, each once."""
    return ",".join(list(dict.fromkeys(ids))[:MOST])


def check_passed(passed: Sequence[str], own: str) -> None:
    """Refuse a call that comes back. Raises `Problem` 508 `upstream_cycle`."""
    if own in passed or len(passed) >= MOST:
        raise Problem(
            508,
            "upstream_cycle",
            "This request has come back to a server that had passed it on: the upstreams lead in a circle. "
            "Take one of them out of the settings.",
            retry=False,
        )
