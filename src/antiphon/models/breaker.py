"""The breaker: whether an upstream that keeps failing is asked at all.

Knows nothing of clocks or of what a failure is: both are handed in.

closed → open        after `consecutive` failures in a row, or when `share` of the last `window` failed;
open → half-open     after a pause, which doubles with every further opening, up to `longest`;
half-open → closed   when the one trial that is let through succeeds; → open again when it fails.
"""

from collections import deque
from typing import Literal

from msgspec import Struct

State = Literal["closed", "open", "half_open"]


class BreakerPolicy(Struct, frozen=True, kw_only=True):
    """When a breaker opens, and for how long. Pauses are in seconds."""

    consecutive: int = 5
    share: float = 0.5
    window: int = 20
    pause: float = 2.0
    longest: float = 60.0


class Breaker:
    """One upstream's breaker. Times are seconds of any clock that only goes forward."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._told: deque[bool] = deque(maxlen=policy.window)
        self._in_a_row = 0
        self._openings = 0
        self._until: float | None = None
        self._trial = False

    def state(self, now: float) -> State:
        """Where it stands."""
        if self._until is None:
            return "closed"
        return "open" if now < self._until else "half_open"

    def admits(self, now: float) -> bool:
        """Whether a call may go through now: any while closed, one at a time while half-open."""
        state = self.state(now)
        return state == "closed" or (state == "half_open" and not self._trial)

    def wait(self, now: float) -> float:
        """Seconds until a call may go through, `longest` at most; 0 where one may, or a trial is under way.

        A sum and a difference of floats are not what was added: the pause is bounded here as well.
        """
        return 0.0 if self._until is None else min(max(0.0, self._until - now), self._policy.longest)

    def begun(self, now: float) -> None:
        """A call goes through. The caller owes `succeeded`, `failed` or `abandoned`."""
        if self.state(now) == "half_open":
            self._trial = True

    def succeeded(self) -> None:
        """A call was answered: whatever was open closes."""
        self._trial = False
        self._in_a_row = 0
        if self._until is not None:
            self._until, self._openings = None, 0
            self._told.clear()
        self._told.append(True)

    def failed(self, now: float) -> None:
        """A call failed."""
        trial, self._trial = self._trial, False
        self._told.append(False)
        self._in_a_row += 1
        if self._until is not None:
            if trial or now >= self._until:
                self._open(now)
            return
        if self._in_a_row >= self._policy.consecutive or self._too_many():
            self._open(now)

    def abandoned(self) -> None:
        """A call ended and says nothing of the upstream: its client left, or its request was wrong."""
        self._trial = False

    def _too_many(self) -> bool:
        told = self._told
        return len(told) == told.maxlen and told.count(False) >= self._policy.share * len(told)

    def _open(self, now: float) -> None:
        policy = self._policy
        self._until = now + min(policy.longest, policy.pause * 2 ** min(self._openings, 16))
        self._openings += 1
        self._told.clear()
