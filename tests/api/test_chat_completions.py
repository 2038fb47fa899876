"""`POST /chat/completions`: one run, read in another shape; nothing of it is kept."""

import json
from typing import Any

import pytest

from antiphon.core.accounts import Limits, Project, UsageQuery
from antiphon.core.signals import RunEnded
from tests.asgi import Answer, Exchanging, Rooms, script, serving, slow, until
from tests.chat import check_chunk, check_completion, joined, parsed

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"
ALL = UsageQuery(start=0, end=2**40, width=0)


def body(said: str, **fields: Any) -> dict[str, Any]:
    return {"model": "scripted", "messages": [{"role": "user", "content": said}]} | fields


async def ask(rooms: Rooms, said: str, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    return await rooms.ask("POST", PATH, body(said, **fields), headers)


def begun(rooms: Rooms, said: str, headers: dict[str, str] | None = None, **fields: Any) -> Exchanging:
    return rooms.begin("POST", PATH, body(said, **fields), headers)


EVERYTHING = script(
    {"reasoning": "I think."},
    {"text": "I look."},
    {"call": {"name": "f", "arguments": {"a": 1}, "call_id": "call_a"}},
)
TOOLS = [{"type": "function", "function": {"name": "f"}}]


async def test_streamed_or_not_it_is_the_same_answer() -> None:
    async with serving() as rooms:
        whole = (await ask(rooms, EVERYTHING, tools=TOOLS, logprobs=True)).json()
        answer = await ask(
            rooms, EVERYTHING, tools=TOOLS, logprobs=True, stream=True, stream_options={"include_usage": True}
        )
    check_completion(whole)
    assert answer.headers["content-type"].startswith("text/event-stream")
    chunks = parsed(answer.body)
    for chunk in chunks:
        check_chunk(chunk)
    streamed = joined(chunks)
    assert {one["id"].partition("-")[0] for one in (whole, streamed)} == {"chatcmpl"}
    for one in (whole, streamed):
        del one["id"], one["created"]
        one["choices"][0]["message"]["content"] = one["choices"][0]["message"]["content"] or None
    assert streamed == whole
    message = whole["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("I think.", "I look.")
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}


async def test_a_bound_cuts_it() -> None:
    async with serving() as rooms:
        whole = (await ask(rooms, "one two three", max_tokens=2)).json()
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["choices"][0]["message"]["content"] == "one two"
    assert whole["usage"]["completion_tokens"] == 2


async def test_a_round_trip_of_a_tool() -> None:
    turns = json.dumps({"turns": [[{"call": {"name": "f", "call_id": "call_a"}}], [{"text": "Fair."}]]})
    async with serving() as rooms:
        first = (await ask(rooms, turns, tools=TOOLS)).json()["choices"][0]
        assert first["finish_reason"] == "tool_calls"
        output = {"role": "tool", "tool_call_id": "call_a", "content": "fair"}
        messages = [{"role": "user", "content": turns}, first["message"], output]
        second = (await ask(rooms, "", messages=messages, tools=TOOLS)).json()["choices"][0]
        assert (second["finish_reason"], second["message"]["content"]) == ("stop", "Fair.")
        unanswered = await ask(rooms, "", messages=messages[:2], tools=TOOLS)
        assert unanswered.error() == (400, None, "messages")


async def test_nothing_is_kept_but_what_it_cost() -> None:
    async with serving() as rooms:
        answer = await ask(rooms, "a b", store=True, stop=["z"])
        assert answer.headers["x-ignored-parameters"] == "store, stop"
        made = answer.json()
        response_id = made["id"].replace("chatcmpl-", "resp_")
        assert (await rooms.ask("GET", f"/v1/responses/{response_id}")).status == 404
        (total,) = await rooms.store.usage(ALL)
        assert (total.responses, total.output_tokens) == (1, made["usage"]["completion_tokens"])
        assert [one.status for one in rooms.signals if isinstance(one, RunEnded)] == ["completed"]


async def test_limits_hold_it_like_any_run() -> None:
    async with serving() as rooms:
        await rooms.store.keep_project(Project(id="p", name="p", created_at=1, limits=Limits(requests_per_minute=1)))
        own = {"authorization": f"Bearer {await rooms.key('p')}"}
        first = await ask(rooms, "a", own)
        assert (first.status, first.headers["x-ratelimit-remaining-requests"]) == (200, "0")
        assert (await ask(rooms, "a", own)).error()[:2] == (429, "rate_limit_exceeded")
        assert (await ask(rooms, "a")).error()[:2] == (401, "invalid_api_key")


async def test_what_is_refused_before_it_begins() -> None:
    async with serving() as rooms:
        refuse = script({"fail": {"status": 503, "code": "overloaded", "message": "Wait."}})
        for stream in (False, True):
            assert (await ask(rooms, "a", model="nobody", stream=stream)).error() == (404, "model_not_found", "model")
            assert (await ask(rooms, refuse, stream=stream)).error() == (503, "overloaded", None)
            assert (await ask(rooms, "a", n=2, stream=stream)).error() == (400, "unsupported_value", "n")
            forced = {"type": "function", "function": {"name": "g"}}
            answer = await ask(rooms, "a", tools=TOOLS, tool_choice=forced, stream=stream)
            assert answer.error() == (400, "invalid_value", "tool_choice")
        for part, place in (
            ({"type": "file", "file": {"file_id": "file-1"}}, "file.file_id"),
            ({"type": "image_url", "image_url": {"url": "nowhere"}}, "image_url.url"),
        ):
            answer = await ask(rooms, "", messages=[{"role": "user", "content": [part]}])
            assert answer.error()[2] == f"messages[0].content[0].{place}"
        plain = await rooms.ask("POST", PATH, b"{}", {"content-type": "text/plain"})
        assert plain.error()[0] == 415
        assert (await rooms.ask("GET", PATH)).status == 405


BREAKS = script({"text": "one two"}, {"fail": {"status": 500, "code": "model_error", "message": "It broke."}})


async def test_what_breaks_off() -> None:
    async with serving() as rooms:
        assert (await ask(rooms, BREAKS)).error() == (503, "model_error", None)
        answer = await ask(rooms, BREAKS, stream=True)
        assert answer.status == 200
        *chunks, error = parsed(answer.body)
        assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "one two"
        assert error == {
            "error": {"message": "It broke.", "type": "server_error", "param": None, "code": "model_error"}
        }


async def test_silence_is_filled_with_comments_and_then_nothing_is_refused() -> None:
    late = script({"text": "a", "delay": 0.2})
    async with serving(heartbeat=0.02) as rooms:
        answer = await ask(rooms, late, stream=True)
        assert b": ping\n\n" in answer.body
        assert joined(parsed(answer.body))["choices"][0]["message"]["content"] == "a"


async def test_who_leaves_stops_the_model() -> None:
    async with serving() as rooms:
        asking = begun(rooms, slow(), stream=True)
        await until(lambda: b'"w ' in asking.raw)
        asking.leave()
        await asking.end()
        await until(lambda: [one.status for one in rooms.signals if isinstance(one, RunEnded)] == ["cancelled"])


async def test_lengths_tell_less_where_they_are_padded() -> None:
    async with serving() as rooms:
        answer = await ask(rooms, "a longer word", stream=True, stream_options={"include_obfuscation": True})
    chunks = parsed(answer.body)
    said = [chunk for chunk in chunks if chunk["choices"][0]["delta"].get("content")]
    assert {(len(one["choices"][0]["delta"]["content"]) + len(one["obfuscation"])) % 16 for one in said} == {0}
    assert "obfuscation" not in chunks[-1]


async def test_a_key_of_idempotency_gives_no_second_answer() -> None:
    async with serving() as rooms:
        once = {"idempotency-key": "once"}
        assert (await ask(rooms, "a", once)).status == 200
        assert (await ask(rooms, "a", once)).error()[:2] == (409, "idempotency_key_conflict")
        for said, status in ((BREAKS, 503), ("", 400)):
            key = {"idempotency-key": f"free-{status}"}
            refused = await ask(rooms, said, key, n=None if said else 2)
            assert refused.status == status
            assert (await ask(rooms, "a", key)).status == 200
        asking = begun(rooms, slow(), {"idempotency-key": "under-way"}, stream=True)
        await until(lambda: asking.raw)
        again = await ask(rooms, slow(), {"idempotency-key": "under-way"}, stream=True)
        assert again.error()[:2] == (409, "idempotency_in_progress")
        asking.leave()
        await asking.end()


async def test_infercom_is_its_sibling_and_the_others_have_none() -> None:
    async with serving() as rooms:
        answer = await rooms.ask("POST", "/infercom/v1/chat/completions", body("a"))
        check_completion(answer.json())
        assert answer.headers["inference-id"]
        for base in ("/openresponses/v1", "/gateway/v1", "/infinityblue/v1"):
            assert (await rooms.ask("POST", f"{base}/chat/completions", body("a"))).status == 404
