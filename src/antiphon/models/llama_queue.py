"""Admission to the embedded model: who runs, who waits, who is refused. Pure.

Knows nothing of the engine, of time, or of what a ticket stands for.

The rules: first come, first served, without overtaking. A ticket runs when a slot is free and its
need (prompt plus output bound, in tokens) fits beside the needs of those running. At most `bound`
tickets wait.
"""

from collections import OrderedDict
from typing import Literal

Admission = Literal["runs", "waits", "full"]


class LlamaQueue:
    """Tickets that run, and tickets that wait in order. A ticket is a number of the caller's."""

    def __init__(self, *, slots: int, bound: int, shared: int) -> None:
        self._slots = slots
        self._bound = bound
        self._shared = shared
        self._running: dict[int, int] = {}
        self._waiting: OrderedDict[int, int] = OrderedDict()

    def __repr__(self) -> str:
        return f"LlamaQueue(running={list(self._running)}, waiting={list(self._waiting)}, used={self.used})"

    @property
    def running(self) -> int:
        """How many tickets run."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many tickets wait."""
        return len(self._waiting)

    @property
    def used(self) -> int:
        """Tokens that the running tickets may come to need."""
        return sum(self._running.values())

    def offer(self, ticket: int, need: int) -> Admission:
        """Bring a ticket that needs `need` tokens, at most what is shared."""
        if not 0 < need <= self._shared:
            raise ValueError(f"a need of {need} tokens can never run in {self._shared}")
        if not self._waiting and self._fits(need):
            self._running[ticket] = need
            return "runs"
        if len(self._waiting) >= self._bound:
            return "full"
        self._waiting[ticket] = need
        return "waits"

    def leave(self, ticket: int) -> list[int]:
        """Take a ticket out, wherever it is; the tickets that run from now on. Twice is once."""
        if self._running.pop(ticket, None) is None:
            self._waiting.pop(ticket, None)
        started: list[int] = []
        while self._waiting:
            first, need = next(iter(self._waiting.items()))
            if not self._fits(need):
                break
            del self._waiting[first]
            self._running[first] = need
            started.append(first)
        return started

    def _fits(self, need: int) -> bool:
        return len(self._running) < self._slots and self.used + need <= self._shared
