"""The meter of a run: when it began, when its model first spoke, and what was used in the end.

Knows nothing of prices or of limits: an account is told, once.
"""

import time
from collections.abc import Iterable

from antiphon.core import estimates
from antiphon.core.accounts import Settlement
from antiphon.core.items import Item
from antiphon.core.response import Response, Timing, Usage


class Meter:
    """One for a run, in this process."""

    __slots__ = ("_asked", "_ended", "_first", "_lost", "_started")

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first: float | None = None
        self._ended: float | None = None
        self._asked = False
        self._lost: int | None = None

    def begin(self) -> None:
        """The run has waited until now."""
        self._started = time.perf_counter()

    def takes_up(self, response: Response) -> None:
        """Another process has left the run so: what its model had said was paid for, and is not said again."""
        if response.status == "in_progress":
            self._lost = estimates.of_items(response.output)

    @property
    def was_lost(self) -> bool:
        """Whether a model was asked for it in another process."""
        return self._lost is not None

    def asks(self) -> None:
        """The model gets the prompt now."""
        self._asked = True

    def refused(self) -> None:
        """It did not take the prompt."""
        self._asked = False

    def spoke(self) -> None:
        """The model says something."""
        if self._first is None:
            self._first = time.perf_counter()

    def ends(self) -> None:
        """The response has come to its end; whoever reads it later measures nothing."""
        self._ended = time.perf_counter()

    def timing(self) -> Timing:
        """How long it took, or has taken so far."""
        ended = self._ended or time.perf_counter()
        return Timing(None if self._first is None else self._first - self._started, ended - self._started)

    def settlement(self, response: Response, usage: Usage | None, seen: Iterable[Item]) -> Settlement:
        """What the run used. `usage` is what its model told, `seen` what that one was given.

        What a model did not tell is estimated, and so is what it did for an attempt that was lost.
        """
        unknown = self._asked and usage is None
        guessed = unknown or self._lost is not None
        told, before = usage or Usage(), self._lost or 0
        read, written = told.input_tokens, told.output_tokens
        if guessed:
            prompt = estimates.of_prompt(response.tools, seen)
            read += prompt * (unknown + (self._lost is not None))
            written += before + (max(0, estimates.of_items(response.output) - before) if unknown else 0)
        return Settlement(
            response_id=response.id,
            status=response.status,
            input_tokens=read,
            cached_tokens=told.input_tokens_details.cached_tokens,
            output_tokens=written,
            reasoning_tokens=told.output_tokens_details.reasoning_tokens,
            estimated=guessed or told.estimated is True,
            seconds=time.perf_counter() - self._started,
            first_token=None if self._first is None else self._first - self._started,
        )
