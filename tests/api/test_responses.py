"""`POST /responses`: what is promised of foreground runs (DESIGN §4), at the door."""

import asyncio
import json

import pytest

from tests.asgi import Exchanging, script, serving, slow, until
from tests.grammar import parse_sse
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


# Foreground


async def test_no_token_of_a_stream_waits_for_the_disk_but_its_end_does() -> None:
    store = ReinedStore()
    async with serving(store) as server:
        store.hold()
        reading = server.creating("one two three", stream=True)
        await until(lambda: "response.output_item.done" in kinds(reading) or store.wrote[-1:] == ["close"])
        await until(lambda: "close" in store.wrote)
        await until(lambda: "".join(event.get("delta", "") for event in reading.events()) == "one two three")
        assert not set(kinds(reading)) & set(TERMINAL)
        assert b"[DONE]" not in reading.raw
        await store.commit()
        answer = await reading.end()
    assert answer.events()[-1]["type"] == "response.completed"
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_a_json_answer_waits_for_its_commit() -> None:
    store = ReinedStore()
    async with serving(store) as server:
        store.hold()
        reading = server.creating("hello")
        await until(lambda: store.waiting == 2)
        assert (reading.status, store.wrote) == (0, ["open", "close"])
        await store.commit()
        answer = await reading.end()
        assert (answer.status, answer.json()["status"]) == (200, "completed")


async def test_what_is_not_stored_waits_for_nothing_and_is_nowhere() -> None:
    store = ReinedStore()
    async with serving(store) as server:
        store.hold()
        response = await server.made("hello", store=False)
        streamed = (await server.create("hello", store=False, stream=True)).events()
        assert store.wrote == []
        for name in (response["id"], streamed[0]["response"]["id"]):
            assert (await server.ask("GET", f"/v1/responses/{name}")).status == 404
            assert (await server.ask("DELETE", f"/v1/responses/{name}")).status == 404


@pytest.mark.parametrize("kind", ["open", "close"])
async def test_a_commit_that_fails_is_a_503(kind: str) -> None:
    store = ReinedStore()
    async with serving(store) as server:
        store.failing = {kind}
        answer = await server.create("hello")
        assert answer.error() == (503, "store_unavailable", None)
        assert answer.headers["retry-after"] == "1"
        store.failing = set()
        assert (await server.create("hello")).status == 200


@pytest.mark.parametrize("kind", ["open", "append", "close"])
async def test_a_commit_that_fails_behind_a_stream_fails_the_response(kind: str) -> None:
    store = ReinedStore()
    async with serving(store) as server:
        store.failing = {kind}
        events = (await server.create(slow(20), stream=True)).events()
        assert events[-1]["type"] == "response.failed"
        assert events[-1]["response"]["error"] == {"code": "store_unavailable", "message": "The disk is full."}
        assert "response.completed" not in [event["type"] for event in events]


async def test_a_model_that_refuses_is_a_refusal_and_one_that_breaks_a_failure() -> None:
    async with serving() as server:
        refusal = script({"fail": {"status": 503, "code": "overloaded", "message": "No room."}})
        for stream in (False, True):
            assert (await server.create(refusal, stream=stream)).error() == (503, "overloaded", None)
        broken = script({"text": "half a"}, {"fail": {"code": "model_lost", "message": "Gone."}})
        response = await server.made(broken)
        assert (response["status"], response["error"]["code"]) == ("failed", "model_lost")
        assert response["output"][0]["status"] == "incomplete"
        assert await server.get(f"/responses/{response['id']}") == response
        events = (await server.create(broken, stream=True)).events()
        assert events[-1]["response"]["error"]["code"] == "model_lost"


async def test_a_fault_of_the_servers_own_tells_nothing_and_is_logged() -> None:
    async with serving() as server:
        response = await server.made(script({"text": "a"}, {"crash": True}))
        assert (response["status"], response["error"]["code"]) == ("failed", "server_error")
        assert "crash" not in response["error"]["message"]
        assert "RuntimeError" in [getattr(signal, "message", "") for signal in server.signals]


# Readers that leave


@pytest.mark.parametrize("fields", [{}, {"stream": True}])
@pytest.mark.parametrize("delay", [0.005, 30.0])
async def test_a_foreground_run_ends_with_its_reader(fields: dict[str, bool], delay: float) -> None:
    async with serving() as server:
        reading = server.creating(slow(3000, delay), **fields)
        await until(lambda: server.runner._running)  # noqa: SLF001  an answer in JSON tells nothing until its end
        (name,) = server.runner._running  # noqa: SLF001
        run = server.runner.running("default", name)
        assert run is not None
        await until(lambda: run.begun)
        reading.leave()
        async with asyncio.timeout(1):  # protocol §5.2: within a second
            await run.log.closed()
        response = await server.get(f"/responses/{name}")
        assert (response["status"], response["usage"], response["error"]) == ("cancelled", None, None)
        assert all(item["status"] == "incomplete" for item in response["output"])
        assert server.runner.running("default", name) is None


async def test_a_run_under_a_key_outlives_its_reader() -> None:
    async with serving() as server:
        key = {"idempotency-key": "k"}
        reading = server.creating(slow(40), key, stream=True)
        name = await begun(reading)
        reading.leave()
        assert (await server.at(name, "completed", "cancelled"))["status"] == "completed"
        again = await server.create(slow(40), key, stream=True)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.events()[0]["response"]["id"] == name


async def test_a_run_under_a_key_that_is_not_stored_ends_with_its_reader() -> None:
    async with serving() as server:
        reading = server.creating(slow(), {"idempotency-key": "k"}, stream=True, store=False)
        name = await begun(reading)
        reading.leave()
        await until(lambda: server.runner.running("default", name) is None)


async def test_a_background_run_outlives_its_reader() -> None:
    async with serving() as server:
        reading = server.creating(slow(40), stream=True, background=True)
        name = await begun(reading)
        reading.leave()
        assert (await server.at(name, "completed", "cancelled"))["status"] == "completed"


# Readers


async def test_a_slow_reader_gets_everything_and_nothing_is_written_behind_its_back() -> None:
    async with serving() as server:
        reading = server.creating(slow(400, 0.0), stream=True)
        name = await begun(reading)
        reading.slow.clear()
        await until(lambda: server.runner.running("default", name) is None)
        writes = len(reading.writes)
        await asyncio.sleep(0.02)
        assert len(reading.writes) - writes == 0  # one write waits, and no other was begun
        reading.slow.set()
        answer = await reading.end()
        assert "".join(event.get("delta", "") for event in answer.events()) == "w " * 400


async def test_line_separators_are_escaped_on_the_wire() -> None:
    text = "a\u2028b\u2029c\x85d"
    async with serving() as server:
        answer = await server.create(script({"text": text, "whole": True}), stream=True)
        assert not any(mark.encode() in answer.body for mark in "\u2028\u2029\x85")
        assert "".join(event.get("delta", "") for event in parse_sse(answer.body)) == text
        response = await server.create(script({"text": text, "whole": True}))
        assert response.json()["output"][0]["content"][0]["text"] == text
        assert not any(mark.encode() in response.body for mark in "\u2028\u2029\x85")


async def test_obfuscation_levels_the_deltas_when_asked_for() -> None:
    async with serving() as server:
        text = script({"text": "a few words of quite different lengths"})
        plain = (await server.create(text, stream=True)).events()
        assert not any("obfuscation" in event for event in plain)
        padded = (await server.create(text, stream=True, stream_options={"include_obfuscation": True})).events()
        deltas = [event for event in padded if "delta" in event]
        assert len(deltas) > 5
        assert {len(event["delta"] + event["obfuscation"]) % 16 for event in deltas} == {0}
        assert len({event["obfuscation"] for event in deltas}) > 3
        name = padded[0]["response"]["id"]
        for wanted in ("true", "false"):
            path = f"/v1/responses/{name}?stream=true&include_obfuscation={wanted}"
            again = (await server.ask("GET", path)).events()
            assert any("obfuscation" in event for event in again) == (wanted == "true")


async def test_metadata_and_what_is_ignored_come_back() -> None:
    async with serving() as server:
        answer = await server.create("a", metadata={"k": "v"}, seed=7, background=True)
        assert answer.headers["x-ignored-parameters"] == "seed"
        final = await server.at(answer.json()["id"], "completed")
        assert final["metadata"] == {"k": "v"}


async def test_concurrent_requests_under_shared_keys_run_once_each() -> None:
    async with serving() as server:
        asked = [
            server.creating(json.dumps(n % 8), {"idempotency-key": f"key-{n % 8}"}, metadata={"n": str(n % 8)})
            for n in range(64)
        ]
        answers = [await one.end() for one in asked]
        ids = {answer.json()["id"] for answer in answers if answer.status == 200}
        assert len(ids) == 8
        assert {answer.status for answer in answers} <= {200, 409}
        assert {answer.error()[1] for answer in answers if answer.status == 409} <= {"idempotency_in_progress"}
        ended = [signal for signal in server.signals if type(signal).__name__ == "RunEnded"]
        assert len(ended) == 8
