"""The loop, from a prompt to the terminal event: locks, truncation, limits, telemetry, draining."""

import asyncio
from typing import Any

import pytest

from antiphon.core.signals import RunEnded
from antiphon.models.scripted import ScriptedModel
from tests.asgi import Rooms, script, serving, slow, until
from tests.stores import ReinedStore

pytestmark = pytest.mark.anyio


async def conversation(server: Rooms, **body: Any) -> str:
    name: str = (await server.ask("POST", "/v1/conversations", body)).json()["id"]
    return name


async def said(server: Rooms, held: str) -> list[str]:
    """The text of each item of a conversation, oldest first."""
    page = await server.get(f"/conversations/{held}/items?order=asc&limit=100")
    return ["".join(part["text"] for part in item["content"]) for item in page["data"]]


LOCKED = (400, "conversation_locked", "conversation")


# Conversations and their lock


async def test_a_response_reads_and_appends() -> None:
    async with serving() as server:
        held = await conversation(server, items=[{"role": "user", "content": "zero"}])
        first = await server.made("one", conversation=held)
        assert first["conversation"] == {"id": held}
        second = await server.made("two", conversation={"id": held})
        assert second["usage"]["input_tokens"] == 4
        assert await said(server, held) == ["zero", "one", "one", "two", "two"]
        cut = await server.made("a b c", conversation=held, max_output_tokens=2)
        assert cut["status"] == "incomplete"
        assert (await said(server, held))[-2:] == ["a b c", "a b"]


async def test_what_failed_or_was_cancelled_is_not_appended() -> None:
    async with serving() as server:
        held = await conversation(server)
        await server.made(script({"text": "a"}, {"fail": {}}), conversation=held)
        running = (await server.made(slow(), conversation=held, background=True))["id"]
        await server.ask("POST", f"/v1/responses/{running}/cancel")
        assert await said(server, held) == []


@pytest.mark.parametrize("fields", [{}, {"stream": True}, {"background": True}, {"store": False}])
async def test_two_at_once_are_refused_and_the_lock_is_freed(fields: dict[str, bool]) -> None:
    async with serving() as server:
        held = await conversation(server)
        for end in (slow(10), script({"text": "a", "delay": 0.02}, {"fail": {}}), script({"fail": {}})):
            first = server.creating(end, conversation=held, **fields)
            runs = server.runner._running  # noqa: SLF001  an answer in JSON tells nothing until its end
            await until(lambda: first.task.done() or any(run.begun for run in runs.values()))  # noqa: B023  awaited here
            if end != script({"fail": {}}):
                assert (await server.create("x", conversation=held)).error() == LOCKED
                assert (await server.create("x", conversation=held, background=True)).error() == LOCKED
            answer = await first.end()
            if fields.get("background") and answer.status == 200:
                await server.at(answer.json()["id"], "completed", "failed")
            assert not server.runner._locked  # noqa: SLF001
        assert (await server.create("x", conversation=held)).status == 200


async def test_one_who_is_refused_does_not_free_anothers_lock() -> None:
    async with serving() as server:
        held = await conversation(server)
        first = server.creating(slow(), conversation=held, stream=True)
        await until(first.events)
        orphan = [{"type": "function_call_output", "call_id": "c", "output": "x"}]
        for _ in range(2):
            assert (await server.create(orphan, conversation=held)).status == 400
            assert (await server.create("x", conversation=held)).error() == LOCKED
        first.leave()
        await until(lambda: not server.runner._locked)  # noqa: SLF001
        assert (await server.create("x", conversation=held)).status == 200


async def test_the_lock_is_freed_after_a_refusal_and_a_commit_that_fails() -> None:
    store = ReinedStore()
    async with serving(store) as server:
        held = await conversation(server)
        orphan = [{"type": "function_call_output", "call_id": "c", "output": "x"}]
        for fields in ({}, {"background": True}):
            assert (await server.create(orphan, conversation=held, **fields)).status == 400
            assert (await server.create("x", conversation="conv_unknown", **fields)).error() == (
                404,
                None,
                "conversation",
            )
            store.failing = {"open"}
            assert (await server.create("x", conversation=held, **fields)).status == 503
            store.failing = set()
        assert not server.runner._locked  # noqa: SLF001
        assert (await server.create("x", conversation=held)).status == 200


# Truncation


def talk(*texts: str) -> list[dict[str, Any]]:
    return [{"role": "user" if n % 2 == 0 else "assistant", "content": text} for n, text in enumerate(texts)]


async def test_a_prompt_that_is_too_long_is_refused_or_shortened() -> None:
    model = ScriptedModel(context=40)
    async with serving(None, model) as server:
        long = talk(*(["word " * 10] * 6), "the last question")
        refused = await server.create(long)
        assert refused.error() == (400, "context_length_exceeded", "input")
        assert (await server.create(long, truncation="disabled", stream=True)).status == 400
        answer = await server.made(long, truncation="auto", instructions="stay brief")
        assert answer["output"][0]["content"][0]["text"] == "the last question"
        assert 2 + 3 <= answer["usage"]["input_tokens"] <= 30  # a quarter of the context is left for the answer
        assert answer["truncation"] == "auto"
        hopeless = await server.create("word " * 50, truncation="auto")
        assert hopeless.error() == (400, "context_length_exceeded", "input")
        page = await server.get(f"/responses/{answer['id']}/input_items?limit=100")
        assert len(page["data"]) == 7  # what the model did not see was asked all the same


async def test_no_more_is_dropped_than_has_to_be() -> None:
    async with serving(None, ScriptedModel(context=40)) as server:
        long = talk("a " * 12, "b " * 12, "c " * 12, "d " * 12, "last")
        answer = await server.made(long, truncation="auto")
        assert answer["usage"]["input_tokens"] == 25  # c, d and the last: with b it would be 37 of 30


# Ends


async def test_telemetry_tells_of_each_run_once() -> None:
    async with serving() as server:
        names = [(await server.made("one two"))["id"], (await server.made(script({"text": "a"}, {"fail": {}})))["id"]]
        ended = [signal for signal in server.signals if isinstance(signal, RunEnded)]
        assert [(one.response_id, one.status, one.code) for one in ended] == [
            (names[0], "completed", None),
            (names[1], "failed", "server_error"),
        ]
        assert (ended[0].input_tokens, ended[0].output_tokens) == (2, 2)
        assert ended[0].first_delta is not None and ended[0].first_delta <= ended[0].seconds
        assert ended[0].request_id.startswith("req_")


async def test_draining_lets_runs_end_and_cancels_those_that_last() -> None:
    async with serving() as server:
        short = server.creating(slow(10), stream=True)
        long = server.creating(slow(), stream=True)
        await until(lambda: short.events() and long.events())
        async with asyncio.timeout(5):
            await server.runner.drain(0.2)
        assert (await short.end()).events()[-1]["response"]["status"] == "completed"
        assert (await long.end()).events()[-1]["response"]["status"] == "cancelled"
        name = long.events()[0]["response"]["id"]
        assert (await server.get(f"/responses/{name}"))["status"] == "cancelled"
        await server.runner.drain(60)  # nothing is left to wait for


async def test_a_refusal_that_comes_after_the_first_heartbeat_is_told_in_the_stream() -> None:
    class Sluggish(ReinedStore):
        async def get(self, project: str, response_id: str) -> Any:
            await asyncio.sleep(0.1)
            return await super().get(project, response_id)

    async with serving(Sluggish(), heartbeat=0.02) as server:
        answer = await server.create("x", stream=True, previous_response_id="resp_unknown")
        assert answer.body.startswith(b": ping\n\n")
        events = answer.events()
        assert events[-1]["response"]["error"]["code"] == "previous_response_not_found"
        assert (await server.ask("GET", f"/v1/responses/{events[0]['response']['id']}")).status == 404


async def test_retention_is_counted_from_the_settings() -> None:
    store = ReinedStore()
    async with serving(store, keep=1000) as server:
        response = await server.made("x")
        row = store._rows["default", response["id"]]  # noqa: SLF001  no answer tells it
        assert row.expires_at is not None and 990 <= row.expires_at - response["created_at"] <= 1010
