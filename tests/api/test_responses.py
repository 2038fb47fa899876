"""`POST /responses` and what ends a response: what is promised of each kind of run (DESIGN §4), at the door."""

import asyncio
import json
from typing import Any

import pytest

from tests.asgi import Exchanging, Rooms, script, serving, slow, until
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
        assert "".join(event.get("delta", "") for event in reading.events()) == "one two three"
        assert not set(kinds(reading)) & set(TERMINAL)
        assert b"[DONE]" not in reading.raw
        await store.release()
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
        await store.release()
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


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("delay", [0.005, 30.0])
async def test_a_foreground_run_ends_with_its_reader(stream: bool, delay: float) -> None:
    async with serving() as server:
        reading = server.creating(slow(3000, delay), stream=stream, store=True)
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


# Background


async def test_a_background_event_is_seen_after_its_commit() -> None:
    store = ReinedStore()
    async with serving(store) as server:
        store.hold()
        reading = server.creating("one two three", stream=True, background=True)
        await until(lambda: store.waiting == 2)
        assert reading.status == 0
        await store.release(2)
        await until(lambda: len(reading.events()) == 2)
        assert kinds(reading) == ["response.created", "response.queued"]
        await until(lambda: store.waiting == 1)
        seen = reading.raw
        await asyncio.sleep(0.05)  # the model has said everything by now
        assert reading.raw == seen
        await store.release(1)
        await until(lambda: reading.raw != seen)
        assert not set(kinds(reading)) & set(TERMINAL)
        await store.release()
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
        assert (await server.create("hello", background=True, store=False)).error()[1:] == ("unsupported_value", "store")
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


@pytest.mark.parametrize("stream", [False, True])
async def test_cancel_stops_a_background_run_for_good(stream: bool) -> None:
    async with serving() as server:
        reading = server.creating(slow(), stream=stream, background=True)
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
    async with serving(width=2) as server:
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


@pytest.mark.parametrize("background", [False, True])
async def test_delete_while_running_ends_the_stream_and_then_it_is_gone(background: bool) -> None:
    async with serving() as server:
        reading = server.creating(slow(), stream=True, background=background)
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


# What stood before


async def test_a_chain_a_branch_and_what_cannot_be_continued() -> None:
    async with serving() as server:
        first = await server.made("one")
        second = await server.made("two", previous_response_id=first["id"])
        for parent, before in ((first, ["one", "one"]), (second, ["one", "one", "two", "two"])):
            child = await server.made("more", previous_response_id=parent["id"])
            page = await server.get(f"/responses/{child['id']}/input_items?order=asc")
            assert [item["content"][0]["text"] for item in page["data"]] == [*before, "more"]
        for unknown in ("resp_unknown", "x", ""):
            answer = await server.create("two", previous_response_id=unknown)
            assert answer.error() == (400, "previous_response_not_found", "previous_response_id")
        hidden = await server.made("secret", store=False)
        answer = await server.create("two", previous_response_id=hidden["id"])
        assert answer.error()[1] == "previous_response_not_found"


async def test_only_what_has_ended_well_can_be_continued() -> None:
    async with serving() as server:
        running = (await server.made(slow(), background=True))["id"]
        failed = (await server.made(script({"text": "a"}, {"fail": {}})))["id"]
        cut = await server.made("one two three four", max_output_tokens=2)
        assert (cut["status"], cut["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
        assert (await server.create("on", previous_response_id=cut["id"])).status == 200
        for name in (running, failed):
            for background in (False, True):
                answer = await server.create("on", previous_response_id=name, background=background)
                assert answer.error() == (400, "invalid_value", "previous_response_id")
        await server.ask("POST", f"/v1/responses/{running}/cancel")
        answer = await server.create("on", previous_response_id=running)
        assert answer.error() == (400, "invalid_value", "previous_response_id")
        assert "cancelled" in answer.json()["error"]["message"]


async def test_two_pasts_at_once_are_a_400() -> None:
    async with serving() as server:
        for path in ("responses", "responses/input_tokens"):
            body = {"model": "scripted", "input": "a", "previous_response_id": "resp_1", "conversation": "conv_1"}
            answer = await server.ask("POST", f"/v1/{path}", body)
            assert answer.error() == (400, "invalid_value", "previous_response_id")


def call(call_id: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"}


def output(call_id: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": "42"}


async def test_calls_and_outputs_belong_together() -> None:
    async with serving() as server:
        for orphan in ([output("c")], [output("c"), call("c")], [call("a"), output("b")]):
            answer = await server.create(orphan)
            assert answer.error() == (400, None, "input")
        assert "call_id c" in (await server.create([output("c")])).json()["error"]["message"]
        assert (await server.create([call("c")])).error() == (400, None, "input")
        asked = await server.made(script({"call": {"name": "f", "call_id": "call_1", "arguments": {}}}))
        left_open = await server.create("and now?", previous_response_id=asked["id"])
        assert left_open.error() == (400, None, "input")
        assert "call_1" in left_open.json()["error"]["message"]
        assert (await server.create([output("call_1")], previous_response_id=asked["id"])).status == 200


async def test_items_that_come_back_with_our_ids_are_accepted() -> None:
    async with serving() as server:
        first = await server.made("one")
        again = [{"role": "user", "content": "one"}, *first["output"], {"role": "user", "content": "two"}]
        for previous in (None, first["id"]):
            second = await server.made(again, previous_response_id=previous)
            page = await server.get(f"/responses/{second['id']}/input_items?order=asc")
            assert first["output"][0] in page["data"]


async def test_a_reference_stands_for_the_item() -> None:
    async with serving() as server:
        first = await server.made("one")
        name = first["output"][0]["id"]
        for reference in ({"type": "item_reference", "id": name}, {"id": name}):
            second = await server.made([reference, {"role": "user", "content": "two"}])
            page = await server.get(f"/responses/{second['id']}/input_items?order=asc")
            assert page["data"][0] == first["output"][0]
        answer = await server.create([{"role": "user", "content": "a"}, {"id": "msg_unknown"}])
        assert answer.error() == (404, None, "input[1].id")


# Counting


async def test_input_tokens_are_counted_and_nothing_is_run() -> None:
    store = ReinedStore()
    async with serving(store) as server:
        first = await server.made("one two three")
        wrote = list(store.wrote)

        async def count(**body: Any) -> int:
            answer = await server.ask("POST", "/v1/responses/input_tokens", body)
            assert answer.json().keys() == {"object", "input_tokens"}
            assert answer.json()["object"] == "response.input_tokens"
            tokens: int = answer.json()["input_tokens"]
            return tokens

        assert await count(model="scripted", input="a b c d") == 4
        assert await count(model="scripted", input="a b", instructions="x y z") == 5
        assert await count(model="scripted", input="a", previous_response_id=first["id"]) == 7
        assert await count() == 0
        assert store.wrote == wrote
        answer = await server.ask("POST", "/v1/responses/input_tokens", {"input": "a", "previous_response_id": "x"})
        assert answer.error() == (400, "previous_response_not_found", "previous_response_id")
        assert (await server.ask("POST", "/v1/responses/input_tokens", {"model": "nobody"})).status == 404


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


