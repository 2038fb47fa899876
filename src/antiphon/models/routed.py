"""A model that stands behind one or several upstreams, as if it were one.

Knows nothing of what upstreams speak. `routing` decides who is asked; here it is done, and until the
first delta it can be done again elsewhere.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence

from msgspec import Struct

from antiphon.core.deltas import Delta, Stop, UsageDelta
from antiphon.core.ports import Model, ModelInfo, Readiness, Telemetry, Turn
from antiphon.core.prices import Prices
from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt
from antiphon.core.request import Request
from antiphon.core.signals import UpstreamCalled
from antiphon.models.lane import Lane
from antiphon.models.routing import Retries, key_of, order, pause
from antiphon.models.upstream import UpstreamFault


class Route(Struct, frozen=True):
    """One way to a model: the upstream's lane, and the model there."""

    lane: Lane
    model: Model


class RoutedModel:
    """Satisfies the `Served` port. It goes on in the middle of a text where every route can."""

    def __init__(
        self,
        info: ModelInfo,
        routes: Sequence[Route],
        telemetry: Telemetry,
        retries: Retries | None = None,
    ) -> None:
        self._info = info
        self._routes = tuple(routes)
        self._telemetry = telemetry
        self._retries = retries or Retries()
        self.sees = all(route.model.sees for route in routes)
        self.continues = all(route.model.continues for route in routes)

    def info(self) -> ModelInfo:
        """What `GET /v1/models` tells of it."""
        return self._info

    def readiness(self) -> Readiness:
        """Nothing loads here."""
        return Readiness(ready=True)

    async def start(self) -> None:
        """There is nothing to load."""

    async def stop(self) -> None:
        """There is nothing to end."""

    def check(self, request: Request) -> list[str]:
        """What any of its routes will ignore. Raises `Problem` for what any of them can't do."""
        found: dict[str, None] = {}
        for route in self._routes:
            found |= dict.fromkeys(route.model.check(request))
        return list(found)

    async def count(self, prompt: Prompt) -> Count:
        """As the first upstream that answers counts."""
        fault: UpstreamFault | None = None
        for route in self._in_order(prompt):
            try:
                return await route.model.count(prompt)
            except UpstreamFault as failed:
                if not failed.elsewhere:
                    raise
                fault = failed
        raise fault or self._routes[-1].lane.refusal()

    async def open(self, prompt: Prompt) -> Turn:
        """The turn of the first upstream that says something. Raises what the last one refused with.

        A prompt that is only to be read goes nowhere: no upstream can be asked for that alone.
        """
        if not prompt.sampling.max_output_tokens:
            return _silent()
        fault: Problem | None = None
        for route in self._in_order(prompt):
            try:
                return await self._persist(route, prompt)
            except UpstreamFault as failed:
                if not failed.elsewhere:
                    raise
                fault = failed
            except Problem as full:  # too many wait there
                if full.code != "overloaded":
                    raise
                fault = full
        raise fault or self._routes[-1].lane.refusal()

    def _in_order(self, prompt: Prompt) -> Iterator[Route]:
        """The routes that may be asked, one after the other; looked at anew when each one's turn comes."""
        routes = self._routes
        if len(routes) > 1:
            ranked = order([route.lane.standing for route in routes], key_of(prompt))
            routes = tuple(sorted((routes[n] for n in ranked), key=lambda route: route.lane.comes_last))
        for route in routes:
            if route.lane.admits():
                yield route

    async def _persist(self, route: Route, prompt: Prompt) -> Turn:
        """Ask one upstream, and again after a pause where it may help. Raises what it refused with last."""
        tries = 0
        while True:
            began = time.monotonic()
            try:
                return await self._ask(route, prompt)
            except UpstreamFault as fault:
                tries += 1
                wait = pause(self._retries, tries, fault.retry_after, random.random())  # noqa: S311  it spreads load
                late = time.monotonic() - began > self._retries.patience
                if not fault.retryable or wait is None or late or not route.lane.admits():
                    raise
                await asyncio.sleep(wait)
                if not route.lane.admits():
                    raise

    async def _ask(self, route: Route, prompt: Prompt) -> Turn:
        """Ask once; what comes back has said its first words."""
        lane = route.lane
        await lane.enter()
        call = Call(lane, self._info.id, self._info.prices, self._telemetry)
        turn: Turn | None = None
        try:
            turn = await route.model.open(prompt)
            first = await anext(turn, ())
        except BaseException as fault:
            if turn is not None:
                await _close(turn)
            call.refused(fault)
            raise
        return RoutedTurn(first, turn, call)


class Call:
    """One call of an upstream, from its place in the lane to its end."""

    def __init__(self, lane: Lane, model: str, prices: Prices, telemetry: Telemetry) -> None:
        self._lane = lane
        self._model = model
        self._prices = prices
        self._telemetry = telemetry
        self._began = time.perf_counter()
        self._first: float | None = None
        self._over = False

    def answered(self) -> None:
        """It says something."""
        self._first = time.perf_counter() - self._began
        self._lane.answered()

    def refused(self, fault: BaseException) -> None:
        """It ended before it said anything."""
        if isinstance(fault, UpstreamFault):
            if fault.elsewhere:
                self._lane.failed(fault)
            else:
                self._lane.answered()
            self._tell("failed", fault.status, None)
        else:
            self._lane.abandoned()
            self._tell("left", 200, None)

    def ended(self, outcome: str, usage: UsageDelta | None, fault: UpstreamFault | None = None) -> None:
        """It ended after it had said something. Only the first end counts."""
        if self._over:
            return
        if fault is not None:
            self._lane.failed(fault)
        self._tell(outcome, 200, usage)

    def _cost(self, usage: UsageDelta) -> float:
        return self._prices.of(usage.input_tokens, usage.cached_tokens, usage.output_tokens)

    def _tell(self, outcome: str, status: int, usage: UsageDelta | None) -> None:
        self._over = True
        self._lane.leave()
        self._telemetry(
            UpstreamCalled(
                upstream=self._lane.upstream.name,
                model=self._model,
                outcome=outcome,
                status=status,
                seconds=time.perf_counter() - self._began,
                first_delta=self._first,
                input_tokens=usage.input_tokens if usage else 0,
                output_tokens=usage.output_tokens if usage else 0,
                cost=self._cost(usage) if usage else 0.0,
            )
        )


class RoutedTurn:
    """A turn that has said its first words. `aclose()` gives the place in the lane back."""

    def __init__(self, first: Sequence[Delta], turn: Turn, call: Call) -> None:
        self._first: Sequence[Delta] | None = first
        self._turn = turn
        self._call = call
        self._last: Sequence[Delta] = first
        self._before: Sequence[Delta] = ()
        call.answered()

    def __aiter__(self) -> "RoutedTurn":
        return self

    async def __anext__(self) -> Sequence[Delta]:
        """The next batch, as the upstream's model gives it."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            batch = await self._turn.__anext__()
        except StopAsyncIteration:
            self._call.ended("answered", self._usage())
            raise
        except UpstreamFault as fault:
            self._call.ended("broken", None, fault)
            raise
        except BaseException:
            self._call.ended("left", None)
            raise
        self._before, self._last = self._last, batch
        return batch

    async def aclose(self) -> None:
        """Stop the upstream's model."""
        try:
            await _close(self._turn)
        finally:
            self._call.ended("left", self._usage())

    def _usage(self) -> UsageDelta | None:
        """What it took, which stands at the end of what is said."""
        said = (*self._before, *self._last)
        return next((delta for delta in reversed(said) if isinstance(delta, UsageDelta)), None)


async def _silent() -> AsyncIterator[Sequence[Delta]]:
    """The turn of a prompt that nobody was asked to answer."""
    yield [UsageDelta(0, 0), Stop("stop")]


async def _close(turn: Turn) -> None:
    """Close a turn, which is a generator or has its `aclose`."""
    await turn.aclose()  # type: ignore[attr-defined]  # ports.Turn promises it; the typing module's iterators don't
