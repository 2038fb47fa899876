"""What a run is charged: one row a response, opened before its model is asked, closed once in every ending."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from antiphon.core.accounts import Limits, Project, Settlement, UsageQuery, UsageSum
from antiphon.core.ports import Turn
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt
from antiphon.models.scripted import ScriptedModel
from antiphon.store.memory_ledger import MemoryLedger
from tests.asgi import Rooms, rooms, script, serving, slow, until
from tests.stores import ReinedStore, full

pytestmark = pytest.mark.anyio

USAGE = {"usage": {"input_tokens": 7, "output_tokens": 5, "cached_tokens": 3, "reasoning_tokens": 2}}
SAID = script({"text": "four words of text"}, USAGE)
WAYS: list[dict[str, Any]] = [
    {},
    {"stream": True},
    {"store": False},
    {"store": False, "stream": True},
    {"background": True},
]


def ends(ledger: MemoryLedger) -> list[Settlement | None]:
    """How every row was closed; None for one that is open."""
    return [entry.end for entry in ledger._entries.values()]  # noqa: SLF001  the rows are what is asked for


async def row(ledger: Any) -> Settlement:
    """The one row there is, once it is closed."""
    await until(lambda: len(ends(ledger)) == 1 and ends(ledger)[0] is not None)
    (end,) = ends(ledger)
    assert end is not None
    return end


async def sums(server: Rooms) -> UsageSum:
    (found,) = await server.store.usage(UsageQuery(start=0, end=1e12, width=0))
    return found


@pytest.mark.parametrize("fields", WAYS)
async def test_what_the_model_told_is_charged(fields: Mapping[str, Any]) -> None:
    async with serving() as server:
        assert (await server.create(SAID, **fields)).status == 200
        end = await row(server.store)
        assert (end.status, end.estimated) == ("completed", False)
        assert (end.input_tokens, end.cached_tokens, end.output_tokens, end.reasoning_tokens) == (7, 3, 5, 2)
        assert end.first_token is not None
        assert 0 <= end.first_token <= end.seconds
        total = await sums(server)
        assert (total.responses, total.input_tokens, total.output_tokens) == (1, 7, 5)


@pytest.mark.parametrize("fields", WAYS)
async def test_the_row_is_open_before_the_model_is_asked(fields: Mapping[str, Any]) -> None:
    seen: list[list[Settlement | None]] = []

    class Looking(ScriptedModel):
        async def open(self, prompt: Prompt) -> Turn:
            seen.append(ends(server.store))  # type: ignore[arg-type]  # the store in memory
            return await super().open(prompt)

    async with serving(None, Looking()) as server:
        await server.create("a", **fields)
        await row(server.store)
        assert seen == [[None]]


@pytest.mark.parametrize("fields", WAYS)
@pytest.mark.parametrize(
    ("steps", "status", "estimated"),
    [
        ([{"text": "one two"}, USAGE, {"stop": "length"}], "incomplete", False),
        ([{"text": "one two"}, {"fail": {"status": 500}}], "failed", True),
        ([{"text": "one two"}, {"crash": True}], "failed", True),
    ],
)
async def test_other_ends(fields: Mapping[str, Any], steps: list[Any], status: str, estimated: bool) -> None:  # noqa: FBT001  a row
    async with serving() as server:
        await server.create(script(*steps), **fields)
        end = await row(server.store)
        assert (end.status, end.estimated) == (status, estimated)
        assert end.output_tokens == (2 if estimated else 5)
        assert end.input_tokens > 7 if estimated else end.input_tokens == 7


@pytest.mark.parametrize("fields", [way for way in WAYS if "background" not in way])
async def test_a_client_that_leaves(fields: Mapping[str, Any]) -> None:
    async with serving() as server:
        reading = server.creating(slow(), **fields)
        await until(lambda: any(len(run.log) > 6 for run in server.runner._running.values()))  # noqa: SLF001
        reading.leave()
        await reading.end()
        end = await row(server.store)
        assert (end.status, end.estimated) == ("cancelled", True)
        assert end.output_tokens > 0


@pytest.mark.parametrize(
    ("input", "fields", "status"),
    [
        (script({"fail": {"status": 503, "code": "overloaded"}}), {}, 503),
        (script({"fail": {"status": 503, "code": "overloaded"}}), {"stream": True, "store": False}, 503),
        ("a", {"previous_response_id": "resp_none"}, 400),
        ("a", {"conversation": "conv_none", "background": True}, 404),
        ("a", {"model": "nobody"}, 404),
        ("a", {"temperature": 9}, 400),
    ],
)
async def test_what_is_refused_leaves_no_row(input: str, fields: Mapping[str, Any], status: int) -> None:
    async with serving() as server:
        assert (await server.create(input, **fields)).status == status
        assert ends(server.store) == []  # type: ignore[arg-type]  # the store in memory


async def test_a_model_that_refuses_in_the_background_was_free() -> None:
    async with serving() as server:
        await server.create(script({"fail": {"status": 503, "code": "overloaded"}}), background=True)
        end = await row(server.store)
        assert (end.status, end.input_tokens, end.output_tokens, end.estimated) == ("failed", 0, 0, False)


async def test_nobody_is_asked_where_the_row_can_not_be_written() -> None:
    class Poor(ReinedStore):
        async def charge(self, charge: object) -> None:
            raise full()

    class Untouched(ScriptedModel):
        async def open(self, prompt: Prompt) -> Turn:
            raise AssertionError("nobody pays for this")

    async with serving(Poor(), Untouched()) as server:
        for fields in WAYS:
            answer = await server.create("a", **fields)
            assert answer.error() == (503, "store_unavailable", None)


async def test_what_waits_and_is_cancelled_was_free() -> None:
    async with serving(width=1) as server:
        first = await server.made(slow(), background=True)
        second = await server.made("a", background=True)
        await until(lambda: any(len(run.log) > 6 for run in server.runner._running.values()))  # noqa: SLF001
        for one in (second, first):
            assert (await server.ask("POST", f"/v1/responses/{one['id']}/cancel")).status == 200
        await until(lambda: None not in ends(server.store))  # type: ignore[arg-type]  # the store in memory
        found = {end.response_id: end for end in ends(server.store) if end}  # type: ignore[arg-type]
        waited, ran = found[second["id"]], found[first["id"]]
        assert (waited.status, waited.input_tokens, waited.estimated) == ("cancelled", 0, False)
        assert (ran.status, ran.estimated) == ("cancelled", True)
        assert ran.output_tokens > 0


async def test_an_idempotent_retry_is_charged_once() -> None:
    async with serving() as server:
        for _ in range(2):
            await server.create(SAID, {"idempotency-key": "k"})
        assert (await sums(server)).responses == 1


async def test_a_run_of_a_dead_process_is_settled_by_the_next() -> None:
    store = ReinedStore()
    first = rooms(store)
    await first.worker.start()
    foreground = first.creating(slow(), stream=True)
    unseen = first.creating(slow(), store=False, stream=True)
    background = first.creating(slow(40, 0.01), stream=True, background=True)
    for one in (foreground, unseen, background):
        await until(lambda one=one: len(one.events()) > 6)
    await until(lambda: store.wrote.count("append") > 4)
    names = [one.events()[0]["response"]["id"] for one in (foreground, unseen, background)]
    await first.kill()
    assert ends(store) == [None] * 3
    async with serving(store) as second:
        assert await store.settle_lost(time.time() + 1) == 1
        await second.at(names[2], "completed")
        await until(lambda: None not in ends(store))
        found = {end.response_id: end for end in ends(store) if end}
        assert [found[name].status for name in names] == ["failed", "lost", "completed"]
        assert all(end.estimated for end in found.values())
        again = found[names[2]]
        alone = await second.made(slow(40, 0))
        assert again.input_tokens > alone["usage"]["input_tokens"]  # it was asked twice
        assert (await sums(second)).responses == 4


async def test_a_run_that_is_handed_back_is_charged_once_it_ends() -> None:
    store = ReinedStore()
    async with serving(store, width=1) as first:
        running = await first.made(slow(40, 0.01), background=True)
        waiting = await first.made(SAID, background=True)
        await first.at(running["id"], "in_progress")
    assert ends(store) == [None, None]
    async with serving(store) as second:
        assert await store.settle_lost(time.time() + 1) == 0
        for one in (running, waiting):
            await second.at(one["id"], "completed")
        await until(lambda: None not in ends(store))
        found = {end.response_id: end for end in ends(store) if end}
        assert found[running["id"]].estimated
        never_begun = found[waiting["id"]]
        assert (never_begun.estimated, never_begun.input_tokens, never_begun.output_tokens) == (False, 7, 5)


class Loading(ScriptedModel):
    """A model that is there after some looks; `looked` counts them."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks
        self.looked = 0

    async def open(self, prompt: Prompt) -> Turn:
        self.looked += 1
        if self.looked <= self.looks:
            raise Problem(503, "model_loading", "It loads.", retry_after=0.01)
        return await super().open(prompt)


async def test_a_background_run_waits_for_its_model_and_is_charged_once() -> None:
    model = Loading(3)
    async with serving(None, model) as server:
        made = await server.made(SAID, background=True)
        await server.at(made["id"], "completed")
        end = await row(server.store)
        assert (end.status, end.input_tokens, end.output_tokens, end.estimated) == ("completed", 7, 5, False)
        assert model.looked == 4
        model.looked = 0
        for fields in ({}, {"stream": True}):
            assert (await server.create("a", **fields)).error()[:2] == (503, "model_loading")
            model.looked = 0


async def test_a_background_run_that_waits_for_its_model_is_cancelled_for_nothing() -> None:
    model = Loading(10**9)
    async with serving(None, model) as server:
        made = await server.made("a", background=True)
        await until(lambda: model.looked > 2)
        assert (await server.ask("POST", f"/v1/responses/{made['id']}/cancel")).json()["status"] == "cancelled"
        end = await row(server.store)
        assert (end.status, end.input_tokens, end.output_tokens, end.estimated) == ("cancelled", 0, 0, False)


async def test_a_run_that_is_taken_up_again_has_its_place_among_the_runs() -> None:
    store = ReinedStore()
    await store.keep_project(Project(id="p", name="p", created_at=1, limits=Limits(concurrent_runs=2)))
    async with serving(store, width=1) as first:
        headers = {"authorization": f"Bearer {await first.key('p')}"}
        for _ in range(2):
            assert (await first.create(slow(30, 0.01), headers, background=True)).status == 200
        assert (await first.create("a", headers)).error() == (429, "rate_limit_exceeded", None)
    async with serving(store, width=2) as second:
        assert (await second.create("a", headers)).error() == (429, "rate_limit_exceeded", None)
        await until(lambda: None not in ends(store))
        assert (await second.create("a", headers)).status == 200
