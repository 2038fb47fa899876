"""Background runs, cancel and delete (DESIGN §4, protocol §5.2), at the door."""

import asyncio

import pytest

from antiphon.core.ports import Claim
from tests.asgi import Exchanging, script, serving, slow, until
from tests.stores import ReinedStore

pytestmark = pytest.mark.anyio

TERMINAL = ("response.completed", "response.incomplete", "response.failed")


def kinds(exchanging: Exchanging) -> list[str]:
    return [event["type"] for event in exchanging.events()]


async def begun(exchanging: Exchanging) -> str:
    """The id of a response whose stream has begun."""
    await until(lambda: exchanging.events() or exchanging.done)
    name: str = exchanging.events()[0]["response"]["id"]
    return name


# Background


async def test_a_background_event_is_seen_after_its_commit() -> None:
    store = ReinedStore()
    async with serving(store) as server:
        store.hold()
        reading = server.creating("one two three", stream=True, background=True)
        await until(lambda: store.waiting == 2)
        assert reading.status == 0
        await store.commit(2)
        await until(lambda: len(reading.events()) == 2)
        assert kinds(reading) == ["response.created", "response.queued"]
        await until(lambda: store.waiting == 1)
        seen = reading.raw
        await asyncio.sleep(0.05)  # the model has said everything by now
        assert reading.raw == seen
        await store.commit(1)
        await until(lambda: reading.raw != seen)
        assert not set(kinds(reading)) & set(TERMINAL)
        await store.commit()
        assert (await reading.end()).events()[-1]["type"] == "response.completed"


async def test_a_background_response_is_polled() -> None:
    async with serving() as server:
        response = await server.made(script({"text": "one", "delay": 0.05}, {"call": {"name": "f"}}), background=True)
        assert (response["status"], response["background"], response["output"]) == ("queued", True, [])
        assert response["usage"] is None
        assert (await server.at(response["id"], "in_progress", "completed"))["status"] == "in_progress"
        final = await server.at(response["id"], "completed")
        assert [item["type"] for item in final["output"]] == ["message", "function_call"]
        assert final["completed_at"] is not None


async def test_a_background_response_that_is_not_streamed_shows_finished_items_only() -> None:
    steps = script({"reasoning": "done", "whole": True}, {"text": "w ", "whole": True, "count": 60, "delay": 0.005})
    async with serving(heartbeat=0.02) as server:
        name = (await server.made(steps, background=True))["id"]
        watching = server.begin("GET", f"/v1/responses/{name}?stream=true")
        seen: list[list[str]] = []
        while (response := await server.get(f"/responses/{name}"))["status"] in ("queued", "in_progress"):
            seen.append([item["type"] for item in response["output"]])
            assert all(item["status"] == "completed" for item in response["output"])
            assert not watching.events()
            await asyncio.sleep(0.005)
        assert ["reasoning"] in seen and ["reasoning", "message"] not in seen
        answer = await watching.end()
        assert answer.body.startswith(b": ping\n\n")
        assert answer.events()[-1]["response"] == await server.get(f"/responses/{name}")


async def test_what_cannot_be_kept_is_not_begun_in_the_background() -> None:
    store = ReinedStore()
    async with serving(store) as server:
        store.failing = {"open"}
        assert (await server.create("hello", background=True)).error() == (503, "store_unavailable", None)
        assert (await server.create("hello", background=True, store=False)).error()[1:] == (
            "unsupported_value",
            "store",
        )
        assert not server.runner._running  # noqa: SLF001


async def test_a_background_run_waits_for_a_store_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.runs.keeping.RETRY", 0.01)
    store = ReinedStore()
    async with serving(store) as server:
        name = (await server.made(slow(10), background=True))["id"]
        store.failing = {"append", "close"}
        await until(lambda: store.wrote.count("append") > 4)
        assert (await server.get(f"/responses/{name}"))["status"] in ("queued", "in_progress")
        store.failing = {"close"}
        await until(lambda: store.wrote.count("close") > 2)
        store.failing = set()
        assert (await server.at(name, "completed", "failed"))["status"] == "completed"


# Cancel


@pytest.mark.parametrize("fields", [{}, {"stream": True}])
async def test_cancel_stops_a_background_run_for_good(fields: dict[str, bool]) -> None:
    async with serving() as server:
        stream = "stream" in fields
        reading = server.creating(slow(), background=True, **fields)
        name = await begun(reading) if stream else (await reading.end()).json()["id"]
        await server.at(name, "in_progress")
        async with asyncio.timeout(1):
            cancelled = await server.ask("POST", f"/v1/responses/{name}/cancel")
        response = cancelled.json()
        assert (cancelled.status, response["status"]) == (200, "cancelled")
        assert (response["completed_at"], response["error"], response["usage"]) == (None, None, None)
        assert response["incomplete_details"] is None
        assert all(item["status"] == "incomplete" for item in response["output"])
        again = await server.ask("POST", f"/v1/responses/{name}/cancel")
        assert (again.status, again.json()) == (200, response)
        if stream:
            events = (await reading.end()).events()
            assert (events[-1]["type"], events[-1]["response"]) == ("response.incomplete", response)
        await asyncio.sleep(0.02)
        assert await server.get(f"/responses/{name}") == response


async def test_cancel_of_what_waits_and_of_what_has_ended() -> None:
    async with serving(width=1) as server:
        first = (await server.made(slow(), background=True))["id"]
        second = (await server.made("second", background=True))["id"]
        response = (await server.ask("POST", f"/v1/responses/{second}/cancel")).json()
        assert (response["status"], response["output"]) == ("cancelled", [])
        await server.ask("POST", f"/v1/responses/{first}/cancel")
        third = (await server.made("third", background=True))["id"]
        done = await server.at(third, "completed")
        assert (await server.ask("POST", f"/v1/responses/{third}/cancel")).json() == done
        assert (await server.get(f"/responses/{second}"))["status"] == "cancelled"


async def test_cancel_at_any_moment_leaves_one_end() -> None:
    """Requests that come together with every step of a run's life."""

    class Sluggish(ReinedStore):
        async def claim(self, now: float, until: float, response_id: str | None) -> Claim | None:
            for _ in range(5):
                await asyncio.sleep(0)
            return await super().claim(now, until, response_id)

    async with serving(Sluggish(), width=2) as server:
        ends = []
        for turns in range(24):
            name = (await server.made(slow(3, 0.001), background=True, stream=False))["id"]
            for _ in range(turns):
                await asyncio.sleep(0)
            cancelled = [server.begin("POST", f"/v1/responses/{name}/cancel") for _ in range(2)]
            told = [(await one.end()).json() for one in cancelled]
            assert told[0] == told[1] == await server.get(f"/responses/{name}")
            ends.append(told[0]["status"])
        assert set(ends) <= {"cancelled", "completed"} and "cancelled" in ends
        assert not server.runner._running  # noqa: SLF001


async def test_a_synchronous_response_cannot_be_cancelled() -> None:
    async with serving() as server:
        name = (await server.made("hello"))["id"]
        answer = await server.ask("POST", f"/v1/responses/{name}/cancel")
        assert answer.error() == (400, None, None)
        assert answer.json()["error"]["message"] == "Cannot cancel a synchronous response."
        assert (await server.ask("POST", "/v1/responses/resp_unknown/cancel")).error() == (404, None, None)


# Delete


@pytest.mark.parametrize("fields", [{}, {"background": True}])
async def test_delete_while_running_ends_the_stream_and_then_it_is_gone(fields: dict[str, bool]) -> None:
    async with serving() as server:
        reading = server.creating(slow(), stream=True, **fields)
        name = await begun(reading)
        answer = await server.ask("DELETE", f"/v1/responses/{name}")
        assert answer.json() == {"id": name, "object": "response", "deleted": True}
        last = (await reading.end()).events()[-1]
        assert (last["type"], last["response"]["status"]) == ("response.incomplete", "cancelled")
        for method, path in (("GET", ""), ("GET", "?stream=true"), ("DELETE", ""), ("POST", "/cancel")):
            assert (await server.ask(method, f"/v1/responses/{name}{path}")).error() == (404, None, None)


async def test_delete_of_what_waits() -> None:
    async with serving(width=1) as server:
        first = (await server.made(slow(), background=True))["id"]
        second = (await server.made("second", background=True))["id"]
        assert (await server.ask("DELETE", f"/v1/responses/{second}")).status == 200
        assert (await server.ask("GET", f"/v1/responses/{second}")).status == 404
        assert (await server.ask("DELETE", f"/v1/responses/{first}")).status == 200
