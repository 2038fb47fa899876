"""The composition root: the only file that names concrete classes (DESIGN §2).

Knows nothing of commands. `run` serves until it is told to stop.
"""

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from antiphon.access import secret
from antiphon.access.idempotency import Idempotency
from antiphon.access.sealing import SecretSealer
from antiphon.api.admission import Admission
from antiphon.api.door import Door
from antiphon.api.house import House
from antiphon.config import load as load_config
from antiphon.contract import openapi
from antiphon.contract.contract import load
from antiphon.core.ports import Served, Store, Telemetry
from antiphon.models.router import Router
from antiphon.observe.logs import structured
from antiphon.observe.metrics import Metrics
from antiphon.observe.telemetry import Fanout
from antiphon.runs.ids import now
from antiphon.runs.prompting import Prompting
from antiphon.runs.runner import Runner
from antiphon.runs.sweeper import Sweeper
from antiphon.runs.worker import Worker
from antiphon.settings import Settings
from antiphon.tools.attachments import Attachments
from antiphon.tools.fetch import WebFetcher

if TYPE_CHECKING:
    import socket

    import uvicorn

DAY = 24 * 60 * 60
TOLD = 5
"""Seconds in which readers are told of the end of what outlasted the grace."""


class App:
    """The rooms, put together as the settings say, with their life: `start`, `leave`, `stop`.

    `announce` is called when the memory is open and nothing but models is waited for.
    """

    def __init__(self, settings: Settings, announce: Callable[[], None]) -> None:
        metrics = Metrics()
        telemetry = Fanout([structured(settings.log_format, settings.log_level), metrics])
        contract = load("openai")
        self._settings = settings
        self._announce = announce
        self._draining: asyncio.Task[None] | None = None
        self.fault: Exception | None = None
        server = token_hex(8)
        self._router = _router(settings, telemetry, server)
        self._store = _store(settings)
        own = secret.passing() if settings.ephemeral else secret.kept_in(settings.data)
        prompting = Prompting(
            self._router,
            self._store,
            SecretSealer(own),
            Attachments(WebFetcher(frozenset(settings.fetch_allowed))),
            settings.max_output_tokens,
        )
        self._runner = Runner(self._router, prompting, self._store, telemetry, settings.keep_days * DAY)
        self._worker = Worker(self._runner, self._store, telemetry, settings.background)
        self._sweeper = Sweeper(self._store, telemetry, settings.keep_log_hours * 3600)
        house = House(
            contract=contract,
            models=self._router,
            store=self._store,
            runner=self._runner,
            prompting=prompting,
            worker=self._worker,
            idempotency=Idempotency(self._store, secret.derived(own, "idempotency"), now),
            telemetry=telemetry,
            admission=_admission(settings),
            metrics=metrics.page,
            metrics_type=metrics.content_type,
            openapi=lambda: openapi.document(contract),
            max_body=settings.max_body_mib * 1024 * 1024,
            heartbeat=settings.heartbeat,
            server=server,
            behind=self._router.behind,
        )
        self.door = Door(house, opening=self.start, closing=self.stop)

    async def start(self) -> None:
        """Open the store, take up what was left, begin to load models. Raises `StoreError`."""
        try:
            await self._store.start()
            self._announce()
            await self._router.start()
            await self._worker.start()
        except Exception as fault:
            self.fault = fault
            raise
        self._sweeper.start()
        _collect_less()

    async def leave(self) -> None:
        """Nobody new comes in: hand background runs back, and give foreground runs their grace.

        What outlasts it is cancelled, while its reader is still there to be told.
        """
        await self._worker.stop()
        grace = self._settings.shutdown_grace
        self._draining = asyncio.get_running_loop().create_task(self._runner.drain(grace))

    async def stop(self) -> None:
        """Wait for the runs to end, write what waits, end the models."""
        await self._worker.stop()
        await (self._draining or self._runner.drain(self._settings.shutdown_grace))
        await self._sweeper.stop()
        await self._router.stop()
        await self._store.stop()


def run(settings: Settings, announce: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then return. Raises `StoreError` where the memory can't be opened."""
    app = App(settings, announce)
    try:
        _server(app, settings).run()
    except SystemExit:  # uvicorn leaves so where the start fails, and says nothing that a person could use
        if app.fault is None:
            raise
    if app.fault is not None:
        raise app.fault


def backup(data: Path, target: Path) -> None:
    """Copy what a data folder keeps to one file, whether or not a server runs on it. Raises `StoreError`."""
    from antiphon.store.sqlite import SqliteStore

    asyncio.run(SqliteStore(data).backup(str(target)))


def _server(app: App, settings: Settings) -> "uvicorn.Server":
    """uvicorn, which tells the app as soon as it stops to listen, and ends with 0 when told to stop."""
    import uvicorn

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: "list[socket.socket] | None" = None) -> None:
            await app.leave()
            await super().shutdown(sockets)

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for one, handler in before.items():
                    signal.signal(one, handler)

    return Server(
        uvicorn.Config(
            app.door,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            access_log=False,
            log_level="critical",
            server_header=False,
            proxy_headers=False,
            # The runs' own grace ends first, so that every reader is told how its response ended.
            timeout_graceful_shutdown=settings.shutdown_grace + TOLD,
        )
    )


def _collect_less() -> None:
    """Spare the garbage collector what it finds nothing in: it would take a sixth of the server's time.

    What was built up to now stays for good, and of what a request makes nearly all goes without it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _router(settings: Settings, telemetry: Telemetry, server: str) -> Router:
    """The embedded model first, unless there are upstreams and nobody asks for it; then what stands behind those."""
    loaded = load_config(settings)
    served = [] if loaded.behind and settings.model is None else [_served(settings, telemetry)]
    if not loaded.configured.upstreams:
        return Router(served)
    from antiphon.models.upstreams import Upstreams

    return Router(served, [Upstreams(loaded.configured, telemetry, (settings.host, settings.port), server)])


def _served(settings: Settings, telemetry: Telemetry) -> Served:
    if settings.model == "scripted":
        from antiphon.models.scripted import ScriptedModel

        return ScriptedModel()
    from antiphon.models import catalogue
    from antiphon.models.embedded import Embedded
    from antiphon.models.llama_options import LlamaOptions

    options = LlamaOptions(
        context=settings.context,
        slots=settings.slots,
        queue=settings.queue,
        threads=settings.threads,
        seed=settings.seed,
    )
    return Embedded(settings.model, catalogue.folder(settings.data), options, telemetry)


def _store(settings: Settings) -> Store:
    if settings.ephemeral:
        from antiphon.store.memory import MemoryStore

        return MemoryStore()
    from antiphon.store.sqlite import SqliteStore

    return SqliteStore(settings.data)


def _admission(settings: Settings) -> Admission:
    return Admission(
        hosts=frozenset(settings.allowed_hosts),
        origins=frozenset(settings.allowed_origins),
        any_address=settings.no_auth,
    )
