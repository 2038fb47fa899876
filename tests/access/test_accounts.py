"""What a run may take is reserved before anything is done, and settled at its end."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.access.accounts import Accounts, RunAccount, Terms
from antiphon.access.limiter import MemoryLimiter
from antiphon.core.accounts import Budget, Key, Limits, Principal, Project, Settlement, Standing, UsageQuery, UsageSum
from antiphon.core.ports import ModelInfo, Served
from antiphon.core.prices import Prices
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.signals import Fault, RunSettled, Signal
from antiphon.models.router import Router
from antiphon.models.scripted import ScriptedModel
from antiphon.store.memory import MemoryStore
from tests.access.rosters import Watched, key, over, project
from tests.store.made import Clock, new

pytestmark = pytest.mark.anyio

PRICES = Prices(input=1.0, cached=0.5, output=10.0)
ASKING = Principal("a", "key_k", "responses")


class Dear(ScriptedModel):
    """A model that costs something."""

    def info(self) -> ModelInfo:
        return replace(super().info(), prices=PRICES)


class Named(Router):
    """A router that knows a model by another name as well."""

    def get(self, name: str) -> Served:
        return super().get("m" if name == "alias" else name)


class Counter:
    """Accounts over a store, with what they told."""

    def __init__(self, accounts: Accounts, store: MemoryStore, told: list[Signal]) -> None:
        self.accounts = accounts
        self.store = store
        self.told = told
        self.names: dict[RunAccount, str] = {}

    async def reserve(
        self, size: int = 400, most: int | None = 100, principal: Principal = ASKING, model: str = "m"
    ) -> RunAccount:
        name = new("resp")
        account = await self.accounts.reserve(principal, Request(model=model, max_output_tokens=most), name, size)
        self.names[account] = name
        return account

    async def settle(self, account: RunAccount, **used: Any) -> None:
        await account.settle(Settlement(response_id=self.names[account], status="completed", **used))

    async def adopt(self, left: RunAccount, model: str) -> RunAccount:
        adopted = await self.accounts.adopt("a", model, self.names[left])
        self.names[adopted] = self.names[left]
        return adopted

    async def refused(self, size: int = 400, most: int | None = 100) -> Problem:
        with pytest.raises(Problem) as found:
            await self.reserve(size, most)
        return found.value

    async def left(self) -> Standing:
        standing = await self.accounts.standing(ASKING, "m")
        assert standing is not None
        return standing

    async def used(self) -> list[UsageSum]:
        return await self.store.usage(UsageQuery(start=0, end=1e12, width=0, by=("project", "key", "model")))


async def counting(*rows: Key | Project, store: MemoryStore | None = None) -> Counter:
    clock, told = Clock(), list[Signal]()
    store = store or MemoryStore(clock=clock)
    directory = await over(Watched(), *rows)
    terms = Terms(max_output_tokens=1000, clock=clock)
    return Counter(
        Accounts(directory, MemoryLimiter(clock), store, Named([Dear("m")]), told.append, terms), store, told
    )


async def test_a_run_is_written_down_at_the_prices_of_its_model() -> None:
    counter = await counting(project("a"), key("k"))
    account = await counter.reserve()
    await account.open()
    await counter.settle(account, input_tokens=1000, cached_tokens=200, output_tokens=50)
    cost = (800 + 200 * 0.5 + 50 * 10) / 1e6
    (row,) = await counter.used()
    assert (row.project, row.key, row.model, row.responses, row.estimated) == ("a", "key_k", "m", 1, 0)
    assert (row.input_tokens, row.cached_tokens, row.output_tokens) == (1000, 200, 50)
    assert row.cost == pytest.approx(cost)
    (told,) = counter.told
    assert isinstance(told, RunSettled) and (told.project, told.model) == ("a", "m")
    assert told.cost == pytest.approx(cost) and told.status == "completed"


async def test_what_a_crash_left_open_stands_with_what_was_reserved() -> None:
    counter = await counting(project("a"), key("k"))
    await (await counter.reserve(size=401, most=100)).open()
    await (await counter.reserve(size=0, most=5000)).open()  # the server's own bound is lower
    assert await counter.store.settle_lost(2_000_000) == 2
    (row,) = await counter.used()
    assert (row.input_tokens, row.output_tokens, row.estimated) == (101, 1100, 2)
    assert row.cost == pytest.approx((101 + 1100 * 10) / 1e6)


async def test_tokens_are_reserved_and_settled_with_what_was_used() -> None:
    counter = await counting(project("a", limits=Limits(tokens_per_minute=1000)), key("k"))
    account = await counter.reserve(size=400, most=300)
    assert account.standing is not None and account.standing.remaining_tokens == 600
    problem = await counter.refused(size=0, most=601)
    assert problem.code == "rate_limit_exceeded" and problem.retry_after is not None
    await counter.settle(account, input_tokens=30, output_tokens=20)
    assert (await counter.left()).remaining_tokens == 950


async def test_a_refusal_takes_nothing_and_a_second_end_does_nothing() -> None:
    rows = project("a", limits=Limits(tokens_per_minute=1000, concurrent_runs=1), budget=Budget(hard=0.02)), key("k")
    counter = await counting(*rows)
    first = await counter.reserve(most=100)
    for _ in range(30):  # of which each would hold a twentieth of the budget
        assert (await counter.refused(most=100)).code == "rate_limit_exceeded"
    await first.open()
    await first.refuse()
    await first.refuse()
    await counter.settle(first, output_tokens=500)
    await first.leave()
    assert (await counter.left()).remaining_tokens == 1000 and await counter.used() == []
    second = await counter.reserve(most=900)
    await counter.settle(second)
    await counter.reserve(most=900)


async def test_the_budget_goes_before_the_limits_and_takes_nothing_of_them() -> None:
    rows = project("a", limits=Limits(requests_per_minute=5), budget=Budget(hard=0.02, soft=0.0005)), key("k")
    counter = await counting(*rows)
    account = await counter.reserve(size=0, most=1000)
    assert account.warning is None
    await counter.settle(account, output_tokens=500)
    second = await counter.reserve(size=0, most=1000)
    assert second.warning is not None and "0.005" in second.warning
    problem = await counter.refused(size=0, most=1000)
    assert (problem.code, problem.retry) == ("insufficient_quota", False)
    assert (await counter.left()).remaining_requests == 3


async def test_an_open_server_is_written_down_too_and_held_by_nothing() -> None:
    counter = await counting()
    account = await counter.reserve(principal=Principal())
    assert account.standing is None and account.warning is None
    await account.open()
    await counter.settle(account, input_tokens=5)
    (row,) = await counter.used()
    assert (row.project, row.key, row.input_tokens) == ("default", "", 5)
    assert await counter.accounts.standing(Principal(), "m") is None


async def test_a_run_of_another_process_keeps_its_row_and_holds_its_place() -> None:
    counter = await counting(project("a", limits=Limits(concurrent_runs=2, tokens_per_minute=2000)), key("k"))
    left = await counter.reserve(most=100)
    await left.open()
    await left.leave()
    running = [await counter.reserve(most=100) for _ in range(2)]
    adopted = await counter.adopt(left, "m")  # more than may, but it was let in before
    assert "limit 2, running 3" in (await counter.refused(most=100)).message
    await adopted.open()
    await counter.settle(adopted, output_tokens=50)
    (row,) = await counter.used()
    assert (row.key, row.output_tokens) == ("key_k", 50) and row.cost == pytest.approx(500 / 1e6)
    assert (await counter.left()).remaining_tokens == 1400, "its tokens were counted where it was let in"
    await running[0].refuse()
    await counter.reserve(most=100)


async def test_a_run_that_is_adopted_may_be_refused_and_its_model_be_gone() -> None:
    counter = await counting(project("a"), key("k"))
    for model, end in (("m", "refuse"), ("gone", "settle")):
        left = await counter.reserve()
        await left.open()
        await left.leave()
        adopted = await counter.adopt(left, model)
        await (adopted.refuse() if end == "refuse" else counter.settle(adopted, output_tokens=9))
    (row,) = await counter.used()
    assert (row.responses, row.output_tokens, row.cost) == (1, 9, 0)


async def test_under_an_alias_a_model_has_its_own_limits_and_row() -> None:
    counter = await counting(project("a", models={"m": Limits(requests_per_minute=1)}), key("k"))
    account = await counter.reserve(model="alias")
    await account.open()
    await counter.settle(account, output_tokens=1)
    with pytest.raises(Problem, match="'a/m'"):
        await counter.reserve(model="alias")
    assert [row.model for row in await counter.used()] == ["m"]


async def test_a_model_that_is_not_served_is_refused_before_anything_is_taken() -> None:
    counter = await counting(project("a", limits=Limits(requests_per_minute=1)), key("k"))
    with pytest.raises(Problem) as found:
        await counter.accounts.reserve(ASKING, Request(model="other"), "resp_1", 5)
    assert found.value.code == "model_not_found"
    assert (await counter.left()).remaining_requests == 1
    gone = await counter.accounts.standing(ASKING, "other")
    assert gone is not None and gone.remaining_requests == 1


async def test_a_store_that_cannot_write_is_told_and_frees_what_was_reserved() -> None:
    class Full(MemoryStore):
        def settle(self, project: str, settlement: Settlement) -> asyncio.Future[None]:
            return refusing()

        def uncharge(self, project: str, response_id: str) -> asyncio.Future[None]:
            return refusing()

    def refusing() -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(Problem(503, "store_unavailable", "the disk is full"))
        return future

    counter = await counting(project("a", limits=Limits(concurrent_runs=1)), key("k"), store=Full())
    for end in ("settle", "refuse"):
        account = await counter.reserve()
        await account.open()
        await (account.refuse() if end == "refuse" else counter.settle(account))
    assert [one.message for one in counter.told if isinstance(one, Fault)] == ["the disk is full"] * 2


async def test_of_many_at_once_no_more_come_in_than_may() -> None:
    limits = Limits(requests_per_minute=20, tokens_per_minute=3000, concurrent_runs=10)
    counter = await counting(project("a", limits=limits, models={"m": Limits(requests_per_day=5)}), key("k"))
    found = await asyncio.gather(*(counter.reserve() for _ in range(64)), return_exceptions=True)
    let_in = [one for one in found if isinstance(one, RunAccount)]
    assert len(let_in) == 5
    left = [one.standing.remaining_requests_day for one in let_in if one.standing is not None]
    assert left == [4, 3, 2, 1, 0]
