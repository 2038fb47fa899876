"""The upstreams of this server, looked after: asked at the start and again and again, and the models behind them.

Knows nothing of requests. A model that is set up is served whatever its upstreams say; those of an
upstream that no such model names are served under their own names, as it lists them.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from antiphon.core.ports import Model, ModelInfo, Readiness, Served, Telemetry
from antiphon.core.signals import UpstreamChanged
from antiphon.models.chat import ChatModel
from antiphon.models.http import Http
from antiphon.models.lane import Lane
from antiphon.models.probe import Finding, Listed, kind_of, points_to, probe
from antiphon.models.responses import ResponsesModel
from antiphon.models.routed import Route, RoutedModel
from antiphon.models.routing import Retries
from antiphon.models.upstream import Kind, Upstream, UpstreamFault
from antiphon.models.upstream_config import Configured, ModelTable

REFRESH = 60.0
"""Seconds between two looks at all upstreams."""

IMPATIENT = 5.0
"""The same while one of them can't be asked."""

ITSELF = "is this server itself"
BACK = "leads back to this server: the upstreams stand in a circle"

Speaks = Callable[[Upstream, str, Http], Model]


SPEAKERS: dict[Kind, Speaks] = {"chat": ChatModel, "responses": ResponsesModel}
"""Who speaks with an upstream of each kind."""


class Known(Struct):
    """What is known of an upstream: its lane, and what it said last. `own` is whether it is this server."""

    lane: Lane
    own: bool = False
    finding: Finding | None = None
    asked: bool = False


class Upstreams:
    """Satisfies `router.Source`.

    listening
        host and port of this server, so that it is not its own upstream.
    server
        its id among others, so that none behind it leads back to it; "" for none.
    retries
        how often an upstream is asked again, and when.
    """

    def __init__(
        self,
        configured: Configured,
        telemetry: Telemetry,
        listening: tuple[str, int],
        server: str = "",
        retries: Retries | None = None,
    ) -> None:
        self._telemetry = telemetry
        self._tables = configured.models
        self._server = server
        self._retries = retries
        self._http = Http(server)
        self._known = {
            name: Known(Lane(upstream, telemetry), asked=name in configured.asked)
            for name, upstream in configured.upstreams.items()
        }
        self._named = {name for table in configured.models.values() for name in table.upstreams}
        for known in self._known.values():
            if points_to(known.lane.upstream.url, *listening):
                known.own, known.lane.unusable = True, ITSELF
        self._task: asyncio.Task[None] | None = None
        self._looked = False
        self._models: dict[str, Served] = {}
        self._speakers: dict[tuple[Upstream, str], Model] = {}
        self._build()

    def find(self, name: str) -> Served | None:
        """The model of that name or alias."""
        return self._models.get(name)

    def list(self) -> Sequence[ModelInfo]:
        """Every model and alias, in the order in which they were set up, then as they are listed."""
        return [replace(model.info(), id=name) for name, model in self._models.items()]

    def readiness(self) -> Readiness:
        """Ready when every upstream was asked once, and there is a model or none of them fails."""
        if not self._looked:
            return Readiness(ready=False, detail="asking the upstreams for their models")
        found = ((name, known.finding) for name, known in self._known.items() if known.finding)
        unwell = next(((name, one) for name, one in found if one.state != "ready"), None)
        if self._models or unwell is None:
            return Readiness(ready=True)
        return Readiness(ready=False, detail=f"the upstream '{unwell[0]}' {unwell[1].detail}")

    def behind(self) -> Sequence[str]:
        """The ids of the servers that stand there, those that lead back to this one too."""
        return [one for known in self._known.values() if known.finding for one in known.finding.servers]

    async def start(self) -> None:
        """Begin to ask."""
        self._task = asyncio.get_running_loop().create_task(self._look_after())

    async def stop(self) -> None:
        """Ask no more, and close every connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._http.close()

    async def look(self) -> dict[str, Finding]:
        """Ask every upstream once; what each said, by name."""
        await asyncio.gather(*(self._ask(known) for known in self._known.values()))
        self._build()
        self._looked = True
        return {name: known.finding for name, known in self._known.items() if known.finding is not None}

    async def _look_after(self) -> None:
        while True:
            await self.look()
            unwell = any(known.finding and known.finding.state != "ready" for known in self._known.values())
            await asyncio.sleep(IMPATIENT if unwell else REFRESH)

    async def _ask(self, known: Known) -> None:
        lane = known.lane
        finding = Finding("unusable", ITSELF) if known.own else await self._probed(known)
        before, known.finding = known.finding, finding
        lane.doubtful = finding.state != "ready"  # it is asked last: a key may be good for answers, not for lists
        if before is None or (before.state, before.detail) != (finding.state, finding.detail):
            self._telemetry(UpstreamChanged(lane.upstream.name, finding.state, finding.detail))

    async def _probed(self, known: Known) -> Finding:
        lane = known.lane
        finding = await probe(lane.upstream, self._http)
        if self._server in finding.servers:
            lane.unusable = ITSELF if finding.servers[0] == self._server else BACK
            return replace(finding, state="unusable", detail=lane.unusable, models=())
        lane.unusable = ""
        if finding.state == "ready" and known.asked:
            finding = await self._find_kind(known, finding)
        return finding

    async def _find_kind(self, known: Known, finding: Finding) -> Finding:
        upstream = known.lane.upstream
        try:
            # One that names servers is another Antiphon, which has both, and says more in the one that is its own.
            kind: Kind = "responses" if finding.servers else await kind_of(upstream, self._http)
        except UpstreamFault:
            return finding
        known.asked = False
        known.lane.upstream = replace(upstream, kind=kind)
        return replace(finding, kind=kind)

    def _build(self) -> None:
        """The models as they are now."""
        models: dict[str, Served] = {}
        for name, table in self._tables.items():
            model = self._configured(name, table)
            if model is not None:
                models |= dict.fromkeys((name, *table.aliases), model)
        own: dict[str, list[tuple[Known, Listed]]] = {}
        for name, known in self._known.items():
            for listed in known.finding.models if known.finding and name not in self._named else ():
                own.setdefault(listed.id, []).append((known, listed))
        for name, places in own.items():
            if name not in models:
                info = ModelInfo(name, places[0][1].created, places[0][0].lane.upstream.name, _context(places))
                models[name] = self._made(info, [(known.lane, name) for known, _ in places], None)
        self._models = models

    def _configured(self, name: str, table: ModelTable) -> Served | None:
        lanes = [self._known[one].lane for one in table.upstreams if one in self._known]
        if not lanes:
            return None
        context = table.context or self._told(name, table)
        info = ModelInfo(name, 0, lanes[0].upstream.name, context, table.prices, table.contracts)
        return self._made(info, [(lane, table.there(name, lane.upstream.name)) for lane in lanes], table)

    def _told(self, name: str, table: ModelTable) -> int:
        """The smallest context that the upstreams of a model tell; 0 where none does."""
        places = [
            (known, listed)
            for known in (self._known[one] for one in table.upstreams if one in self._known)
            for listed in (known.finding.models if known.finding else ())
            if listed.id == table.there(name, known.lane.upstream.name)
        ]
        return _context(places)

    def _made(self, info: ModelInfo, places: Iterable[tuple[Lane, str]], table: ModelTable | None) -> Served:
        takes = frozenset(table.takes) if table is not None and table.takes is not None else None
        routes = []
        for lane, there in places:
            upstream = lane.upstream if takes is None else replace(lane.upstream, takes=takes)
            routes.append(Route(lane, self._speaker(upstream, there)))
        return RoutedModel(info, routes, self._telemetry, self._retries)

    def _speaker(self, upstream: Upstream, there: str) -> Model:
        """The model there; the same object each time, since it learns what its upstream takes."""
        found = self._speakers.get((upstream, there))
        if found is None:
            found = self._speakers[upstream, there] = SPEAKERS[upstream.kind](upstream, there, self._http)
        return found


def _context(places: Sequence[tuple[Known, Listed]]) -> int:
    return min((listed.context for _, listed in places if listed.context), default=0)
