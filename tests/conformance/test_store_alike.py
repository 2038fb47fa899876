"""Random interleavings on every engine at once: all give the same answers as the one in memory."""

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

from antiphon.core.items import Item, Message
from antiphon.core.ports import Chunk, Conversation, Opening, PageQuery, StaleEpoch, Store
from antiphon.core.problems import Problem
from tests.conformance.engines import ENGINES, started
from tests.store.made import Clock, P, assistant, beginning, begun, chunk, ended, new, told, user

TEXT = st.sampled_from(["a", "b", "c"])
STATUS = st.sampled_from(["completed", "completed", "incomplete", "failed", "cancelled"])
PAGE = st.builds(PageQuery, limit=st.integers(1, 4), order=st.sampled_from(["asc", "desc"]))


class Alike(RuleBasedStateMachine):
    """Does each thing to every engine, and compares what comes back."""

    runs = Bundle("runs")
    responses = Bundle("responses")
    conversations = Bundle("conversations")
    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.known: dict[str, Opening] = {}
        self.talks: list[str] = []
        self.epochs: dict[str, int] = {}
        self.stores: list[Store] = self.loop.run_until_complete(self._start())

    async def _start(self) -> list[Store]:
        folder = Path(self.folder.name)
        return [await self.stack.enter_async_context(started(name, folder / name, self.clock)) for name in ENGINES]

    def teardown(self) -> None:
        try:
            self.alike()
        finally:
            self._stop()

    def _stop(self) -> None:
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.close()
        self.folder.cleanup()

    def both(self, ask: Callable[[Store], Awaitable[Any]]) -> Any:
        """What every engine answers."""
        answers = [self.loop.run_until_complete(_answer(ask, store)) for store in self.stores]
        for name, answer in zip(ENGINES, answers, strict=True):
            assert answer == answers[0], f"{name} differs"
        return answers[0]

    @initialize(target=sent)
    def first_items(self) -> Any:
        """No bundle is empty: a draw from an empty one would end the example."""
        return multiple(user("a"), user("b"), user("c"))

    @initialize(target=responses)
    def first_response(self) -> Any:
        return self._turn(begun(), "completed", "a")

    @initialize(target=conversations)
    def first_conversation(self) -> str:
        return self.create([user("start")])

    @rule(target=sent, text=TEXT)
    def write(self, text: str) -> Item:
        """An item that is sent, perhaps more than once."""
        return user(text)

    @rule(target=sent, item=sent, text=TEXT)
    def rewrite(self, item: Message, text: str) -> Item:
        """The same id with other content."""
        assert isinstance(item.id, str)
        return user(text, item.id)

    @rule(
        target=runs,
        follows=responses | st.none(),
        items=st.lists(sent, max_size=3),
        background=st.booleans(),
        lasts=st.sampled_from([None, 5, 50]),
    )
    def begin(self, follows: str | None, items: list[Item], background: bool, lasts: int | None) -> Any:  # noqa: FBT001  # hypothesis names it
        expires_at = None if lasts is None else int(self.clock.now) + lasts
        opening = begun(items, follows=follows, background=background, expires_at=expires_at, request=b"{}")
        return self._begin(opening)

    @rule(target=runs, conversation=conversations, items=st.lists(sent, max_size=3))
    def begin_in(self, conversation: str, items: list[Item]) -> Any:
        return self._begin(begun(items, conversation=conversation))

    def _begin(self, opening: Opening) -> Any:
        """Gives the response's id, or nothing for the bundle where it was refused."""
        if self.both(lambda store: store.open(opening)) is not None:
            return multiple()
        self.known[opening.response.id] = opening
        return opening.response.id

    @rule(target=responses, follows=responses | st.none(), items=st.lists(sent, max_size=2), status=STATUS, text=TEXT)
    def turn(self, follows: str | None, items: list[Item], status: Any, text: str) -> Any:
        """A whole turn, so that chains and forks grow fast."""
        return self._turn(begun(items, follows=follows), status, text)

    @rule(target=responses, conversation=conversations, items=st.lists(sent, max_size=2), status=STATUS, text=TEXT)
    def turn_in(self, conversation: str, items: list[Item], status: Any, text: str) -> Any:
        """The same in a conversation."""
        return self._turn(begun(items, conversation=conversation), status, text)

    def _turn(self, opening: Opening, status: Any, text: str) -> Any:
        begun_ = self._begin(opening)
        if isinstance(begun_, str):
            response = ended(opening, text, status)
            self.both(lambda store: store.close(P, 0, response, None))
        return begun_

    @rule(run=runs, number=st.integers(0, 1))
    def tell(self, run: str, number: int) -> None:
        """The log of a run: all of it, or something under an old epoch."""
        log = self.both(lambda store: store.log(P, run))
        epoch = self.epochs.get(run, 0) - number
        more = [beginning(self.known[run].response), told(2, run)][min(len(log), 1)]
        if len(log) < 2:
            self.both(lambda store: store.append(P, run, epoch, chunk(2 * len(log), *more)))

    @rule(target=responses, run=runs, status=STATUS, texts=st.lists(TEXT, max_size=2), last=st.booleans())
    def end(self, run: str, status: Any, texts: list[str], last: bool) -> str:  # noqa: FBT001  # as above
        response = ended(self.known[run], [assistant(text) for text in texts], status)
        closing = Chunk(90, 90, b"end") if last else None
        self.both(lambda store: store.close(P, self.epochs.get(run, 0), response, closing))
        return run

    @rule(held=st.integers(0, 20), interrupted=st.booleans())
    def claim(self, held: int, interrupted: bool) -> None:  # noqa: FBT001  # as above
        now = self.clock.now
        if interrupted:
            for claim in self.both(lambda store: store.interrupted()):
                self.epochs[claim.response.id] = claim.epoch
        claim = self.both(lambda store: store.claim(now, now + held, None))
        if claim is not None:
            self.epochs[claim.response.id] = claim.epoch

    @rule(response=responses)
    def delete(self, response: str) -> None:
        self.both(lambda store: store.delete(P, response))

    @rule(seconds=st.integers(1, 30), sweeps=st.integers(0, 2))
    def wait(self, seconds: int, sweeps: int) -> None:
        self.clock.now += seconds
        for _ in range(sweeps):
            self.both(lambda store: store.sweep(int(self.clock.now), int(self.clock.now) - 10))

    @rule(target=conversations, items=st.lists(sent, max_size=3))
    def converse(self, items: list[Item]) -> str:
        return self.create(items)

    def create(self, items: list[Item]) -> str:
        """A conversation, on every engine."""
        conversation = Conversation(id=new("conv"), created_at=1, metadata={"n": len(items)})
        self.both(lambda store: store.create(P, replace(conversation), items))
        self.talks.append(conversation.id)
        return conversation.id

    @rule(conversation=conversations, items=st.lists(sent, min_size=1, max_size=2))
    def add(self, conversation: str, items: list[Item]) -> None:
        self.both(lambda store: store.add(P, conversation, items))

    @rule(conversation=conversations, item=sent)
    def remove(self, conversation: str, item: Message) -> None:
        self.both(lambda store: store.remove(P, conversation, str(item.id)))

    @rule(conversation=conversations)
    def forget(self, conversation: str) -> None:
        self.both(lambda store: store.forget(P, conversation))

    @rule(conversation=conversations, query=PAGE)
    def list_conversation(self, conversation: str, query: PageQuery) -> None:
        page = self.both(lambda store: store.items(P, conversation, query))
        if page is not None and page.more:
            self.both(lambda store: store.items(P, conversation, replace(query, after=page.items[-1].id)))

    @rule(response=responses, query=PAGE)
    def list_inputs(self, response: str, query: PageQuery) -> None:
        page = self.both(lambda store: store.inputs(P, response, query))
        if page is not None and page.more:
            self.both(lambda store: store.inputs(P, response, replace(query, after=page.items[-1].id)))

    @rule(item=sent, within=responses | st.none())
    def look_up(self, item: Message, within: str | None) -> None:
        self.both(lambda store: store.item(P, str(item.id), within))

    @rule()
    def alike(self) -> None:
        """Every response and every conversation, whole."""
        for response in self.known:
            self.both(lambda store, response=response: store.get(P, response))  # type: ignore[misc]  # a default binds
            self.both(lambda store, response=response: store.history(P, response))  # type: ignore[misc]  # as above
        for talk in self.talks:
            self.both(lambda store, talk=talk: store.turns(P, talk))  # type: ignore[misc]  # as above


async def _answer(ask: Callable[[Store], Awaitable[Any]], store: Store) -> Any:
    try:
        return await ask(store)
    except Problem as problem:
        return problem.status, problem.code, problem.param
    except StaleEpoch:
        return StaleEpoch


TestAlike = Alike.TestCase
TestAlike.settings = settings(
    max_examples=120, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
