"""Turns of a WebSocket: what a create may say, what only its connection knows, and what its events carry besides."""

import json
from typing import Any

import pytest

from antiphon.api.sockets import Sockets
from antiphon.core.accounts import Limits
from tests.asgi import Entry, script, serving
from tests.stores import ReinedStore
from tests.talk import Talk, refused, text, whole

pytestmark = pytest.mark.anyio

MISSING = (400, "previous_response_not_found", "previous_response_id")


def user(words: str) -> dict[str, Any]:
    return {"role": "user", "content": words}


async def test_stream_means_nothing_and_its_options_count() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        for stream in (True, False, None, "x"):
            talk.create("a", stream=stream, stream_options={"include_obfuscation": True})
            frames = await talk.turn()
            assert whole(frames)["status"] == "completed"
            deltas = [frame for frame in frames if frame["type"] == "response.output_text.delta"]
            assert all(len(frame["delta"]) + len(frame["obfuscation"]) == 16 for frame in deltas)
        talk.create("a")
        assert not any("obfuscation" in frame for frame in await talk.turn())


async def test_background_false_is_no_background() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        assert (await talk.ask("a", background=False))["background"] is False
        assert (await talk.ask("a", background=None))["background"] is False


async def test_what_is_ignored_is_named_where_the_response_is_created() -> None:
    async with serving() as server:
        talk = await Talk(server, {"idempotency-key": "k"}).open()
        talk.create("a", client_metadata={"a": "b"}, seed=1)
        created, *others = await talk.turn()
        assert created["ignored_parameters"] == ["client_metadata", "seed", "idempotency-key"]
        assert not any("ignored_parameters" in frame for frame in others)
    async with serving() as server:
        talk = await Talk(server).open()
        talk.create("a")
        assert "ignored_parameters" not in (await talk.turn())[0]


async def test_a_stored_response_is_there_when_its_end_was_told_and_goes_on_anywhere() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        first = await talk.ask("My name is Ann.")
        assert await server.get(f"/responses/{first['id']}") == first
        other = await Talk(server).open()
        second = await other.ask("b", previous_response_id=first["id"])
        third = await server.made("c", previous_response_id=second["id"])
        listed = await server.get(f"/responses/{third['id']}/input_items?order=asc")
        assert [item["content"][0]["text"] for item in listed["data"]] == [
            "My name is Ann.",
            "My name is Ann.",
            "b",
            "b",
            "c",
        ]


async def test_what_is_not_stored_is_known_to_its_connection_only() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        first = await talk.ask("one two", store=False)
        second = await talk.ask("three", store=False, previous_response_id=first["id"])
        assert second["previous_response_id"] == first["id"]
        assert second["usage"]["input_tokens"] == 5
        third = await talk.ask("four", store=False, previous_response_id=second["id"])
        assert third["usage"]["input_tokens"] == 7
        fork = await talk.ask("five", store=False, previous_response_id=first["id"])
        assert fork["usage"]["input_tokens"] == 5
        other = await Talk(server).open()
        other.create("x", store=False, previous_response_id=third["id"])
        assert await other.error() == MISSING
        assert text(await other.ask("fresh")) == "fresh"
        assert (await server.create("x", previous_response_id=third["id"])).error() == MISSING
        assert (await server.ask("GET", f"/v1/responses/{first['id']}")).status == 404


async def test_a_response_that_nobody_knows() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        talk.create("a", previous_response_id="resp_unknown")
        assert await talk.error() == MISSING


async def test_an_unstored_turn_may_follow_a_stored_one_and_the_other_way_round() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        stored = await talk.ask("one")
        local = await talk.ask("two", store=False, previous_response_id=stored["id"])
        kept = await talk.ask("three", previous_response_id=local["id"])
        assert kept["usage"]["input_tokens"] == 5
        listed = await server.get(f"/responses/{kept['id']}/input_items?order=asc")
        assert [item["content"][0]["text"] for item in listed["data"]] == ["one", "one", "two", "two", "three"]
        assert all(item["id"] for item in listed["data"])
        after = await server.made("four", previous_response_id=kept["id"])
        assert after["usage"]["input_tokens"] == 7


async def test_a_turn_that_fails_evicts_what_it_went_on_from() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        first = await talk.ask("one", store=False)
        orphan = [{"type": "function_call_output", "call_id": "call_unknown", "output": "x"}]
        talk.create(orphan, store=False, previous_response_id=first["id"])
        assert (await talk.error())[0] == 400
        talk.create("two", store=False, previous_response_id=first["id"])
        assert await talk.error() == MISSING
        stored = await talk.ask("one")
        talk.create(orphan, previous_response_id=stored["id"])
        assert (await talk.error())[0] == 400
        assert text(await talk.ask("two", previous_response_id=stored["id"])) == "two"


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 9},
        {"model": "missing"},
        {"background": True},
        {"input": script({"fail": {"status": 503, "code": "overloaded"}})},
        {"input": script({"text": "a"}, {"fail": {"status": 500}})},
        {"input": script({"crash": True})},
    ],
)
async def test_whatever_it_fails_for(fields: dict[str, Any]) -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        first = await talk.ask("one", store=False)
        talk.create(**({"input": "two", "store": False, "previous_response_id": first["id"]} | fields))
        assert (await talk.turn())[-1]["type"] in ("error", "response.failed")
        talk.create("three", store=False, previous_response_id=first["id"])
        assert await talk.error() == MISSING


async def test_a_turn_that_a_limit_cuts_goes_on() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        first = await talk.ask("one two three", store=False, max_output_tokens=2)
        assert first["status"] == "incomplete"
        assert (await talk.ask("x", store=False, previous_response_id=first["id"]))["usage"]["input_tokens"] == 6


async def test_calls_and_references_are_found_in_what_only_the_connection_knows() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        tools = [{"type": "function", "name": "f", "parameters": {}}]
        asked = {"turns": [[{"call": {"name": "f", "call_id": "call_1"}}], [{"text": "done"}]]}
        first = await talk.ask(json.dumps(asked), store=False, tools=tools)
        output = {"type": "function_call_output", "call_id": "call_1", "output": "x"}
        second = await talk.ask([output], store=False, tools=tools, previous_response_id=first["id"])
        assert text(second) == "done"
        reference = {"type": "item_reference", "id": second["output"][0]["id"]}
        third = await talk.ask([reference, user("a b c")], store=False, previous_response_id=second["id"])
        before = second["usage"]["input_tokens"] + second["usage"]["output_tokens"]
        assert third["usage"]["input_tokens"] == before + 1 + 3
        talk.create([reference], store=False)
        assert await talk.error() == (404, "not_found", "input[0].id")


async def test_a_prompt_that_is_kept_may_be_named() -> None:
    async with serving() as server:
        kept = {"name": "greeting", "input": "Hello {{name}}"}
        prompt = (await server.ask("POST", "/v1/prompts", kept)).json()
        talk = await Talk(server).open()
        talk.say(
            {
                "type": "response.create",
                "model": "scripted",
                "prompt": {"id": prompt["id"], "variables": {"name": "Ada"}},
            }
        )
        assert text(await talk.response()) == "Hello Ada"
        talk.create("a", prompt={"id": "pmpt_unknown"})
        assert (await talk.error())[0] == 404
        assert text(await talk.ask("b")) == "b"


async def test_generate_false_is_answered_with_nothing_and_can_be_gone_on_from() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        for store in (False, True):
            first = await talk.ask([], generate=False, store=store, instructions="Be brief.")
            assert (first["status"], first["output"]) == ("completed", [])
            second = await talk.ask(
                [{"role": "developer", "content": "a b"}], generate=False, store=store, previous_response_id=first["id"]
            )
            assert second["output"] == []
            assert second["usage"]["output_tokens"] == 0
            third = await talk.ask("one", store=store, previous_response_id=second["id"])
            assert text(third) == "one"
            assert third["usage"]["input_tokens"] == 3


async def test_generate_false_stored_is_kept_like_any_other() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        first = await talk.ask("a b", generate=False)
        assert await server.get(f"/responses/{first['id']}") == first
        assert (await server.made("c", previous_response_id=first["id"]))["usage"]["input_tokens"] == 3


async def test_events_carry_the_lane_that_was_named() -> None:
    async with serving() as server:
        talk = await Talk(server).open()
        talk.create("a", stream_id="agent_1")
        talk.create("b", stream_id="agent_2", model="missing")
        talk.create("c")
        assert {frame["stream_id"] for frame in await talk.turn()} == {"agent_1"}
        assert (await talk.hear())["stream_id"] == "agent_2"
        assert not any("stream_id" in frame for frame in await talk.turn())


async def test_lanes_run_beside_one_another_where_a_setting_says_so() -> None:
    async with serving(entry=Entry(sockets=lambda: Sockets(lanes=2))) as server:
        talk = await Talk(server).open()
        talk.create(script({"text": "w ", "delay": 0.002, "count": 100_000}), stream_id="long")
        talk.create("after the long one", stream_id="long")
        talk.create("short", stream_id="other")
        frames = [await talk.hear()]
        while frames[-1]["type"] != "response.completed":
            frames.append(await talk.hear())
        assert frames[-1]["stream_id"] == "other"
        assert whole([frame for frame in frames if frame["stream_id"] == "other"])["status"] == "completed"
        talk.leave()
        await talk.end()


async def test_open_responses_knows_no_lanes() -> None:
    async with serving(entry=Entry(sockets=lambda: Sockets(lanes=2))) as server:
        talk = await Talk(server, base="/openresponses/v1").open()
        talk.create("a", stream_id="x")
        frames = await talk.turn()
        assert frames[0]["ignored_parameters"] == ["stream_id"]
        assert "stream_id" not in frames[0]


async def test_open_responses_has_its_own_events() -> None:
    async with serving() as server:
        talk = await Talk(server, base="/openresponses/v1").open()
        talk.create(script({"reasoning": "hm"}, {"text": "a"}), client_metadata={"a": 1})
        frames = await talk.turn()
        assert "response.reasoning.delta" in {frame["type"] for frame in frames}
        assert frames[0]["ignored_parameters"] == ["client_metadata"]


async def test_limits_hold_for_each_create() -> None:
    async with serving() as server:
        key = await server.key(limits=Limits(requests_per_minute=2))
        await server.directory.refresh()
        talk = await Talk(server, {"authorization": f"Bearer {key}"}).open()
        assert talk.headers["x-ratelimit-remaining-requests"] == "2"
        for _ in range(2):
            await talk.ask("a")
        talk.create("a")
        frame = await talk.hear()
        assert refused(frame) == (429, "rate_limit_exceeded", None)
        headers = frame["error"]["headers"]
        assert int(headers["retry-after"]) >= 1
        assert headers["x-ratelimit-remaining-requests"] == "0"
        assert headers["x-request-id"].startswith("req_")


async def test_a_store_that_cannot_write_fails_the_turn_and_not_the_connection() -> None:
    store = ReinedStore()
    async with serving(store) as server:
        talk = await Talk(server).open()
        store.failing = {"close"}
        talk.create("a")
        last = (await talk.turn())[-1]
        assert last["type"] == "response.failed"
        store.failing = set()
        assert text(await talk.ask("b")) == "b"
