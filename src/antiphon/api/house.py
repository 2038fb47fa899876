"""House: what the door needs of the rooms behind it; `app` fills it.

Knows nothing of who stands behind a port.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from antiphon.access.accounts import Accounts
from antiphon.access.idempotency import Idempotency
from antiphon.api.exchange import Header
from antiphon.api.gate import Gate
from antiphon.api.sockets import Sockets
from antiphon.api.sse import Frames, Reading
from antiphon.contract.contract import Contract
from antiphon.core.ports import Models, Store, Telemetry
from antiphon.runs.prompting import Prompting
from antiphon.runs.runner import Runner
from antiphon.runs.worker import Worker


@dataclass(frozen=True)
class House:
    """The rooms, and the settings that the door itself acts on.

    `contracts` are those that are served, the default first. `max_body` is in bytes, `heartbeat` in seconds.
    `metrics` gives the page for Prometheus, as it is sent. `server` is this server's id among others, and
    `behind` gives those of the servers that stand behind it (`core.servers`). `key_secret` is what keys are hashed
    with; `changing` is held by who changes keys or projects, from the reading of a row to its keeping.
    """

    contracts: Sequence[Contract]
    models: Models
    store: Store
    accounts: Accounts
    runner: Runner
    prompting: Prompting
    worker: Worker
    idempotency: Idempotency
    telemetry: Telemetry
    gate: Gate
    key_secret: bytes
    metrics: Callable[[], bytes]
    metrics_type: str
    max_body: int
    heartbeat: float
    server: str
    behind: Callable[[], Sequence[str]]
    sockets: Sockets
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def reading(self, head: list[Header], projection: Frames) -> Reading:
        """How a client reads a stream here."""
        return Reading(head, projection, self.heartbeat)
