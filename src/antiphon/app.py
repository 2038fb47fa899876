"""The composition root: the only file that names concrete classes (DESIGN §2).

Knows nothing of commands. `run` serves until it is told to stop.
"""

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from antiphon.access import keys, secret
from antiphon.access.accounts import Accounts, Terms
from antiphon.access.attempts import Attempts, Proxies
from antiphon.access.directory import Directory
from antiphon.access.idempotency import Idempotency
from antiphon.access.limiter import MemoryLimiter
from antiphon.access.sealing import SecretSealer
from antiphon.api.admission import Admission
from antiphon.api.door import Door
from antiphon.api.gate import Gate
from antiphon.api.house import House
from antiphon.api.sockets import Sockets
from antiphon.config import load as load_config
from antiphon.contract.contract import Contract, load, names
from antiphon.contract.law import LawError
from antiphon.contract.own import read_files
from antiphon.core.ports import Served, Store, Telemetry
from antiphon.core.signals import Note
from antiphon.models.router import Router
from antiphon.observe.logs import structured
from antiphon.observe.metrics import Metrics
from antiphon.observe.telemetry import Fanout
from antiphon.runs.ids import now
from antiphon.runs.prompting import Prompting
from antiphon.runs.runner import Runner
from antiphon.runs.sweeper import Sweeper
from antiphon.runs.worker import Worker
from antiphon.settings import Settings, loopback
from antiphon.tools.attachments import Attachments
from antiphon.tools.fetch import WebFetcher

if TYPE_CHECKING:
    import socket

    import uvicorn

DAY = 24 * 60 * 60
TOLD = 5
"""Seconds in which readers are told of the end of what outlasted the grace."""


class StartError(Exception):
    """The server may not start like this: one sentence on why, and what to do."""


class App:
    """The rooms, put together as the settings say, with their life: `start`, `leave`, `stop`.

    `announce` is called when the memory is open and nothing but models is waited for.
    """

    def __init__(self, settings: Settings, announce: Callable[[], None]) -> None:
        metrics = Metrics()
        telemetry = self._telemetry = Fanout([structured(settings.log_format, settings.log_level), metrics])
        self._settings = settings
        self._announce = announce
        self._draining: asyncio.Task[None] | None = None
        self.fault: Exception | None = None
        server = token_hex(8)
        self._router = _router(settings, telemetry, server)
        self._store = _store(settings)
        own = secret.passing() if settings.ephemeral else secret.kept_in(settings.data)
        keying = secret.derived(own, "keys")
        self._directory = _directory(settings, self._store, keying)
        terms = Terms(settings.max_output_tokens, time.time)
        limiter = MemoryLimiter(time.monotonic)
        accounts = Accounts(self._directory, limiter, self._store, self._router, telemetry, terms)
        prompting = Prompting(
            self._router,
            self._store,
            SecretSealer(own),
            Attachments(WebFetcher(frozenset(settings.fetch_allowed))),
            settings.max_output_tokens,
        )
        self._runner = Runner(self._router, prompting, self._store, accounts, telemetry, settings.keep_days * DAY)
        self._worker = Worker(self._runner, self._store, telemetry, settings.background)
        self._sweeper = Sweeper(self._store, telemetry, settings.keep_log_hours * 3600)
        self._sockets = Sockets(settings.websocket_minutes, settings.websocket_lanes)
        house = House(
            contracts=_contracts(settings),
            models=self._router,
            store=self._store,
            accounts=accounts,
            runner=self._runner,
            prompting=prompting,
            worker=self._worker,
            idempotency=Idempotency(self._store, secret.derived(own, "idempotency"), now),
            telemetry=telemetry,
            key_secret=keying,
            gate=Gate(_admission(settings), self._directory, Proxies(settings.trusted_proxies)),
            metrics=metrics.page,
            metrics_type=metrics.content_type,
            max_body=settings.max_body_mib * 1024 * 1024,
            heartbeat=settings.heartbeat,
            server=server,
            behind=self._router.behind,
            sockets=self._sockets,
        )
        self.door = Door(house, opening=self.start, closing=self.stop)

    async def start(self) -> None:
        """Open the store, take up what was left, begin to load models. Raises `StoreError` or `StartError`."""
        try:
            began = time.time()
            await self._store.start()
            await self._directory.start()
            self._see_that_it_may_stand_open()
            self._announce()
            await self._router.start()
            await self._worker.start()
            if lost := await self._store.settle_lost(began):
                self._telemetry(Note("lost runs were settled", {"count": lost}))
        except Exception as fault:
            self.fault = fault
            raise
        self._sweeper.start()
        _collect_less()

    def _see_that_it_may_stand_open(self) -> None:
        """Refuse to stand open to others without it being said. Raises `StartError`."""
        settings, keyed = self._settings, self._directory.keyed
        if not (keyed or settings.no_auth or loopback(settings.host)):
            raise StartError(
                f"{settings.host} can be reached by others, and this server has no keys: make one with `antiphon keys "
                "create`, set ANTIPHON_ADMIN_KEY, listen on 127.0.0.1, or add --no-auth if everybody who reaches it "
                "may use it."
            )
        if keyed and settings.no_auth:
            self._telemetry(Note("--no-auth does nothing: this server has had a key, so that every request needs one"))

    async def leave(self) -> None:
        """Nobody new comes in: hand background runs back, and give foreground runs their grace.

        What outlasts it is cancelled, while its reader is still there to be told.
        """
        await self._worker.stop()
        self._sockets.leave()
        grace = self._settings.shutdown_grace
        self._draining = asyncio.get_running_loop().create_task(self._runner.drain(grace))

    async def stop(self) -> None:
        """Wait for the runs to end, write what waits, end the models."""
        await self._worker.stop()
        await (self._draining or self._runner.drain(self._settings.shutdown_grace))
        await self._sweeper.stop()
        await self._router.stop()
        await self._directory.stop()
        await self._store.stop()


def _contracts(settings: Settings) -> list[Contract]:
    """All that are shipped and those of one's own, the one that stands at /v1 first. Raises `StartError`."""
    try:
        found = [*map(load, names()), *read_files(settings.contract_file)]
    except LawError as fault:
        raise StartError(str(fault)) from None
    known = [one.name for one in found]
    if settings.contract not in known:
        raise StartError(f"there is no contract {settings.contract!r}; there are: {', '.join(known)}.")
    return sorted(found, key=lambda one: one.name != settings.contract)


def run(settings: Settings, announce: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then return.

    Raises `StoreError` where the memory can't be opened, `StartError` where it would stand open to others.
    """
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

    from antiphon.api import protocols

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
            http=protocols.Http,
            ws=protocols.WebSockets if settings.websocket else "none",
            ws_max_size=settings.max_body_mib * 1024 * 1024,
            ws_ping_interval=settings.heartbeat,
            ws_ping_timeout=None,  # who is slow to read is slow to answer a ping, and may be
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


def _directory(settings: Settings, store: Store, keying: bytes) -> Directory:
    admin = None if settings.admin_key is None else keys.digest(keying, settings.admin_key)
    return Directory(store, keying, admin, Attempts(time.monotonic), time.time)


def _admission(settings: Settings) -> Admission:
    return Admission(
        hosts=frozenset(settings.allowed_hosts),
        origins=frozenset(settings.allowed_origins),
        any_address=settings.no_auth,
    )
