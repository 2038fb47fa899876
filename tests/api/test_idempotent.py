"""The Idempotency-Key: every row of protocol §6.2, on responses and on conversations."""

import asyncio

import pytest

from antiphon.store.memory import MemoryStore
from tests.asgi import Answer, script, serving, slow, until
from tests.runs.test_worker import started
from tests.stores import ReinedStore

pytestmark = pytest.mark.anyio

KEY = {"idempotency-key": "key-1"}


def conflict(answer: Answer) -> bool:
    return (
        answer.error() == (409, "idempotency_key_conflict", None)
        and answer.headers["x-should-retry"] == "false"
        and answer.json()["error"]["type"] == "idempotency_error"
    )


@pytest.mark.parametrize("header", ["idempotency-key", "x-idempotency-key", "Idempotency-Key"])
async def test_the_same_key_and_body_give_the_same_response(header: str) -> None:
    async with serving() as server:
        first = await server.create("hello", {header: "k"})
        again = await server.create("hello", {header: "k"})
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert (again.status, again.body) == (200, first.body)
        assert (await server.create("hello", {header: "k2"})).json()["id"] != first.json()["id"]


async def test_the_order_of_keys_and_blanks_is_no_difference() -> None:
    async with serving() as server:
        first = await server.ask("POST", "/v1/responses", b'{"model": "scripted", "input": "a"}', KEY)
        again = await server.ask("POST", "/v1/responses", b'{"input":"a","model":"scripted"}', KEY)
        assert again.body == first.body


async def test_a_stream_is_replayed_from_its_log() -> None:
    async with serving() as server:
        first = await server.create(script({"text": "one two"}), KEY, stream=True)
        again = await server.create(script({"text": "one two"}), KEY, stream=True)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.body == first.body and again.events()


class Slow(MemoryStore):
    """A store that takes its time to free a key."""

    async def withdraw(self, project: str, scope: str, key: str) -> None:
        await asyncio.sleep(0.05)
        await super().withdraw(project, scope, key)


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/chat/completions"])
async def test_who_is_refused_may_come_again_at_once(path: str) -> None:
    broken = script({"fail": {"status": 429, "code": "rate_limit_exceeded"}})
    body = {"model": "scripted", "input": broken, "messages": [{"role": "user", "content": broken}]}
    body.pop("messages" if path == "/v1/responses" else "input")
    async with serving(Slow()) as server:
        for _ in range(3):
            assert (await server.ask("POST", path, body, KEY)).error() == (429, "rate_limit_exceeded", None)


async def test_while_it_runs_a_duplicate_is_told_to_wait() -> None:
    async with serving() as server:
        first = server.creating(slow(30), KEY, stream=True)
        await until(first.events)
        for _ in range(2):
            answer = await server.create(slow(30), KEY, stream=True)
            assert answer.error() == (409, "idempotency_in_progress", None)
            assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == ("1", "true")
        assert conflict(await server.create("something else", KEY))
        await first.end()
        assert (await server.create(slow(30), KEY, stream=True)).status == 200


async def test_another_body_is_a_conflict() -> None:
    async with serving() as server:
        await server.create("hello", KEY)
        for fields in ({"input": "goodbye"}, {"metadata": {"a": "b"}}, {"stream": True}):
            assert conflict(
                await server.ask("POST", "/v1/responses", {"model": "scripted", "input": "hello"} | fields, KEY)
            )


async def test_a_background_response_is_replayed_as_it_stands() -> None:
    async with serving() as server:
        first = (await server.create(slow(20), KEY, background=True)).json()
        again = await server.create(slow(20), KEY, background=True)
        assert (again.status, again.json()["id"]) == (200, first["id"])
        final = await server.at(first["id"], "completed")
        assert (await server.create(slow(20), KEY, background=True)).json() == final


async def test_a_failed_response_is_replayed_too() -> None:
    async with serving() as server:
        steps = script({"text": "a"}, {"fail": {}})
        first = await server.create(steps, KEY)
        assert first.json()["status"] == "failed"
        assert (await server.create(steps, KEY)).body == first.body


@pytest.mark.parametrize("fields", [{}, {"stream": True}, {"background": True}])
async def test_a_refusal_leaves_the_key_free(fields: dict[str, bool]) -> None:
    store = ReinedStore()
    async with serving(store) as server:
        for bad in ({"temperature": 9}, {"model": "nobody"}, {"previous_response_id": "resp_x"}):
            assert (await server.create("hello", KEY, **fields, **bad)).status in (400, 404)
        if "stream" not in fields:
            store.failing = {"open"}
            assert (await server.create("hello", KEY, **fields)).status == 503
            store.failing = set()
        answer = await server.create("hello", KEY, **fields)
        assert answer.status == 200 and "idempotency-replayed" not in answer.headers


async def test_what_is_not_stored_is_done_once_and_its_answer_is_gone() -> None:
    async with serving() as server:
        first = await server.create("hello", KEY, store=False)
        assert first.status == 200
        again = await server.create("hello", KEY, store=False)
        assert conflict(again)
        assert "store:false" in again.json()["error"]["message"]
        records = vars(server.store)["_records"].values()
        assert b"hello" not in b"".join(record.fingerprint + (record.body or b"") for record in records)


@pytest.mark.parametrize("key", ["", "a b", "é", "k" * 256, "a\tb"])
async def test_a_malformed_key_is_a_400(key: str) -> None:
    async with serving() as server:
        for name in ("idempotency-key", "x-idempotency-key"):
            answer = await server.create("hello", {name: key})
            assert answer.error() == (400, "invalid_value", "Idempotency-Key")
        assert (await server.create("hello", {"idempotency-key": "~" * 255})).status == 200


async def test_keys_of_different_paths_are_different() -> None:
    async with serving() as server:
        assert (await server.create("hello", KEY)).status == 200
        assert (await server.ask("POST", "/v1/conversations", {}, KEY)).status == 200


async def test_conversations_and_their_items_are_made_once() -> None:
    async with serving() as server:
        first = await server.ask("POST", "/v1/conversations", {"metadata": {"a": "b"}}, KEY)
        again = await server.ask("POST", "/v1/conversations", {"metadata": {"a": "b"}}, KEY)
        assert (again.body, again.headers["idempotency-replayed"]) == (first.body, "true")
        assert conflict(await server.ask("POST", "/v1/conversations", {}, KEY))
        path = f"/v1/conversations/{first.json()['id']}/items"
        body = {"items": [{"role": "user", "content": "once"}]}
        added = [await server.ask("POST", path, body, KEY) for _ in range(3)]
        assert len({answer.body for answer in added}) == 1
        assert len((await server.ask("GET", path)).json()["data"]) == 1
        bad = await server.ask("POST", path, {"items": []}, {"idempotency-key": "k2"})
        assert bad.status == 400
        assert (await server.ask("POST", path, body, {"idempotency-key": "k2"})).status == 200


async def test_after_a_crash_a_response_is_replayed_and_only_a_bare_record_runs_anew() -> None:
    store = ReinedStore()
    first = await started(store)
    kept = first.creating(slow(), {"idempotency-key": "kept"}, stream=True)
    await until(lambda: "append" in store.wrote)
    store.hold()
    bare = first.creating(slow(5), {"idempotency-key": "bare"}, stream=True)
    await until(bare.events)
    await first.kill()
    store.holding = False
    async with serving(store) as second:
        again = await second.create(slow(), {"idempotency-key": "kept"}, stream=True)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.events()[0] == kept.events()[0]
        assert again.events()[-1]["response"]["error"]["code"] == "interrupted"
        anew = await second.create(slow(5), {"idempotency-key": "bare"}, stream=True)
        assert "idempotency-replayed" not in anew.headers
        assert anew.events()[-1]["type"] == "response.completed"
        assert anew.events()[0]["response"]["id"] != bare.events()[0]["response"]["id"]


async def test_a_response_that_was_deleted_is_gone_for_its_key_as_well() -> None:
    async with serving() as server:
        first = await server.create("hello", KEY)
        await server.ask("DELETE", f"/v1/responses/{first.json()['id']}")
        assert (await server.create("hello", KEY)).status == 404
