"""A lane: one upstream, who runs there, who waits, and whether it is asked at all.

Knows nothing of what is asked, nor of other upstreams.
"""

import asyncio
import time
from collections import deque

from antiphon.core.ports import Telemetry
from antiphon.core.problems import Problem
from antiphon.core.signals import UpstreamChanged
from antiphon.models.breaker import Breaker, BreakerPolicy
from antiphon.models.routing import Standing
from antiphon.models.upstream import Upstream, UpstreamFault, cycle

_NO_FAILURE = frozenset({404, 405, 429})
"""Refusals that say nothing of whether the upstream works: a model it hasn't, a limit of ours."""


class Lane:
    """Serves in order of arrival: `concurrency` calls run at once, `queue` more may wait.

    upstream
        whose lane it is; its kind may be found out later.
    unusable
        why it must not be asked: it leads back to this server; "" where it does not.
    doubtful
        whether it did not answer when it was looked at last: then others are asked first.
    """

    def __init__(self, upstream: Upstream, telemetry: Telemetry, policy: BreakerPolicy | None = None) -> None:
        self.upstream = upstream
        self.unusable = ""
        self.doubtful = False
        self._telemetry = telemetry
        self._breaker = Breaker(policy or BreakerPolicy())
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._running = 0
        self._calls = 0
        self._rests_until = 0.0
        self._last: UpstreamFault | None = None

    def __repr__(self) -> str:
        state = self._breaker.state(time.monotonic())
        return f"Lane({self.upstream.name!r}, {state}, running={self._running}, waiting={len(self._waiting)})"

    @property
    def standing(self) -> Standing:
        """How it stands, for routing."""
        upstream = self.upstream
        return Standing(upstream.name, upstream.weight, self._running + len(self._waiting), self._calls)

    @property
    def comes_last(self) -> bool:
        """Whether others are to be asked first: it is doubtful, or asked for a pause that is not over."""
        return self.doubtful or time.monotonic() < self._rests_until

    def admits(self) -> bool:
        """Whether it may be asked now."""
        return not self.unusable and self._breaker.admits(time.monotonic())

    def refusal(self) -> UpstreamFault:
        """Why it is not asked: what it failed with last, and when it makes sense to come again."""
        name = self.upstream.name
        if self.unusable:
            return cycle(f"The upstream '{name}' {self.unusable}.")
        wait = max(1.0, self._breaker.wait(time.monotonic()))
        if self._last is None:
            return UpstreamFault(503, "overloaded", f"The upstream '{name}' is failing.", retry_after=wait)
        last = self._last
        return UpstreamFault(last.status, last.code, last.message, retry_after=last.retry_after or wait)

    async def enter(self) -> None:
        """Wait for a place. The caller owes `leave`. Raises `Problem` 503 `overloaded` where too many wait."""
        bound = self.upstream.concurrency
        if bound and (self._running >= bound or self._waiting):
            if len(self._waiting) >= self.upstream.queue:
                message = f"The upstream '{self.upstream.name}' has as many requests as it takes, and too many wait."
                raise Problem(503, "overloaded", message, retry_after=1)
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self.leave()  # the place had just been given
                else:
                    self._waiting.remove(place)
                raise
        else:
            self._running += 1
        self._calls += 1
        self._breaker.begun(time.monotonic())

    def leave(self) -> None:
        """Give the place to whoever waits longest."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._running -= 1

    def answered(self) -> None:
        """A call said something, or was refused for what it asked."""
        closed = self._breaker.state(time.monotonic()) == "closed"
        self._breaker.succeeded()
        self.doubtful = False
        if not closed:
            self._telemetry(UpstreamChanged(self.upstream.name, "ready"))

    def failed(self, fault: UpstreamFault) -> None:
        """A call failed."""
        now = time.monotonic()
        self._last = fault
        if fault.retry_after is not None:
            self._rests_until = now + fault.retry_after
        if fault.status in _NO_FAILURE:
            self._breaker.abandoned()
            return
        before = self._breaker.state(now)
        self._breaker.failed(now)
        if before == "closed" and self._breaker.state(now) != "closed":
            self._telemetry(UpstreamChanged(self.upstream.name, "failing", fault.message))

    def abandoned(self) -> None:
        """A call ended before it said anything of the upstream."""
        self._breaker.abandoned()
