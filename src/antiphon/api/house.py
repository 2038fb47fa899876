"""House: what the door needs of the rooms behind it; `app` fills it.

Knows nothing of who stands behind a port.
"""

from collections.abc import Callable
from dataclasses import dataclass

from antiphon.api.admission import Admission
from antiphon.contract.contract import Contract
from antiphon.core.ports import Models, Responses, Telemetry
from antiphon.runs.runner import Runner


@dataclass(frozen=True)
class House:
    """The rooms, and the settings that the door itself acts on.

    `max_body` is in bytes, `heartbeat` in seconds. `metrics` gives the page for Prometheus and
    `openapi` the description of the API, each as it is sent.
    """

    contract: Contract
    models: Models
    responses: Responses
    runner: Runner
    telemetry: Telemetry
    admission: Admission
    metrics: Callable[[], bytes]
    metrics_type: str
    openapi: Callable[[], bytes]
    max_body: int
    heartbeat: float
