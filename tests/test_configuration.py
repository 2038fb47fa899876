"""What a `configuration_update` sets holds for what comes behind it, wherever that goes on (protocol §2.1)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt
from antiphon.core.request import JsonSchemaFormat, Request
from antiphon.models.scripted import ScriptedModel
from antiphon.store.sqlite import SqliteStore
from tests.asgi import Rooms, serving
from tests.grammar import check_stream
from tests.talk import Talk
from tests.upstreams.behaviours import speaking
from tests.upstreams.fake import faking
from tests.upstreams.front import front
from tests.upstreams.speech import SPEECH

pytestmark = pytest.mark.anyio

FORM = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "description": None, "strict": None}
UPDATE = {"type": "configuration_update", "reasoning": {"effort": "low"}, "text": {"format": FORM}}
HIGH = {"type": "configuration_update", "reasoning": {"effort": "high"}}
HI = {"role": "user", "content": "hi"}


def settings(response: Any) -> tuple[Any, Any]:
    """What a response echoes: the effort, and the format's type."""
    return response["reasoning"]["effort"], response["text"]["format"]["type"]


SET, UNSET = ("low", "json_schema"), (None, "text")


@pytest.fixture
async def server() -> AsyncIterator[Rooms]:
    async with serving() as rooms:
        yield rooms


async def test_it_holds_along_a_chain_until_another_one(server: Rooms) -> None:
    first = await server.made([UPDATE, HI])
    second = await server.made([HI], previous_response_id=first["id"])
    third = await server.made([HIGH, HI], previous_response_id=second["id"])
    fourth = await server.made("hi", previous_response_id=third["id"])
    assert list(map(settings, (first, second, third, fourth))) == [SET, SET, *[("high", "json_schema")] * 2]
    branch = await server.made("hi", previous_response_id=first["id"])
    assert settings(branch) == SET, "what was said in another branch"
    assert settings(await server.made("hi")) == UNSET


async def test_the_requests_own_fields_win_and_are_not_inherited(server: Rooms) -> None:
    first = await server.made([UPDATE, HI])
    own = {"reasoning": {"effort": "none"}, "text": {"format": {"type": "text"}}}
    second = await server.made("hi", previous_response_id=first["id"], **own)
    assert settings(second) == ("none", "text")
    assert settings(await server.made("hi", previous_response_id=second["id"])) == SET


async def test_every_event_of_a_stream_echoes_it(server: Rooms) -> None:
    first = await server.made([UPDATE, HI])
    answer = await server.create("hi", previous_response_id=first["id"], stream=True)
    assert settings(check_stream(answer.events())) == SET
    assert {settings(event["response"]) for event in answer.events() if "response" in event} == {SET}


@pytest.mark.parametrize("fields", [{}, {"background": True}])
async def test_it_is_kept_and_listed_with_what_a_response_was_made_from(server: Rooms, fields: Any) -> None:
    made = await server.made([UPDATE, HI], **fields)
    assert settings(await server.at(made["id"], "completed")) == SET
    next_one = await server.made("hi", previous_response_id=made["id"], **fields)
    again = await server.at(next_one["id"], "completed")
    assert settings(next_one) == settings(again) == SET
    listed = (await server.get(f"/responses/{again['id']}/input_items?order=asc"))["data"]
    assert [item["type"] for item in listed] == ["configuration_update", "message", "message", "message"]
    assert listed[0].items() >= UPDATE.items() and listed[0]["id"]


async def test_it_holds_in_its_conversation(server: Rooms) -> None:
    made = await server.ask("POST", "/v1/conversations", {"items": [UPDATE]})
    conversation = made.json()["id"]
    assert settings(await server.made("hi", conversation=conversation)) == SET
    added = await server.ask("POST", f"/v1/conversations/{conversation}/items", {"items": [HIGH]})
    assert added.status == 200
    assert settings(await server.made("hi", conversation=conversation)) == ("high", "json_schema")
    items = (await server.get(f"/conversations/{conversation}/items?order=asc"))["data"]
    update = next(item for item in items if item["type"] == "configuration_update")
    gone = await server.ask("DELETE", f"/v1/conversations/{conversation}/items/{update['id']}")
    assert gone.status == 200
    assert settings(await server.made("hi", conversation=conversation)) == ("high", "text")


async def test_it_holds_within_a_connection_that_keeps_nothing(server: Rooms) -> None:
    talk = await Talk(server).open()
    first = await talk.ask([UPDATE, HI], store=False)
    second = await talk.ask("hi", store=False, previous_response_id=first["id"])
    assert settings(first) == settings(second) == SET


async def test_it_stays_when_what_came_before_is_compacted(server: Rooms) -> None:
    window = (await server.ask("POST", "/v1/responses/compact", {"model": "scripted", "input": [UPDATE, HI]})).json()
    assert settings(await server.made([*window["output"], HI], store=False)) == SET
    first = await server.made([UPDATE, HI])
    rule = [{"type": "compaction", "compact_threshold": 1000}]
    long = await server.made("word " * 1200, previous_response_id=first["id"], context_management=rule)
    compacted = await server.made("hi", previous_response_id=long["id"], context_management=rule)
    assert settings(compacted) == SET


async def test_it_is_there_after_a_restart(tmp_path: Path) -> None:
    found = ""
    for expected in (SET, SET):
        store = SqliteStore(tmp_path)
        async with serving(store) as server:
            follows = {"previous_response_id": found} if found else {}
            made = await server.made("hi" if found else [UPDATE, HI], **follows)
            found = made["id"]
        await store.stop()
        assert settings(made) == expected


@pytest.mark.parametrize("kind", ["chat", "responses"])
async def test_an_upstream_is_asked_for_it_and_never_sees_the_item(kind: Any) -> None:
    async with faking(speaking(SPEECH[kind])) as fake, front(fake.upstream(kind)) as server:
        plain = {**UPDATE, "text": {"format": {**FORM, "strict": False}}}
        first = await server.made([plain, HI], model="m")
        await server.made("hi", model="m", previous_response_id=first["id"])
    for asked in (one.body for one in fake.asked):
        effort = asked["reasoning_effort"] if kind == "chat" else asked["reasoning"]["effort"]
        form = asked["response_format"]["json_schema"] if kind == "chat" else asked["text"]["format"]
        assert (effort, form["name"], form["schema"]) == ("low", "n", {"type": "object"})
        said = asked["messages"] if kind == "chat" else asked["input"]
        assert all(one.get("role") in ("user", "assistant") for one in said)


class Plain(ScriptedModel):
    """A model that answers in text, and takes no schema at all under `strict`."""

    def check(self, request: Request) -> list[str]:
        form = request.text.format
        if isinstance(form, JsonSchemaFormat) and form.strict:
            raise Problem(400, "invalid_json_schema", "It can't be held.", param="text.format.schema")
        return ["text.format"] if isinstance(form, JsonSchemaFormat) else []


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_model_ignores_of_it_is_named_whenever_it_was_set(*, stream: bool) -> None:
    async with serving(None, Plain()) as server:
        first = await server.create([UPDATE, HI], stream=stream)
        assert first.headers["x-ignored-parameters"] == "text.format"
        before = first.events()[-1]["response"] if stream else first.json()
        second = await server.create("hi", previous_response_id=before["id"], stream=stream)
        assert second.headers["x-ignored-parameters"] == "text.format"
        conversation = (await server.ask("POST", "/v1/conversations", {"items": [UPDATE]})).json()["id"]
        third = await server.create("hi", conversation=conversation, stream=stream)
        assert third.headers["x-ignored-parameters"] == "text.format"
        last = await server.create("hi", conversation=conversation, stream=stream, text={"format": {"type": "text"}})
        assert "x-ignored-parameters" not in last.headers


async def test_what_a_model_can_not_hold_is_refused_also_where_it_was_set_before() -> None:
    async with serving(None, Plain(), ScriptedModel("other")) as server:
        strict = {**UPDATE, "text": {"format": {**FORM, "strict": True}}}
        first = await server.made([strict, HI], model="other")
        for stream in (False, True):
            answer = await server.create("hi", previous_response_id=first["id"], stream=stream)
            assert answer.error() == (400, "invalid_json_schema", "text.format.schema")


async def test_it_is_nothing_to_be_read(server: Rooms) -> None:
    counted = await server.ask("POST", "/v1/responses/input_tokens", {"model": "scripted", "input": [UPDATE, HI]})
    assert counted.json()["input_tokens"] == 1


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "openai:configuration_update", "reasoning": {"effort": "a lot"}}, "input[0].reasoning.effort"),
        ({"type": "openai:configuration_update", "text": {"format": [1]}}, "input[0].text.format"),
        ({"type": "openai:configuration_update", "text": 7}, "input[0].text"),
        ({"type": "openai:mcp_approval_response", "approval_request_id": ["mcpr_1"]}, "input"),
    ],
)
async def test_under_a_slug_what_is_none_is_refused_too(server: Rooms, item: Any, param: str) -> None:
    body = {"model": "scripted", "input": [item, HI]}
    answer = await server.ask("POST", "/openresponses/v1/responses", body)
    assert (answer.status, answer.json()["error"]["param"]) == (400, param)


async def test_under_a_slug_it_holds_as_well(server: Rooms) -> None:
    body = {"model": "scripted", "input": [UPDATE | {"type": "openai:configuration_update"}, HI]}
    made = (await server.ask("POST", "/openresponses/v1/responses", body)).json()
    assert settings(await server.made("hi", previous_response_id=made["id"])) == SET
    listed = await server.ask("GET", f"/openresponses/v1/responses/{made['id']}/input_items?order=asc")
    assert listed.json()["data"][0]["type"] == "openai:configuration_update"


class Formal(ScriptedModel):
    """A model that has to read a schema, too."""

    async def count(self, prompt: Prompt) -> Count:
        return Count((await super().count(prompt)).tokens + 10 * isinstance(prompt.text.format, JsonSchemaFormat))


async def test_what_it_sets_is_counted() -> None:
    async with serving(None, Formal()) as server:
        first = await server.made([UPDATE, HI])
        asked = {"model": "scripted", "input": "hi", "previous_response_id": first["id"]}
        counted = (await server.ask("POST", "/v1/responses/input_tokens", asked)).json()["input_tokens"]
        plain = asked | {"text": {"format": {"type": "text"}}}
        assert counted == (await server.ask("POST", "/v1/responses/input_tokens", plain)).json()["input_tokens"] + 10
