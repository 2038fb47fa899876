"""Ids: ours, unique, and growing with time, so that a store appends instead of searching.

Knows nothing of what an id stands for but its prefix.
"""

import time
from os import urandom


def new_id(prefix: str) -> str:
    """An id that never was: the prefix, 12 hex digits of milliseconds, 20 random ones."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{urandom(10).hex()}"


def now() -> int:
    """The time in unix seconds."""
    return int(time.time())
