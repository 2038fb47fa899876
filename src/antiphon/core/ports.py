"""Ports: what the rooms ask of one another (DESIGN §2).

Small Protocols, typed, without code. `app.py` alone knows who stands behind each.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from antiphon.core.deltas import Delta
from antiphon.core.prompt import Prompt
from antiphon.core.request import Request
from antiphon.core.response import Response
from antiphon.core.signals import Signal

Turn: TypeAlias = AsyncIterator[Sequence[Delta]]
"""What a model says in one turn, in batches as they come. `aclose()` stops the model within a second."""


class Model(Protocol):
    """Who speaks."""

    def check(self, request: Request) -> list[str]:
        """Names of the request's parameters that this model will ignore (contracts §D, "N").

        Raises `Problem` 400 `unsupported_parameter` for what it can't honour and must not ignore ("R").
        """
        ...

    async def count(self, prompt: Prompt) -> int:
        """The tokens that the prompt takes, by the model's own tokenizer. Nothing is run."""
        ...

    async def open(self, prompt: Prompt) -> Turn:
        """Have the prompt accepted; what is said comes from the turn.

        Raises `Problem` where it is not accepted: too long (400 `context_length_exceeded`), no room
        to wait (503 with `retry_after`), the model gone (503). The turn may raise `Problem` too, for a
        model that breaks in the middle.
        """
        ...


class ModelInfo(Struct, frozen=True):
    """A model as `GET /v1/models` tells it. `context` is in tokens, 0 where unknown."""

    id: str
    created: int
    owned_by: str
    context: int = 0


class Readiness(Struct, frozen=True):
    """Whether requests can be answered; `detail` tells a person why not, or how far it is."""

    ready: bool
    detail: str = ""


class Served(Model, Protocol):
    """A model with a life: it starts with the server, tells how far it is, and stops with it."""

    def info(self) -> ModelInfo:
        """What `GET /v1/models` tells of it."""
        ...

    def readiness(self) -> Readiness:
        """Whether it can answer now."""
        ...

    async def start(self) -> None:
        """Begin to load; returns at once."""
        ...

    async def stop(self) -> None:
        """End whatever it runs."""
        ...


class Models(Protocol):
    """The models that are served, by name."""

    def get(self, name: str) -> Model:
        """The model of that name. Raises `Problem` 404 `model_not_found`."""
        ...

    def list(self) -> Sequence[ModelInfo]:
        """Every model that is served, the default first."""
        ...

    def readiness(self) -> Readiness:
        """Whether every model that loads in this process has loaded."""
        ...


class Responses(Protocol):
    """The memory of responses. What belongs to another project does not exist."""

    async def put(self, project: str, response: Response) -> None:
        """Keep a response, in place of what was kept under its id."""
        ...

    async def get(self, project: str, response_id: str) -> Response | None:
        """The response as it was kept last, or None."""
        ...


class Telemetry(Protocol):
    """Where the server tells of itself: one call, whatever listens."""

    def __call__(self, signal: Signal) -> None:
        """Take a signal. Never raises, never blocks."""
        ...
