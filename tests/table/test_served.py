"""The rows of contracts §B that are about HTTP, against the server with the scripted model."""

import json
import time
from typing import Any
from uuid import UUID

import pytest

from antiphon.contract.contract import load, names
from antiphon.core.accounts import Limits, Project
from antiphon.core.ports import ModelInfo
from antiphon.models.scripted import ScriptedModel
from tests.asgi import Answer, Rooms, script, serving
from tests.table.rows import row
from tests.talk import Talk

pytestmark = pytest.mark.anyio

BASES = {name: load(name).base for name in names()}
STATEFUL = [name for name in names() if name != "infercom"]


async def create(server: Rooms, contract: str, input: Any = "hello there", **fields: Any) -> Answer:
    """`POST /responses` through a contract; `headers` go beside."""
    headers = fields.pop("headers", None)
    body = {"model": "scripted", "input": input} | fields
    return await server.ask("POST", f"{BASES[contract]}/responses", body, headers)


def stream_of(answer: Answer) -> list[dict[str, Any]]:
    """The events of a stream that ends with `[DONE]`, each told under its own name."""
    assert answer.status == 200, answer.body
    *frames, last, rest = answer.body.split(b"\n\n")
    assert (last, rest) == (b"data: [DONE]", b"")
    events = []
    for frame in frames:
        name, _, data = frame.partition(b"\n")
        event = json.loads(data.removeprefix(b"data: "))
        assert name == f"event: {event['type']}".encode()
        events.append(event)
    return events


@row(2)
async def test_conflicts_of_idempotency(row: int) -> None:
    async with serving() as server:
        for name in names():
            key = {"idempotency-key": name}
            assert (await create(server, name, headers=key)).status == 200
            answer = await create(server, name, "something else", headers=key)
            assert answer.status == 409
            assert answer.json()["error"]["type"] == "idempotency_error"
            assert answer.json()["error"]["code"] == "idempotency_key_conflict"
            assert answer.headers["x-should-retry"] == "false"
            if name == "gateway":
                assert answer.json()["detail"] == answer.json()["error"]["message"]


class Elsewhere(ScriptedModel):
    """A model that is offered by one contract only."""

    def info(self) -> ModelInfo:
        return ModelInfo("elsewhere", created=0, owned_by="antiphon", contracts=("gateway",))


@row(6)
async def test_unknown_models(row: int) -> None:
    async with serving(None, ScriptedModel(), Elsewhere()) as server:
        for name in ("openai", "infercom", "infinityblue", "openresponses"):
            assert (await create(server, name, model="nobody")).error() == (404, "model_not_found", "model")
            assert (await create(server, name, model="elsewhere")).error() == (400, "unsupported_model", "model")
            listed = (await server.ask("GET", f"{BASES[name]}/models")).json()["data"]
            assert [model["id"] for model in listed] == ["scripted"]
            assert (await server.ask("GET", f"{BASES[name]}/models/elsewhere")).status == 404
        told = (await create(server, "infercom", model="elsewhere")).json()["error"]
        assert told["message"] == "Unsupported model elsewhere on Response API"
        chat = {"model": "elsewhere", "messages": [{"role": "user", "content": "a"}]}
        answer = await server.ask("POST", f"{BASES['infercom']}/chat/completions", chat)
        assert answer.error() == (400, "unsupported_model", "model")
        assert answer.json()["error"]["message"] == "Unsupported model elsewhere on Chat Completions API"
        assert (await create(server, "gateway", model="elsewhere")).status == 200
        assert (await create(server, "gateway", model="nobody")).json()["detail"].startswith("The model 'nobody'")


@row(7)
async def test_keys(row: int) -> None:
    async with serving() as server:
        for project in ("one", "two"):
            await server.store.keep_project(Project(id=project, name=project, created_at=1))
        text = await server.key("one", projects=("two",))
        for name in names():
            for headers in ({"authorization": f"Bearer {text}"}, {"x-admin-key": text}):
                assert (await create(server, name, headers=headers)).status == 200
            refused = await create(server, name)
            assert (refused.status, refused.json()["error"]["code"]) == (401, "invalid_api_key")
            assert refused.headers["www-authenticate"] == "Bearer"
        made = await create(server, "gateway", headers={"x-admin-key": text, "x-project-id": "two"})
        path = f"/gateway/v1/responses/{made.json()['id']}"
        assert (await server.ask("GET", path, None, {"x-admin-key": text})).status == 404
        assert (await server.ask("GET", path, None, {"x-admin-key": text, "x-project-id": "two"})).status == 200
        assert (await create(server, "gateway", headers={"x-admin-key": text, "x-project-id": "three"})).status == 403


@row(40)
async def test_the_end_of_a_stream(row: int) -> None:
    async with serving() as server:
        for name in names():
            events = stream_of(await create(server, name, stream=True))
            assert events[-1]["type"] == "response.completed"
            assert [event["sequence_number"] for event in events] == list(range(len(events)))


@row(41)
async def test_faults_after_the_beginning(row: int) -> None:
    broken = script({"text": "a word "}, {"fail": {"status": 502, "code": "model_error", "message": "It broke."}})
    async with serving() as server:
        for name in names():
            events = stream_of(await create(server, name, broken, stream=True))
            assert "error" not in {event["type"] for event in events}
            assert events[-1]["type"] == "response.failed"
            assert events[-1]["response"]["error"] == {"code": "model_error", "message": "It broke."}


@row(44)
async def test_lanes_are_opted_in_and_open_responses_has_none(row: int) -> None:
    """tests/api/test_turns.py shows what lanes do where a setting says so, and what `openresponses` makes of one."""
    async with serving() as server:
        for name, base in BASES.items():
            talk = Talk(server, base=base)
            if name not in ("openai", "openresponses"):
                await talk.end()
                assert talk.status == 404
                continue
            await talk.open()
            talk.create("a b c", stream_id="one")
            talk.create("d", stream_id="two")
            first, second = await talk.turn(), await talk.turn()
            lanes = [{frame.get("stream_id") for frame in turn} for turn in (first, second)]
            assert lanes == ([{"one"}, {"two"}] if name == "openai" else [{None}, {None}])


@row(45)
async def test_sealed_thought_is_opted_in(row: int) -> None:
    thinking = script({"reasoning": "hm"}, {"text": "a"})
    sealed = "reasoning.encrypted_content"
    async with serving() as server:
        for name in STATEFUL:
            plain = (await create(server, name, thinking)).json()["output"][0]
            assert "encrypted_content" not in plain
            asked = (await create(server, name, thinking, include=[sealed])).json()["output"][0]
            assert asked["encrypted_content"]
        answer = await create(server, "infercom", thinking, include=[sealed])
        assert "encrypted_content" not in answer.json()["output"][0]
        assert answer.headers["x-ignored-parameters"] == "include"


@row(48)
async def test_headers_of_answers(row: int) -> None:
    windows = ("limit", "remaining", "reset")
    async with serving() as server:
        limits = Limits(requests_per_minute=250, requests_per_day=50_000)
        await server.store.keep_project(Project(id="p", name="p", created_at=1, limits=limits))
        headers = {"authorization": f"Bearer {await server.key('p')}"}
        for stream in (False, True):
            answer = await create(server, "infercom", stream=stream, headers=headers)
            assert UUID(answer.headers["inference-id"])
            told = {
                window + day: int(answer.headers[f"x-ratelimit-{window}-requests{day}"])
                for window in windows
                for day in ("", "-day")
            }
            assert (told["limit"], told["limit-day"]) == (250, 50_000)
            assert time.time() - 5 <= told["reset"] <= time.time() + 90
            assert told["reset-day"] <= time.time() + 86_400 + 1500
        usual = await create(server, "openai", headers=headers)
        assert usual.headers["x-request-id"].startswith("req_")
        assert usual.headers["x-ratelimit-reset-requests"].endswith("s")
        assert "inference-id" not in usual.headers


@row(49)
async def test_which_endpoints_there_are(row: int) -> None:
    async with serving() as server:
        for name in STATEFUL:
            base = BASES[name]
            made = (await create(server, name)).json()["id"]
            assert (await server.ask("GET", f"{base}/responses/{made}/input_items")).json()["data"]
            conversation = (await server.ask("POST", f"{base}/conversations", {})).json()["id"]
            assert (await server.ask("GET", f"{base}/conversations/{conversation}")).status == 200
            background = name != "infinityblue"
            if background:
                waiting = (await create(server, name, background=True)).json()["id"]
                assert (await server.ask("POST", f"{base}/responses/{waiting}/cancel")).status == 200
            assert (await server.ask("GET", f"{base}/responses/{made}")).status == 200
            assert (await server.ask("DELETE", f"{base}/responses/{made}")).status == 200
        made = (await create(server, "infercom")).json()["id"]
        for method, path in (
            ("GET", f"/responses/{made}"),
            ("DELETE", f"/responses/{made}"),
            ("POST", f"/responses/{made}/cancel"),
            ("GET", f"/responses/{made}/input_items"),
            ("POST", "/responses/input_tokens"),
            ("POST", "/conversations"),
        ):
            assert (await server.ask(method, f"/infercom/v1{path}", {})).error()[0] == 404
        for name in names():
            assert (await server.ask("GET", f"{BASES[name]}/models")).json()["data"][0]["id"] == "scripted"


@row(51)
async def test_what_a_delete_says(row: int) -> None:
    async with serving() as server:
        for name in STATEFUL:
            made = (await create(server, name)).json()["id"]
            answer = await server.ask("DELETE", f"{BASES[name]}/responses/{made}")
            assert answer.json() == {"id": made, "object": "response", "deleted": True}


@row(56)
async def test_types_of_content(row: int) -> None:
    async with serving() as server:
        for name in names():
            form = {"content-type": "application/x-www-form-urlencoded"}
            answer = await create(server, name, headers=form)
            assert answer.status == 415
            assert answer.json()["error"]["code"] == "unsupported_media_type"
            charset = {"content-type": "application/json; charset=utf-8"}
            assert (await create(server, name, headers=charset)).status == 200
