"""The ledger: what the `Ledger` port says."""

import asyncio

import pytest
from msgspec.structs import replace

from antiphon.core.accounts import UsageQuery, UsageSum
from antiphon.core.ports import Store
from antiphon.core.response import InputTokensDetails, OutputTokensDetails, Usage
from tests.store.accounts import charged, settled
from tests.store.made import Clock, P, begun, ended

pytestmark = pytest.mark.anyio

EVER = UsageQuery(start=0, end=1e12, width=0)
ONE = UsageSum(
    start=0.0,
    responses=1,
    input_tokens=7,
    cached_tokens=3,
    output_tokens=20,
    reasoning_tokens=5,
    cost=0.5,
)


async def test_a_row_counts_once_it_is_closed_and_once_only(store: Store) -> None:
    await store.charge(charged("r"))
    assert await store.usage(EVER) == []
    await store.settle(P, settled("r"))
    assert await store.usage(EVER) == [ONE]
    await store.settle(P, settled("r", output_tokens=999))
    await store.charge(charged("r", input_tokens=999))
    await store.settle(P, settled("r", output_tokens=999))
    await store.uncharge(P, "r")
    assert await store.settle_lost(1e12) == 0
    assert await store.usage(EVER) == [ONE]


async def test_a_row_that_is_there_stays_as_it_is(store: Store) -> None:
    await store.charge(charged("r", model="first"))
    await store.charge(charged("r", model="second", opened_at=2_000_000.0))
    await store.settle(P, settled("r"))
    assert await store.usage(replace(EVER, by=("model",), end=1_000_001)) == [replace(ONE, model="first")]


async def test_what_was_refused_leaves_nothing(store: Store) -> None:
    await store.charge(charged("r"))
    await store.uncharge(P, "r")
    await store.uncharge(P, "unknown")
    await store.settle(P, settled("r"))
    await store.settle(P, settled("unknown"))
    assert await store.usage(EVER) == [] and await store.settle_lost(1e12) == 0
    await store.charge(charged("r"))
    await store.settle(P, settled("r"))
    assert await store.usage(EVER) == [ONE]


async def test_calls_take_effect_in_their_order(store: Store) -> None:
    calls = [
        store.charge(charged("a")),
        store.charge(charged("b")),
        store.uncharge(P, "a"),
        store.settle(P, settled("b")),
        store.settle(P, settled("a")),
    ]
    await asyncio.gather(*calls)
    assert await store.usage(EVER) == [ONE]


async def test_another_projects_row_is_not_touched(store: Store) -> None:
    await store.charge(charged("r"))
    await store.charge(charged("r", project="other", input_tokens=1, output_tokens=1))
    await store.settle("third", settled("r"))
    await store.uncharge("third", "r")
    await store.settle("other", settled("r"))
    by = replace(EVER, by=("project",))
    assert await store.usage(by) == [replace(ONE, project="other")]
    await store.settle(P, settled("r", cost=0.25))
    assert await store.usage(by) == [replace(ONE, project="other"), replace(ONE, project=P, cost=0.25)]
    assert await store.usage(replace(EVER, projects=(P,))) == [replace(ONE, cost=0.25)]
    assert await store.usage(replace(EVER, projects=("unknown",))) == []
    assert await store.usage(replace(EVER, projects=(P, "other"))) == [
        replace(ONE, responses=2, input_tokens=14, cached_tokens=6, output_tokens=40, reasoning_tokens=10, cost=0.75)
    ]


async def test_buckets_are_aligned_and_ends_are_left_out(store: Store) -> None:
    moments = {"a": 86_399.5, "b": 86_400.0, "c": 100_000.0, "d": 172_800.0, "e": 200_000.0}
    for name, moment in moments.items():
        await store.charge(charged(name, opened_at=moment))
        await store.settle(P, settled(name))
    two = replace(ONE, responses=2, input_tokens=14, cached_tokens=6, output_tokens=40, reasoning_tokens=10, cost=1.0)
    days = UsageQuery(start=86_399.5, end=200_000.0)
    assert await store.usage(days) == [ONE, replace(two, start=86_400.0), replace(ONE, start=172_800.0)]
    assert await store.usage(replace(days, start=86_400.0, end=172_800.0)) == [replace(two, start=86_400.0)]
    hours = replace(days, start=86_400.0, width=3_600)
    assert [one.start for one in await store.usage(hours)] == [86_400.0, 97_200.0, 172_800.0]
    assert await store.usage(replace(days, start=90_000.0, end=150_000.0, width=0)) == [replace(ONE, start=90_000.0)]


async def test_groups_stand_apart_and_in_order(store: Store) -> None:
    for number, (key, model) in enumerate([("k2", "m"), ("k1", "n"), ("k1", "m"), ("k1", "n")]):
        await store.charge(charged(f"r{number}", key=key, model=model))
        await store.settle(P, settled(f"r{number}", estimated=number == 3))
    sums = await store.usage(replace(EVER, by=("model", "key")))
    assert [(one.key, one.model, one.responses, one.estimated) for one in sums] == [
        ("k1", "m", 1, 0),
        ("k1", "n", 2, 1),
        ("k2", "m", 1, 0),
    ]
    sums = await store.usage(replace(EVER, by=("project", "model")))
    assert [(one.project, one.key, one.model, one.responses) for one in sums] == [(P, "", "m", 2), (P, "", "n", 2)]


# What a dead process left


async def test_what_was_lost_counts_as_it_was_reserved(store: Store) -> None:
    await store.charge(charged("r", opened_at=100.0))
    await store.charge(charged("later", opened_at=200.0))
    assert await store.settle_lost(200.0) == 1
    assert await store.settle_lost(200.0) == 0
    assert await store.usage(EVER) == [
        UsageSum(start=0.0, responses=1, estimated=1, input_tokens=10, output_tokens=100, cost=6.0)
    ]
    await store.settle(P, settled("r"))
    assert [one.responses for one in await store.usage(EVER)] == [1]


async def test_what_a_response_says_it_used_counts_before_what_was_reserved(store: Store, clock: Clock) -> None:
    opening = begun()
    name = opening.response.id
    usage = Usage(5, InputTokensDetails(cached_tokens=2), 50, OutputTokensDetails(reasoning_tokens=4), 55)
    await store.charge(charged(name))
    await store.open(opening)
    clock.now += 4
    await store.close(P, 0, replace(ended(opening), usage=usage), None)
    assert await store.settle_lost(clock.now) == 1
    # half of the input and half of the output that were reserved, each at its own price: 0.5 of 1.0, 2.5 of 5.0
    assert await store.usage(EVER) == [
        UsageSum(
            start=0.0,
            responses=1,
            input_tokens=5,
            cached_tokens=2,
            output_tokens=50,
            reasoning_tokens=4,
            cost=3.0,
        )
    ]


async def test_an_end_without_usage_counts_as_it_was_reserved(store: Store, clock: Clock) -> None:
    opening = begun()
    await store.charge(charged(opening.response.id))
    await store.open(opening)
    await store.close(P, 0, replace(ended(opening, [], "failed"), usage=None), None)
    assert await store.settle_lost(clock.now + 1) == 1
    [one] = await store.usage(EVER)
    assert (one.estimated, one.input_tokens, one.output_tokens, one.cost) == (1, 10, 100, 6.0)


async def test_a_run_that_goes_on_or_will_be_taken_up_is_left_alone(store: Store) -> None:
    waits = begun(background=True, request=b"{}")
    other = begun(project="other")
    for opening in (waits, other):
        await store.open(opening)
    await store.charge(charged(waits.response.id))
    await store.charge(charged(other.response.id))  # the same id, but of no response of this project
    assert await store.settle_lost(1e12) == 1
    claim = await store.claim(1.0, 2.0, None)
    assert claim is not None
    await store.close(P, claim.epoch, ended(waits), None)
    await store.settle(P, settled(waits.response.id))
    [one] = await store.usage(EVER)
    assert (one.responses, one.estimated, one.input_tokens) == (2, 1, 17)
