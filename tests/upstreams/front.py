"""A whole server, in this process, before upstreams that a test makes up; and what its clients see.

Knows nothing of what the upstreams do.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from antiphon.core.ports import Store
from antiphon.core.signals import Signal
from antiphon.models.routing import Retries
from antiphon.models.upstream import Upstream
from antiphon.models.upstream_config import Configured, ModelTable
from antiphon.models.upstreams import Upstreams
from tests.asgi import Answer, Rooms, serving

SOON = Retries(first=0.001, longest=0.001, patience=5.0)
"""Pauses that a test need not wait for."""

ONCE = Retries(times=0)


@asynccontextmanager
async def front(
    *upstreams: Upstream,
    signals: list[Signal] | None = None,
    retries: Retries = SOON,
    store: Store | None = None,
    **options: Any,
) -> AsyncIterator[Rooms]:
    """A server whose model `m` stands behind these, where it is called `there`."""
    by_name = {one.name: one for one in upstreams}
    tables = {"m": ModelTable(upstreams=list(by_name), model="there")}
    heard = [] if signals is None else signals
    found = Upstreams(Configured(by_name, tables), heard.append, ("127.0.0.1", 1), retries=retries)
    model = found.find("m")
    assert model is not None
    try:
        async with serving(store, model, **options) as rooms:
            yield rooms
    finally:
        await found.stop()


def end_of(answer: Answer, *, streamed: bool) -> dict[str, Any]:
    """The response at the end of an answer, whose stream is in the grammar."""
    assert answer.status == 200, answer.body
    response: dict[str, Any] = answer.events()[-1]["response"] if streamed else answer.json()
    return response
