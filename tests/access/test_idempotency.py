"""A request under a key is done once: the decisions, over a store."""

import asyncio
from typing import Any

import pytest

from antiphon.access.idempotency import GONE, Idempotency, Replay, Ticket, check_key
from antiphon.core.ports import Record
from antiphon.core.problems import Problem
from antiphon.runs.ids import now
from antiphon.store.memory import MemoryStore
from tests.stores import full

pytestmark = pytest.mark.anyio

PLACE = ("default", "POST /v1/responses", "k")


def over(store: MemoryStore, secret: bytes = b"secret") -> Idempotency:
    return Idempotency(store, secret, now)


async def refused(one: Idempotency, body: Any) -> str | None:
    with pytest.raises(Problem) as found:
        await one.claim(*PLACE, body)
    assert found.value.status == 409
    assert found.value.retry is (found.value.code == "idempotency_in_progress")
    return found.value.code


async def ticket(one: Idempotency, body: Any) -> Ticket:
    found = await one.claim(*PLACE, body)
    assert isinstance(found, Ticket)
    return found


async def test_until_the_work_is_over_a_duplicate_waits() -> None:
    store = MemoryStore()
    one = over(store)
    held = await ticket(one, {"a": 1})
    assert await refused(one, {"a": 1}) == "idempotency_in_progress"
    assert await refused(one, {"a": 2}) == "idempotency_key_conflict"
    await held.led_to(b"answer")
    assert await refused(one, {"a": 1}) == "idempotency_in_progress"
    held.over()
    assert await one.claim(*PLACE, {"a": 1}) == Replay(None, b"answer")
    assert await one.claim(*PLACE, {"a": 1}) == Replay(None, b"answer")
    assert await refused(one, {"a": 2}) == "idempotency_key_conflict"


async def test_only_one_of_many_gets_the_work() -> None:
    class Slow(MemoryStore):
        async def reserve(self, project: str, scope: str, key: str, record: Record) -> Record | None:
            await asyncio.sleep(0.01)
            return await super().reserve(project, scope, key, record)

    one = over(Slow())
    found = await asyncio.gather(*(one.claim(*PLACE, {"a": 1}) for _ in range(16)), return_exceptions=True)
    assert sum(isinstance(outcome, Ticket) for outcome in found) == 1
    assert sum(isinstance(outcome, Problem) for outcome in found) == 15


async def test_a_refused_request_leaves_nothing() -> None:
    one = over(MemoryStore())
    await (await ticket(one, {"a": 1})).refused()
    await (await ticket(one, {"a": 2})).refused()
    await ticket(one, {"a": 1})


async def test_while_a_key_is_withdrawn_nobody_else_gets_it() -> None:
    gate = asyncio.Event()

    class Slow(MemoryStore):
        async def withdraw(self, project: str, scope: str, key: str) -> None:
            await gate.wait()
            await super().withdraw(project, scope, key)

    one = over(Slow())
    held = await ticket(one, {"a": 1})
    leaving = asyncio.ensure_future(held.refused())
    await asyncio.sleep(0)
    assert await refused(one, {"a": 1}) == "idempotency_in_progress"
    gate.set()
    await leaving
    await ticket(one, {"a": 1})


async def test_after_a_crash_what_is_kept_decides() -> None:
    store = MemoryStore()
    await ticket(over(store), {"a": 1})
    await ticket(over(store), {"a": 1})  # nothing was kept: another process does it
    assert await refused(over(store), {"a": 2}) == "idempotency_key_conflict"
    store._records[PLACE].response_id = "resp_1"  # noqa: SLF001  as an opening does in its own commit
    assert await over(store).claim(*PLACE, {"a": 1}) == Replay("resp_1", None)


async def test_what_was_not_kept_is_not_done_again() -> None:
    store = MemoryStore()
    one = over(store)
    held = await ticket(one, {"a": 1})
    await held.led_to(GONE)
    held.over()
    with pytest.raises(Problem, match="store:false"):
        await one.claim(*PLACE, {"a": 1})
    assert await refused(over(store), {"a": 1}) == "idempotency_key_conflict"


async def test_the_fingerprint_is_keyed() -> None:
    prints = set()
    for secret in (b"one", b"two"):
        store = MemoryStore()
        await ticket(over(store, secret), {"input": "a secret"})
        prints.add(store._records[PLACE].fingerprint)  # noqa: SLF001  nothing else may tell it
    assert len(prints) == 2 and all(len(one) == 32 for one in prints)


async def test_a_store_that_fails_leaves_the_key_free() -> None:
    class Unwell(MemoryStore):
        ill = True

        async def reserve(self, project: str, scope: str, key: str, record: Record) -> Record | None:
            if self.ill:
                raise full()
            return await super().reserve(project, scope, key, record)

    store = Unwell()
    one = over(store)
    with pytest.raises(Problem, match="full"):
        await one.claim(*PLACE, {})
    store.ill = False
    await ticket(one, {})


def test_keys_are_visible_ascii() -> None:
    for key in ("a", "~" * 255, "!"):
        assert check_key(key) == key
    for key in ("", "a" * 256, "a b", "ü", "a\n"):
        with pytest.raises(Problem) as found:
            check_key(key)
        assert (found.value.status, found.value.param) == (400, "Idempotency-Key")
