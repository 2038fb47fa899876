"""What a request points to: chains, conversations, references, pairs (protocol §8.1); counting."""

from typing import Any

import pytest

from tests.asgi import script, serving, slow
from tests.stores import ReinedStore

pytestmark = pytest.mark.anyio


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
