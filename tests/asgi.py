"""The server without sockets: the rooms put together over a store in memory, and a client of the ASGI app.

Knows nothing of any route. A reader can leave, and can be slow.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

from msgspec.structs import replace

from antiphon.access import keys
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
from antiphon.contract.contract import load, names
from antiphon.core.ports import Served, Store
from antiphon.core.signals import Signal
from antiphon.models.router import Router
from antiphon.models.scripted import ScriptedModel
from antiphon.observe.metrics import Metrics
from antiphon.observe.telemetry import Fanout
from antiphon.runs.ids import now
from antiphon.runs.prompting import Prompting
from antiphon.runs.runner import Runner
from antiphon.runs.worker import Worker
from antiphon.store.memory import MemoryStore
from antiphon.tools.attachments import Attachments
from antiphon.tools.fetch import WebFetcher
from tests.grammar import check_stream, parse_sse
from tests.stores import ReinedStore

SECRET = b"s" * 32
WAIT = 20.0
"""Seconds after which a test that waits for something gives up; it bounds a hang, and measures nothing."""


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that is about to be true."""
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110  what is waited for is seen from outside, as a user would
            await asyncio.sleep(0.002)


def script(*steps: dict[str, Any]) -> str:
    """An input that has the scripted model do these steps."""
    return json.dumps(steps)


def slow(count: int = 1000, delay: float = 0.005) -> str:
    """An input that has the scripted model speak for long: `w w w …`."""
    return script({"text": "w ", "whole": True, "count": count, "delay": delay})


@dataclass(frozen=True)
class Answer:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json", self.headers
        return json.loads(self.body)

    def error(self) -> tuple[int, str | None, str | None]:
        """Status, code and param of a refusal."""
        error = self.json()["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        return self.status, error["code"], error["param"]

    def events(self) -> list[dict[str, Any]]:
        """The events of a whole stream, which is in the grammar."""
        events = parse_sse(self.body)
        check_stream(events)
        return events


@dataclass(frozen=True)
class Entry:
    """Who may come in: what the settings let in, the proxies that are believed, the admin key, the time, and how
    long and wide a WebSocket may be."""

    admission: Admission = field(default_factory=Admission)
    trusted: tuple[str, ...] = ()
    admin_key: str | None = None
    clock: Callable[[], float] = time.time
    sockets: Callable[[], Sockets] = Sockets


@dataclass
class Exchanging:
    """A request under way. `slow` holds the server's writes back while it is cleared."""

    task: "asyncio.Task[None]" = field(init=False)
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    writes: list[bytes] = field(default_factory=list)
    done: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    slow: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def raw(self) -> bytes:
        """What has come so far."""
        return b"".join(self.writes)

    def events(self) -> list[dict[str, Any]]:
        """The events that have come so far."""
        lines = [line for line in self.raw.split(b"\n") if line.startswith(b"data: {")]
        return [json.loads(line[6:]) for line in lines]

    def leave(self) -> None:
        """Hang up."""
        self.gone.set()

    async def end(self) -> Answer:
        """The whole answer."""
        async with asyncio.timeout(WAIT):
            await self.task
        return Answer(self.status, self.headers, self.raw)

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.slow.wait()
        if message["type"] == "http.response.start":
            assert self.status == 0
            self.status = message["status"]
            pairs = message["headers"]
            self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
        else:
            assert self.status and not self.done
            if message.get("body"):
                self.writes.append(message["body"])
            self.done = not message.get("more_body", False)


@dataclass
class Rooms:
    """A server that runs in this loop. `kill` drops it as a crash would: nothing is written any more."""

    store: Store
    models: Router
    runner: Runner
    worker: Worker
    door: Door
    directory: Directory
    signals: list[Signal]
    process: "Process"
    peer: str = "127.0.0.1"

    def begin(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Exchanging:
        """Send a request, and go on at once. A body that is not bytes is sent as JSON."""
        path, _, query = path.partition("?")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"host": "localhost", "content-type": "application/json"} | dict(headers or {})
        scope: MutableMapping[str, Any] = {
            "type": "http",
            "client": (self.peer, 1),
            "method": method,
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        }
        exchanging = Exchanging()
        exchanging.slow.set()
        pieces = [data]

        async def receive() -> MutableMapping[str, Any]:
            if pieces:
                return {"type": "http.request", "body": pieces.pop(), "more_body": False}
            await exchanging.gone.wait()
            return {"type": "http.disconnect"}

        exchanging.task = asyncio.get_running_loop().create_task(self._serve(scope, receive, exchanging))
        return exchanging

    async def _serve(self, scope: MutableMapping[str, Any], receive: Any, exchanging: Exchanging) -> None:
        await self.door(scope, receive, exchanging.send)
        assert exchanging.done or exchanging.gone.is_set() or not exchanging.status, "an answer without an end"

    async def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request; its whole answer."""
        return await self.begin(method, path, body, headers).end()

    async def key(self, project: str = "default", **fields: Any) -> str:
        """The text of a new key."""
        made = keys.made(SECRET, keys.Draft(name="k", project=project), int(time.time()))
        await self.store.keep_key(replace(made.key, **fields))
        return made.text

    async def get(self, path: str) -> Any:
        """The JSON of a GET that succeeds."""
        answer = await self.ask("GET", f"/v1{path}")
        assert answer.status == 200, answer.body
        return answer.json()

    async def create(self, input: Any, headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
        """`POST /v1/responses`."""
        return await self.ask("POST", "/v1/responses", {"model": "scripted", "input": input} | fields, headers)

    def creating(self, input: Any, headers: Mapping[str, str] | None = None, **fields: Any) -> Exchanging:
        """`POST /v1/responses`, under way."""
        return self.begin("POST", "/v1/responses", {"model": "scripted", "input": input} | fields, headers)

    async def made(self, input: Any, **fields: Any) -> dict[str, Any]:
        """The response of a create that succeeds."""
        answer = await self.create(input, **fields)
        assert answer.status == 200, answer.body
        response: dict[str, Any] = answer.json()
        return response

    async def at(self, response_id: str, *statuses: str) -> dict[str, Any]:
        """The response, once it has one of these statuses."""
        async with asyncio.timeout(WAIT):
            while True:
                response: dict[str, Any] = await self.get(f"/responses/{response_id}")
                if response["status"] in statuses:
                    return response
                await asyncio.sleep(0.002)

    async def kill(self) -> None:
        """End every task of this server on the spot, as `kill -9` would; the store stays as it is."""
        self.process.dead = True
        runner, worker = self.runner, self.worker
        carriers = [run.carrier for run in runner._running.values()]  # noqa: SLF001  a crash asks nobody either
        carriers += [worker._keeper, *(task for _, task in worker._carrying.values())]  # noqa: SLF001
        tasks = [task for task in carriers if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Process:
    """A process's way to the store, which ends with it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        return _gone if self.dead else getattr(self.store, name)


def _gone(*_: object) -> None:
    raise asyncio.CancelledError


def rooms(
    store: Store | None = None,
    *models: Served,
    width: int = 4,
    heartbeat: float = 15.0,
    entry: Entry = Entry(),
    keep: int = 0,
) -> Rooms:
    """A server that was put together and not started."""
    signals: list[Signal] = []
    metrics = Metrics()
    telemetry = Fanout([signals.append, metrics])
    router = Router(models or [ScriptedModel()])
    process = Process(store or MemoryStore())
    kept = cast("Store", process)
    prompting = Prompting(router, kept, SecretSealer(SECRET), Attachments(WebFetcher()), 4096)
    admin = None if entry.admin_key is None else keys.digest(SECRET, entry.admin_key)
    directory = Directory(kept, SECRET, admin, Attempts(entry.clock), entry.clock)
    limiter = MemoryLimiter(entry.clock)
    accounts = Accounts(directory, limiter, kept, router, telemetry, Terms(4096, entry.clock))
    runner = Runner(router, prompting, kept, accounts, telemetry, keep)
    worker = Worker(runner, kept, telemetry, width)

    async def nothing() -> None:
        pass

    house = House(
        contracts=[load("openai"), *(load(name) for name in names() if name != "openai")],
        models=router,
        store=kept,
        accounts=accounts,
        runner=runner,
        prompting=prompting,
        worker=worker,
        idempotency=Idempotency(kept, b"secret", now),
        telemetry=telemetry,
        gate=Gate(entry.admission, directory, Proxies(entry.trusted)),
        key_secret=SECRET,
        metrics=metrics.page,
        metrics_type=metrics.content_type,
        max_body=2**20,
        heartbeat=heartbeat,
        server="rooms",
        behind=router.behind,
        sockets=entry.sockets(),
    )
    door = Door(house, opening=nothing, closing=nothing)
    return Rooms(process.store, router, runner, worker, door, directory, signals, process)


@asynccontextmanager
async def serving(store: Store | None = None, *models: Served, **options: Any) -> AsyncIterator[Rooms]:
    """A server that runs; it is told to stop at the end, and lets nothing behind."""
    made = rooms(store, *models, **options)
    await made.store.start()
    await made.directory.start()
    await made.worker.start()
    try:
        yield made
    finally:
        if isinstance(made.store, ReinedStore):  # or a test that fails would wait for ever
            made.store.failing = set()
            await made.store.commit()
        if not made.process.dead:
            await made.worker.stop()
            await made.runner.drain(0)
