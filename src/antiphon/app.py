"""The composition root: the only file that names concrete classes (DESIGN §2).

Knows nothing of commands. `run` serves until it is told to stop.
"""

from antiphon import __version__
from antiphon.api.admission import Admission
from antiphon.api.door import Door
from antiphon.api.house import House
from antiphon.contract import openapi
from antiphon.contract.contract import load
from antiphon.core.ports import Served, Telemetry
from antiphon.models.router import Router
from antiphon.observe.logs import structured
from antiphon.observe.metrics import Metrics
from antiphon.observe.telemetry import Fanout
from antiphon.runs.runner import Limits, Runner
from antiphon.settings import Settings
from antiphon.store.memory import MemoryStore


def build(settings: Settings) -> Door:
    """Put the rooms together as the settings say."""
    metrics = Metrics()
    telemetry = Fanout([structured(settings.log_format, settings.log_level), metrics])
    router = Router([_served(settings, telemetry)])
    store = MemoryStore()
    runner = Runner(router, store, telemetry, Limits(settings.max_output_tokens))
    house = House(
        contract=load("openai"),
        models=router,
        responses=store,
        runner=runner,
        telemetry=telemetry,
        admission=_admission(settings),
        metrics=metrics.page,
        metrics_type=metrics.content_type,
        openapi=lambda: openapi.document(__version__),
        max_body=settings.max_body_mib * 1024 * 1024,
        heartbeat=settings.heartbeat,
    )

    async def close() -> None:
        await runner.drain(settings.shutdown_grace)
        await router.stop()

    return Door(house, opening=router.start, closing=close)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    import uvicorn

    uvicorn.run(
        build(settings),  # type: ignore[arg-type]  # uvicorn's ASGI types are narrower than ASGI's own
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_grace,
    )


def _served(settings: Settings, telemetry: Telemetry) -> Served:
    if settings.model == "scripted":
        from antiphon.models.scripted import ScriptedModel

        return ScriptedModel()
    from antiphon.models.embedded import Embedded

    return Embedded(settings, telemetry)


def _admission(settings: Settings) -> Admission:
    return Admission(
        hosts=frozenset(settings.allowed_hosts),
        origins=frozenset(settings.allowed_origins),
        any_address=settings.no_auth,
    )
