"""The worker: leases, order and width, and recovery by kind of item (DESIGN §4, "Recovery").

A crash is a server that is dropped with its tasks while its store stays; the next one starts on that store.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from antiphon.core.deltas import Delta
from antiphon.core.ports import Turn
from antiphon.core.prompt import Prompt
from antiphon.core.wire import decode_event
from antiphon.models.scripted import ScriptedModel, script_of
from antiphon.runs import worker as worker_room
from tests.asgi import Rooms, rooms, script, serving, slow, until
from tests.grammar import check_stream
from tests.stores import ReinedStore, full

pytestmark = pytest.mark.anyio


class Deaf(ScriptedModel):
    """A model that can't go on in the middle of a text."""

    continues = False


class Counting(ScriptedModel):
    """A model that knows who asked, in order, and how many it answered at once."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.going = self.most = 0

    async def open(self, prompt: Prompt) -> Turn:
        self.begun.append(script_of(prompt.items)[0].text or "")
        return self._counted(await super().open(prompt))

    async def _counted(self, turn: Turn) -> AsyncIterator[Sequence[Delta]]:
        self.going += 1
        self.most = max(self.most, self.going)
        try:
            async for deltas in turn:
                yield deltas
        finally:
            self.going -= 1


async def started(store: ReinedStore, **options: Any) -> Rooms:
    """A server that nobody stops: it is killed, or ends with the test."""
    made = rooms(store, **options)
    await store.start()
    await made.worker.start()
    return made


async def kept_events(store: ReinedStore, name: str) -> list[dict[str, Any]]:
    """What the store has of a log."""
    lines = [line for chunk in await store.log("default", name) for line in chunk.data.split(b"\n")]
    for line in lines:
        decode_event(line)
    return [json.loads(line) for line in lines]


async def texts(server: Rooms, name: str) -> list[str]:
    """What was said in each message of a response."""
    response = await server.get(f"/responses/{name}")
    return ["".join(part["text"] for part in item["content"]) for item in response["output"]]


# Recovery


async def test_what_was_read_before_a_crash_is_read_again_and_the_text_goes_on() -> None:
    store = ReinedStore()
    first = await started(store)
    reading = first.creating(slow(60, 0.003), stream=True, background=True)
    await until(lambda: len(reading.events()) > 20)
    await first.kill()
    seen = reading.raw.removesuffix(b"\n\n")
    read = reading.events()
    name = read[0]["response"]["id"]
    async with serving(store) as second:
        answer = await second.ask("GET", f"/v1/responses/{name}?stream=true")
        assert answer.body.startswith(seen)
        events = answer.events()
        assert events[: len(read)] == read
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert [event["type"] for event in events].count("response.completed") == 1
        assert len({event["item_id"] for event in events if "item_id" in event}) == 1
        assert await texts(second, name) == ["w " * 60]
        assert await kept_events(store, name) == events


async def test_finished_items_stay_and_the_rest_is_made() -> None:
    store = ReinedStore()
    steps = script({"reasoning": "first", "whole": True}, {"text": "w ", "whole": True, "count": 50, "delay": 0.005})
    first = await started(store)
    name = (await first.made(steps, background=True))["id"]
    await until(lambda: "append" in store.wrote[3:])
    before = (await first.get(f"/responses/{name}"))["output"]
    await first.kill()
    assert [item["type"] for item in before] == ["reasoning"]
    async with serving(store) as second:
        final = await second.at(name, "completed", "failed")
        assert final["status"] == "completed"
        assert final["output"][0] == before[0]
        assert [item["type"] for item in final["output"]] == ["reasoning", "message"]
        assert final["output"][1]["content"][0]["text"] == "w " * 50
        check_stream(await kept_events(store, name))


async def test_a_call_that_was_read_half_ends_the_run_as_interrupted() -> None:
    store = ReinedStore()
    arguments = " ".join("x" * 60)
    steps = script({"call": {"name": "f", "arguments": arguments}, "delay": 0.005})
    first = await started(store)
    reading = first.creating(steps, stream=True, background=True)
    await until(lambda: len(reading.events()) > 10)
    await first.kill()
    read = reading.events()
    name = read[0]["response"]["id"]
    async with serving(store) as second:
        final = await second.at(name, "completed", "failed")
        assert (final["status"], final["error"]["code"]) == ("failed", "interrupted")
        assert final["output"][0]["status"] == "incomplete"
        events = (await second.ask("GET", f"/v1/responses/{name}?stream=true")).events()
        assert events[: len(read)] == read
        assert events[-1]["type"] == "response.failed"


async def test_a_model_that_cannot_go_on_interrupts_only_what_was_seen_half() -> None:
    store = ReinedStore()
    first = await started(store)
    seen = first.creating(slow(60), stream=True, background=True)
    unseen = (await first.made(slow(60), background=True))["id"]
    await until(lambda: len(seen.events()) > 10)
    await first.at(unseen, "in_progress")
    await first.kill()
    async with serving(store, Deaf()) as second:
        half = await second.at(seen.events()[0]["response"]["id"], "completed", "failed")
        assert (half["status"], half["error"]["code"]) == ("failed", "interrupted")
        assert (await second.at(unseen, "completed", "failed"))["status"] == "completed"
        assert await texts(second, unseen) == ["w " * 60]


async def test_foreground_runs_of_a_dead_process_are_interrupted() -> None:
    store = ReinedStore()
    first = await started(store)
    reading = first.creating(slow(), stream=True)
    await until(lambda: store.wrote.count("append") > 1)
    await first.kill()
    name = reading.events()[0]["response"]["id"]
    async with serving(store) as second:
        response = await second.get(f"/responses/{name}")
        assert (response["status"], response["error"]["code"]) == ("failed", "interrupted")
        assert response["output"][0]["content"][0]["text"].startswith("w w")
        check_stream(await kept_events(store, name))
        assert (await second.create("on", previous_response_id=name)).status == 400


async def test_what_was_killed_before_its_first_commit_is_a_404() -> None:
    store = ReinedStore()
    first = await started(store)
    store.hold()
    reading = first.creating(slow(), stream=True)
    await until(lambda: len(reading.events()) > 4)
    await first.kill()
    name = reading.events()[0]["response"]["id"]
    store.holding = False
    async with serving(store) as second:
        assert (await second.ask("GET", f"/v1/responses/{name}")).status == 404


async def test_those_that_waited_run_in_their_order() -> None:
    store = ReinedStore()
    first = await started(store, width=1)
    names = [(await first.made(slow(20), background=True))["id"] for _ in range(5)]
    await first.at(names[0], "in_progress")
    assert [(await first.get(f"/responses/{name}"))["status"] for name in names[1:]] == ["queued"] * 4
    await first.kill()
    async with serving(store, width=1) as second:
        await second.at(names[-1], "completed")
        ended = [signal.response_id for signal in second.signals if type(signal).__name__ == "RunEnded"]
        assert ended == names
        for name in names:
            assert await texts(second, name) == ["w " * 20]
            check_stream(await kept_events(store, name))


async def test_two_crashes_leave_one_end() -> None:
    store = ReinedStore()
    server = await started(store)
    reading = server.creating(slow(60, 0.003), stream=True, background=True)
    name = ""
    for _ in range(2):
        count = len(reading.events())
        await until(lambda reading=reading, count=count: len(reading.events()) > count + 10)
        name = reading.events()[0]["response"]["id"]
        await server.kill()
        server = await started(store)
        reading = server.begin("GET", f"/v1/responses/{name}?stream=true")
        await until(lambda reading=reading: reading.events())
    events = (await reading.end()).events()
    assert [event["type"] for event in events].count("response.completed") == 1
    assert await texts(server, name) == ["w " * 60]
    await server.worker.stop()


async def test_a_run_goes_on_though_its_parent_was_deleted() -> None:
    """It is made from what it was made from (ports, `Responses.history`)."""
    store = ReinedStore()
    first = await started(store, width=1)
    parent = (await first.made("one two"))["id"]
    blocking = (await first.made(slow(), background=True))["id"]
    child = (await first.made("three", previous_response_id=parent, background=True))["id"]
    assert (await first.ask("DELETE", f"/v1/responses/{parent}")).status == 200
    await first.kill()
    async with serving(store, width=2) as second:
        final = await second.at(child, "completed", "failed")
        assert final["status"] == "completed"
        assert final["usage"]["input_tokens"] == 5
        await second.ask("POST", f"/v1/responses/{blocking}/cancel")


async def test_a_conversation_stays_locked_over_a_crash() -> None:
    store = ReinedStore()
    first = await started(store)
    held = (await first.ask("POST", "/v1/conversations", {})).json()["id"]
    name = (await first.made(slow(60), conversation=held, background=True))["id"]
    await first.kill()
    async with serving(store) as second:
        assert (await second.create("hello", conversation=held)).error()[1] == "conversation_locked"
        await second.at(name, "completed")
        assert (await second.create("hello", conversation=held)).status == 200


async def test_a_cancelled_run_is_not_taken_up_again() -> None:
    store = ReinedStore()
    first = await started(store, width=1)
    running, waiting = [(await first.made(slow(), background=True))["id"] for _ in range(2)]
    for name in (running, waiting):
        await first.ask("POST", f"/v1/responses/{name}/cancel")
    await first.kill()
    async with serving(store) as second:
        await asyncio.sleep(0.02)
        for name in (running, waiting):
            assert (await second.get(f"/responses/{name}"))["status"] == "cancelled"


# Handing back


async def test_a_server_that_stops_hands_back_and_the_next_goes_on() -> None:
    store = ReinedStore()
    first = await started(store, width=1)
    reading = first.creating(slow(80, 0.003), stream=True, background=True)
    await until(lambda: len(reading.events()) > 10)
    waiting = (await first.made("second", background=True))["id"]
    await first.worker.stop()
    broken_off = await reading.end()
    assert b"[DONE]" not in broken_off.body  # more is to come, elsewhere
    read = reading.events()
    name = read[0]["response"]["id"]
    assert not first.runner._running  # noqa: SLF001
    assert (await first.get(f"/responses/{name}"))["status"] == "in_progress"
    async with serving(store) as second:  # at once: nobody waits for a lease to end
        events = (await second.ask("GET", f"/v1/responses/{name}?stream=true")).events()
        assert events[: len(read)] == read
        assert events[-1]["type"] == "response.completed"
        assert await texts(second, name) == ["w " * 80]
        assert (await second.at(waiting, "completed"))["status"] == "completed"


async def test_handing_back_never_ends_a_run_that_the_store_cannot_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.runs.keeping.RETRY", 0.01)
    store = ReinedStore()
    first = await started(store)
    reading = first.creating(script({"text": "one", "delay": 0.05}), stream=True, background=True)
    await until(lambda: reading.status)
    store.failing = {"append", "close"}
    await until(lambda: store.wrote.count("close") > 2)
    await first.worker.stop()
    await reading.end()
    assert not {event["type"] for event in reading.events()} & {"response.completed", "response.failed"}
    store.failing = set()
    async with serving(store) as second:
        final = await second.at(reading.events()[0]["response"]["id"], "completed", "failed")
        assert final["status"] == "completed"


async def test_what_comes_while_it_stops_waits_for_the_next() -> None:
    store = ReinedStore()
    first = await started(store)
    await first.worker.stop()
    reading = first.creating("late", stream=True, background=True)
    await reading.end()
    name = reading.events()[0]["response"]["id"]
    async with serving(store) as second:
        assert (await second.at(name, "completed"))["status"] == "completed"


# Leases


async def test_a_zombie_cannot_write() -> None:
    store = ReinedStore()
    async with serving(store) as first:
        reading = first.creating(slow(400), stream=True, background=True)
        await until(lambda: len(reading.events()) > 5)
        name = reading.events()[0]["response"]["id"]
        taken = await store.claim(2**40, 2**41, name)  # somebody who thinks that the lease is over
        assert taken is not None
        answer = await reading.end()
        assert b"[DONE]" not in answer.body
        log = await kept_events(store, name)
        assert len(log) == taken.chunks[-1].last + 1
        assert not first.runner._running  # noqa: SLF001


async def test_leases_are_renewed_while_a_run_is_carried_or_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_room, "LEASE", 0.15)
    store = ReinedStore()
    first = await started(store, width=1)
    names = [(await first.made(slow(200), background=True))["id"] for _ in range(2)]
    await first.at(names[0], "in_progress")
    await first.worker.stop()
    async with serving(store, width=1) as second:
        await asyncio.sleep(0.4)
        for name in names:
            row = store._running["default", name]  # noqa: SLF001  a lease has no other outside
            assert row.epoch and row.lease_until > 0
            assert await store.claim(time.time(), 0, name) is None
        for name in names:
            await second.ask("POST", f"/v1/responses/{name}/cancel")


# Width and order


async def test_no_more_run_at_once_than_the_width_and_in_order() -> None:
    model = Counting()
    async with serving(None, model, width=2) as server:
        texts = [f"run {n}" for n in range(6)]
        names = [(await server.made(script({"text": text, "delay": 0.01}), background=True))["id"] for text in texts]
        for name in names:
            await server.at(name, "completed")
    assert model.most == 2
    assert model.begun == texts


async def test_a_claim_waits_for_a_store_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_room, "RETRY", 0.01)

    class Unwell(ReinedStore):
        ill = 3

        async def claim(self, now: float, until: float, response_id: str | None) -> Any:
            if response_id is not None and self.ill:
                self.ill -= 1
                raise full()
            return await super().claim(now, until, response_id)

    async with serving(Unwell()) as server:
        name = (await server.made("hello", background=True))["id"]
        assert (await server.at(name, "completed", "failed"))["status"] == "completed"
