"""Two projects that do random things: each is answered as if the other did not exist.

Whatever is asked for a project is asked of two stores: one in which both projects work, and one in which it is alone,
so that the other's ids never were there. The answers have to be equal. Ids are drawn from both.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule
from msgspec.structs import replace

from antiphon.core.accounts import UsageQuery
from antiphon.core.items import Item, Message
from antiphon.core.ports import Chunk, Claim, Conversation, Opening, PageQuery, Record, StaleEpoch, Store
from antiphon.core.problems import Problem
from antiphon.core.templates import Template
from tests.conformance.engines import started
from tests.store.accounts import a_key, a_project, charged, settled
from tests.store.made import Clock, assistant, beginning, begun, chunk, ended, new, told, user

PROJECT = st.sampled_from(["a", "b"])
MOSTLY_ITS = st.sampled_from([None, None, "a", "b"])
TEXT = st.sampled_from(["x", "y"])
KEY = st.sampled_from(["k", "l"])
STATUS = st.sampled_from(["completed", "incomplete", "failed"])
PAGE = st.builds(PageQuery, limit=st.integers(1, 3), order=st.sampled_from(["asc", "desc"]))
SCOPE = "POST /v1/responses"


class Apart(RuleBasedStateMachine):
    """Does each thing where both work and where its project is alone, and compares."""

    engine = ""
    runs = Bundle("runs")
    talks = Bundle("talks")
    sent = Bundle("sent")
    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.known: dict[str, Opening] = {}
        self.conversations: list[str] = []
        self.epochs: dict[tuple[str, str], int] = {}
        stores = self.loop.run_until_complete(self._start())
        self.both, self.alone = stores[0], dict(zip("ab", stores[1:], strict=True))

    async def _start(self) -> list[Store]:
        folder = Path(self.folder.name)
        engines = [started(self.engine, folder / name, self.clock) for name in ("both", "a", "b")]
        return [await self.stack.enter_async_context(engine) for engine in engines]

    def teardown(self) -> None:
        try:
            for project in "ab":
                self.whole(project)
        finally:
            self.loop.run_until_complete(self.stack.aclose())
            self.loop.close()
            self.folder.cleanup()

    def of(self, store: Store, ask: Callable[[Store], Awaitable[Any]]) -> Any:
        return self.loop.run_until_complete(_answer(ask, store))

    def ask(self, project: str, ask: Callable[[Store], Awaitable[Any]]) -> Any:
        """What the project is answered, which is the same in both places."""
        answer, expected = self.of(self.both, ask), self.of(self.alone[project], ask)
        assert answer == expected
        return answer

    def each(self, ask: Callable[[Store], Awaitable[int]]) -> None:
        """What is done for nobody in particular does for each what it does for it alone."""
        assert self.of(self.both, ask) == sum(self.of(store, ask) for store in self.alone.values())

    # What there is at first, so that no bundle is empty

    @initialize(target=sent)
    def items(self) -> Any:
        return multiple(user("x"), user("y"))

    @initialize(target=runs)
    def turns(self) -> Any:
        return multiple(*(self._turn(begun(project=project)) for project in "ab"))

    @initialize(target=talks)
    def conversations_(self) -> Any:
        return multiple(*(self.converse(project, [user("x")]) for project in "ab"))

    @initialize(target=keys)
    def accounts(self) -> Any:
        return multiple(*(self.key(project, "x") for project in "ab"))

    # Responses

    @rule(target=sent, text=TEXT, item=sent | st.none())
    def write(self, text: str, item: Message | None) -> Item:
        return user(text, None if item is None else str(item.id))

    @rule(
        target=runs,
        project=PROJECT,
        follows=runs | st.none(),
        items=st.lists(sent, max_size=2),
        background=st.booleans(),
        lasts=st.sampled_from([None, 10]),
        record=KEY | st.none(),
    )
    def begin(
        self,
        project: str,
        follows: str | None,
        items: list[Item],
        background: bool,  # noqa: FBT001  # hypothesis names it
        lasts: int | None,
        record: str | None,
    ) -> Any:
        expires_at = None if lasts is None else int(self.clock.now) + lasts
        fields: dict[str, Any] = {"follows": follows, "background": background, "expires_at": expires_at}
        place = None if record is None else (SCOPE, record)
        return self._begin(begun(items, project=project, request=b"{}", record=place, **fields))

    @rule(target=runs, project=PROJECT, conversation=talks, items=st.lists(sent, max_size=2))
    def begin_in(self, project: str, conversation: str, items: list[Item]) -> Any:
        return self._begin(begun(items, project=project, conversation=conversation))

    @rule(target=runs, project=PROJECT, key=KEY)
    def begin_under(self, project: str, key: str) -> Any:
        self.reserve(project, key)
        return self._begin(begun(project=project, record=(SCOPE, key)))

    def _begin(self, opening: Opening) -> Any:
        if self.ask(opening.project, lambda store: store.open(opening)) is not None:
            return multiple()
        self.known[opening.response.id] = opening
        return opening.response.id

    @rule(run=runs, project=MOSTLY_ITS)
    def tell(self, run: str, project: str | None) -> None:
        project = project or self.known[run].project
        log = self.ask(project, lambda store: store.log(project, run))
        more = [beginning(self.known[run].response), told(2, run)][min(len(log), 1)]
        if len(log) < 2:
            part = chunk(2 * len(log), *more)
            self.ask(project, lambda store: store.append(project, run, self._epoch(project, run), part))

    @rule(target=runs, project=PROJECT, follows=runs | st.none(), items=st.lists(sent, max_size=2))
    def turn(self, project: str, follows: str | None, items: list[Item]) -> Any:
        return self._turn(begun(items, project=project, follows=follows))

    def _turn(self, opening: Opening) -> Any:
        begun_ = self._begin(opening)
        if isinstance(begun_, str):
            self.end(begun_, opening.project, "completed", "x")
        return begun_

    @rule(run=runs, project=MOSTLY_ITS, status=STATUS, text=TEXT)
    def end(self, run: str, project: str | None, status: Any, text: str) -> None:
        project = project or self.known[run].project
        response = ended(self.known[run], [assistant(text)], status)
        closing = Chunk(90, 90, b'{"end":1}')
        self.ask(project, lambda store: store.close(project, self._epoch(project, run), response, closing))

    @rule(project=PROJECT, run=runs, query=PAGE, after=sent | st.none())
    def look(self, project: str, run: str, query: PageQuery, after: Item | None) -> None:
        query = replace(query, after=None if after is None else str(after.id))
        self.ask(project, lambda store: store.get(project, run))
        self.ask(project, lambda store: store.history(project, run))
        self.ask(project, lambda store: store.inputs(project, run, query))
        self.ask(project, lambda store: store.log(project, run))

    @rule(project=PROJECT, item=sent, within=runs | st.none())
    def look_up(self, project: str, item: Message, within: str | None) -> None:
        self.ask(project, lambda store: store.item(project, str(item.id), within))

    @rule(project=PROJECT, run=runs)
    def delete(self, project: str, run: str) -> None:
        self.ask(project, lambda store: store.delete(project, run))

    # Conversations

    @rule(target=talks, project=PROJECT, items=st.lists(sent, max_size=2))
    def converse(self, project: str, items: list[Item]) -> str:
        conversation = Conversation(id=new("conv"), created_at=1, metadata={"of": project})
        self.ask(project, lambda store: store.create(project, replace(conversation), items))
        self.conversations.append(conversation.id)
        return conversation.id

    @rule(project=PROJECT, talk=talks, item=sent, query=PAGE)
    def talk(self, project: str, talk: str, item: Message, query: PageQuery) -> None:
        self.ask(project, lambda store: store.add(project, talk, [item]))
        self.ask(project, lambda store: store.items(project, talk, query))

    @rule(project=PROJECT, talk=talks, item=sent, text=TEXT)
    def change(self, project: str, talk: str, item: Message, text: str) -> None:
        other = Conversation(id=talk, created_at=2, metadata={"of": text})
        self.ask(project, lambda store: store.update(project, other))
        self.ask(project, lambda store: store.remove(project, talk, str(item.id)))
        self.ask(project, lambda store: store.conversation(project, talk))

    @rule(project=PROJECT, talk=talks)
    def forget(self, project: str, talk: str) -> None:
        self.ask(project, lambda store: store.forget(project, talk))

    # Records: each does something under the same key

    @rule(key=KEY, acts=st.lists(st.tuples(PROJECT, st.sampled_from(["reserve", "fulfil", "withdraw"])), min_size=2))
    def remember(self, key: str, acts: list[tuple[str, str]]) -> None:
        for project, act in acts[:5]:
            record = Record(project.encode(), int(self.clock.now))
            led = replace(record, body=b'"%s"' % project.encode())
            match act:
                case "reserve":
                    self.reserve(project, key)
                case "fulfil":
                    self.ask(project, lambda store: store.fulfil(project, SCOPE, key, led))  # noqa: B023  # asked at once
                case "withdraw":
                    self.ask(project, lambda store: store.withdraw(project, SCOPE, key))  # noqa: B023  # as above

    def reserve(self, project: str, key: str) -> None:
        record = Record(project.encode(), int(self.clock.now))
        self.ask(project, lambda store: store.reserve(project, SCOPE, key, record))

    # The queue, which is the server's own: it takes the oldest of all, and that is the oldest of its project

    @rule(held=st.integers(0, 20))
    def claim(self, held: int) -> None:
        now = self.clock.now
        claim = self.of(self.both, lambda store: store.claim(now, now + held, None))
        for project, store in self.alone.items():
            if claim is None or claim.project == project:
                assert self.of(store, lambda store: store.claim(now, now + held, None)) == claim
        if claim is not None:
            self.epochs[claim.project, claim.response.id] = claim.epoch

    @rule()
    def interrupted(self) -> None:
        claims: list[Claim] = self.of(self.both, lambda store: store.interrupted())
        for project, store in self.alone.items():
            expected = [claim for claim in claims if claim.project == project]
            assert self.of(store, lambda store: store.interrupted()) == expected
        self.epochs |= {(claim.project, claim.response.id): claim.epoch for claim in claims}

    @rule(project=PROJECT, run=runs, release=st.booleans())
    def hold(self, project: str, run: str, release: bool) -> None:  # noqa: FBT001  # hypothesis names it
        epoch = self._epoch(project, run)
        if release:
            self.ask(project, lambda store: store.release(project, run, epoch))
        else:
            self.ask(project, lambda store: store.renew(project, run, epoch, self.clock.now + 9))

    def _epoch(self, project: str, run: str) -> int:
        return self.epochs.get((project, run), 0)

    # Keys, projects and the ledger

    @rule(target=keys, project=PROJECT, text=TEXT)
    def key(self, project: str, text: str) -> Any:
        key = a_key(project=project, name=text)
        self.ask(project, lambda store: store.keep_project(a_project(id=project, name=text)))
        self.ask(project, lambda store: store.keep_key(key))
        return key

    @rule(key=keys, at=st.integers(1, 9))
    def use(self, key: Any, at: int) -> None:
        self.ask(key.project, lambda store: store.keep_key(replace(key, revoked_at=at)))
        self.ask(key.project, lambda store: store.used(key.id, at))

    @rule(run=runs, acts=st.lists(st.tuples(PROJECT, st.sampled_from(["charge", "settle", "uncharge"])), min_size=2))
    def count(self, run: str, acts: list[tuple[str, str]]) -> None:
        """Each does something under the same id."""
        for project, act in acts[:5]:
            row = charged(run, project=project, opened_at=self.clock.now)
            match act:
                case "charge":
                    self.ask(project, lambda store: store.charge(row))  # noqa: B023  # as above
                case "settle":
                    self.ask(project, lambda store: store.settle(project, settled(run)))  # noqa: B023  # as above
                case "uncharge":
                    self.ask(project, lambda store: store.uncharge(project, run))  # noqa: B023  # as above

    @rule(run=runs, project=PROJECT)
    def settle_lost(self, run: str, project: str) -> None:
        row = charged(run, project=project, opened_at=self.clock.now)
        self.ask(project, lambda store: store.charge(row))
        self.each(lambda store: store.settle_lost(self.clock.now + 1))

    # Prompts

    @rule(project=PROJECT, name=KEY, version=st.integers(1, 3), text=TEXT)
    def keep_prompt(self, project: str, name: str, version: int, text: str) -> None:
        made = Template(id=name, version=version, created_at=1, fields={"instructions": text})
        self.ask(project, lambda store: store.keep_prompt(project, made))

    @rule(project=PROJECT, name=KEY)
    def forget_prompt(self, project: str, name: str) -> None:
        self.ask(project, lambda store: store.forget_prompt(project, name))

    # Time, and the end of it all

    @rule(seconds=st.integers(1, 15), sweeps=st.integers(0, 2))
    def wait(self, seconds: int, sweeps: int) -> None:
        self.clock.now += seconds
        for _ in range(sweeps):
            self.each(lambda store: store.sweep(int(self.clock.now), int(self.clock.now) - 10))

    @rule(project=PROJECT, really=st.integers(0, 3))
    def purge(self, project: str, really: int) -> None:
        if really == 0:
            self.ask(project, lambda store: store.purge(project))

    @rule(project=PROJECT)
    def whole(self, project: str) -> None:
        """All that a project has, and all that it may ask."""
        query = UsageQuery(start=0, end=1e12, by=("project", "key", "model"), projects=(project,))
        self.ask(project, lambda store: store.usage(query))
        self.ask(project, lambda store: _lines(store, project))
        self.ask(project, lambda store: _accounts(store, project))
        self.ask(project, lambda store: store.prompts(project))
        for run in self.known:
            self.ask(project, lambda store, run=run: store.get(project, run))  # type: ignore[misc]  # a default binds
            self.ask(project, lambda store, run=run: store.history(project, run))  # type: ignore[misc]  # as above
        for talk in self.conversations:
            self.ask(project, lambda store, talk=talk: store.turns(project, talk))  # type: ignore[misc]  # as above


async def _answer(ask: Callable[[Store], Awaitable[Any]], store: Store) -> Any:
    try:
        return await ask(store)
    except Problem as problem:
        return problem.status, problem.code, problem.param, problem.message
    except StaleEpoch:
        return StaleEpoch


async def _lines(store: Store, project: str) -> list[bytes]:
    return [line async for line in store.export(project)]


async def _accounts(store: Store, project: str) -> Any:
    roll = await store.roll()
    mine = [key for key in roll.keys if key.project == project]
    return mine, [one for one in roll.projects if one.id == project]


class ApartInMemory(Apart):
    engine = "memory"


class ApartInSqlite(Apart):
    engine = "sqlite"


TestApartInMemory = ApartInMemory.TestCase
TestApartInSqlite = ApartInSqlite.TestCase
TestApartInMemory.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestApartInSqlite.settings = settings(TestApartInMemory.settings, max_examples=40)
