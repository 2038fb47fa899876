"""`POST /responses/compact`: a window to go on from, at what a run costs."""

from typing import Any

import pytest

from antiphon.core.accounts import Limits, Project, UsageQuery
from antiphon.models.scripted import words
from tests.asgi import Entry, Rooms, serving
from tests.openapi import check_compaction, check_resource

pytestmark = pytest.mark.anyio

FACT = "FACT the code is 7301"
TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "Keep this in mind."},
    {"role": "assistant", "content": FACT},
    {"role": "user", "content": [{"type": "input_text", "text": "And this."}]},
]
ALL = UsageQuery(start=0, end=2**40, width=0)


async def compact(rooms: Rooms, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return await rooms.ask("POST", "/v1/responses/compact", {"model": "scripted"} | body, headers)


async def test_what_the_user_said_stands_before_one_compaction() -> None:
    async with serving() as rooms:
        answer = (await compact(rooms, input=TALK, prompt_cache_key="k")).json()
    check_compaction(answer)
    assert answer.keys() == {"id", "object", "created_at", "output", "usage"}
    assert answer["object"] == "response.compaction" and answer["id"].startswith("resp_")
    first, second, item = answer["output"]
    for message, text in ((first, "Keep this in mind."), (second, "And this.")):
        assert (message["type"], message["role"], message["status"]) == ("message", "user", "completed")
        assert message["content"] == [{"type": "input_text", "text": text}] and message["id"].startswith("msg_")
    assert item.keys() == {"type", "id", "encrypted_content"} and item["id"].startswith("cmp_")
    assert FACT not in item["encrypted_content"]
    assert answer["usage"]["output_tokens"] == len(words(FACT))


@pytest.mark.parametrize("base", ["/v1", "/openresponses/v1"])
async def test_compact_response_and_compact_missing_model(base: str) -> None:
    """The checks of the Open Responses suite of these names (compliance.md), and what follows them."""
    said = [{"type": "message", "role": role, "content": "My name is Alice."} for role in ("user", "assistant")]
    async with serving() as rooms:
        body = {"model": "scripted", "prompt_cache_key": "k", "input": said}
        window = (await rooms.ask("POST", f"{base}/responses/compact", body)).json()
        check_compaction(window)
        assert [item["type"] for item in window["output"]] == ["message", "compaction"]
        further = {"model": "scripted", "input": [*window["output"], said[0]], "tools": []}
        response = (await rooms.ask("POST", f"{base}/responses", further)).json()
        check_resource(response)
        assert response["status"] == "completed"
        del body["model"]
        assert (await rooms.ask("POST", f"{base}/responses/compact", body)).status == 400


async def test_usage_has_the_contract_s_names() -> None:
    async with serving() as rooms:
        body = {"model": "scripted", "input": TALK}
        usage = (await rooms.ask("POST", "/infinityblue/v1/responses/compact", body)).json()["usage"]
        assert usage["prompt_tokens"] == usage["input_tokens"] > 0


async def test_a_conversation_goes_on_from_it() -> None:
    async with serving() as rooms:
        window = (await compact(rooms, input=TALK)).json()["output"]
        items = [*window, {"role": "user", "content": "Go on."}]
        made = await rooms.made(items)
        assert made["output"][0]["content"][0]["text"] == "Go on."
        again = (await compact(rooms, previous_response_id=made["id"])).json()["output"]
        assert [item["content"][0]["text"] for item in again[:-1]] == ["Keep this in mind.", "And this.", "Go on."]


async def test_nothing_of_it_is_kept_but_what_it_cost() -> None:
    async with serving() as rooms:
        made = await rooms.made(FACT)
        answer = (await compact(rooms, previous_response_id=made["id"])).json()
        assert (await rooms.ask("GET", f"/v1/responses/{answer['id']}")).status == 404
        (total,) = await rooms.store.usage(ALL)
        assert total.responses == 2
        assert total.output_tokens == made["usage"]["output_tokens"] + answer["usage"]["output_tokens"]


async def test_limits_hold_it_like_any_run() -> None:
    async with serving(entry=Entry()) as rooms:
        await rooms.store.keep_project(Project(id="p", name="p", created_at=1, limits=Limits(requests_per_minute=1)))
        own = {"authorization": f"Bearer {await rooms.key('p')}"}
        assert (await compact(rooms, own, input=TALK)).status == 200
        assert (await compact(rooms, own, input=TALK)).error()[:2] == (429, "rate_limit_exceeded")


async def test_what_is_refused() -> None:
    async with serving() as rooms:
        answer = await rooms.ask("POST", "/v1/responses/compact", {"input": TALK})
        assert answer.error() == (400, "missing_required_parameter", "model")
        assert (await compact(rooms)).error() == (400, "missing_required_parameter", "input")
        assert (await compact(rooms, input=TALK, previous_response_id="resp_0")).error()[1] == (
            "previous_response_not_found"
        )
        assert (await compact(rooms, input=TALK, prompt_cache_key="k" * 65)).error()[2] == "prompt_cache_key"
        assert (await compact(rooms, input=TALK, model="nobody")).error()[1] == "model_not_found"


async def test_what_it_has_no_use_for_is_named() -> None:
    async with serving() as rooms:
        answer = await compact(rooms, input=TALK, stream=True)
        assert answer.headers["x-ignored-parameters"] == "stream"
        assert answer.json()["object"] == "response.compaction"


async def test_a_key_of_idempotency_gives_no_second_window() -> None:
    async with serving() as rooms:
        headers = {"idempotency-key": "k"}
        assert (await compact(rooms, headers, input=TALK)).status == 200
        assert (await compact(rooms, headers, input=TALK)).error()[:2] == (409, "idempotency_key_conflict")
        refused = {"idempotency-key": "other"}
        assert (await compact(rooms, refused, model="nobody", input=TALK)).status == 404
        assert (await compact(rooms, refused, input=TALK)).status == 200
