"""Ids: ours, unique, and growing with time, so that a store appends instead of searching.

Knows nothing of what an id stands for but its prefix.
"""

import time
from collections.abc import Iterator
from os import urandom


def _random() -> Iterator[str]:
    """20 random hex digits at a time. The system is asked for many at once: that is what an id costs."""
    while True:
        digits = urandom(2560).hex()
        for start in range(0, len(digits), 20):
            yield digits[start : start + 20]


_next = _random().__next__


def new_id(prefix: str) -> str:
    """An id that never was: the prefix, 12 hex digits of milliseconds, 20 random ones."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{_next()}"


def now() -> int:
    """The time in unix seconds."""
    return int(time.time())
