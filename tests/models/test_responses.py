"""A model behind a Responses upstream, over real connections: asked, heard, broken, left."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from antiphon.core import deltas as d
from antiphon.core.items import FunctionCall, InputText, Message
from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt, Sampling
from antiphon.core.request import JsonObjectFormat, Text
from antiphon.models.http import Http
from antiphon.models.responses import ResponsesModel
from antiphon.models.upstream import Deadlines, UpstreamFault
from tests.models.http_upstream import (
    END,
    Answering,
    Stand,
    by_path,
    event,
    in_turn,
    refusing,
    said,
    standing,
    streaming,
)

pytestmark = pytest.mark.anyio


def prompt(**fields: Any) -> Prompt:
    items = [Message(role="user", content=[InputText("hi")])]
    return Prompt(model="m", items=[*items], sampling=Sampling(max_output_tokens=16), **fields)


async def heard(answering: Answering, **fields: Any) -> list[d.Delta]:
    """What a model behind such an upstream says."""
    async with standing(answering) as stand:
        return await spoken(stand, prompt(**fields))


async def spoken(stand: Stand, asked: Prompt, **fields: Any) -> list[d.Delta]:
    http = Http()
    try:
        turn = await ResponsesModel(stand.upstream(**fields), "there", http).open(asked)
        return [delta async for batch in turn for delta in batch]
    finally:
        await http.close()


WHOLE = [d.TextDelta("a"), d.TextDelta("b"), d.UsageDelta(1, 1), d.Stop()]


async def test_it_is_asked_under_its_own_name_and_with_its_key() -> None:
    async with standing(streaming(said("a"), said("b"), END)) as stand:
        assert await spoken(stand, prompt(), key="sk-secret") == WHOLE
        ((path, body),) = stand.asked
        assert (path, body["model"], body["store"], body["stream"]) == ("responses", "there", False, True)
        assert stand.keys == ["Bearer sk-secret"]


async def test_however_the_bytes_are_cut() -> None:
    data = said("a") + said("b") + END
    for size in (1, 7, len(data)):
        assert await heard(streaming(*(data[n : n + size] for n in range(0, len(data), size)))) == WHOLE


async def test_an_answer_in_one_piece_of_a_server_that_does_not_stream() -> None:
    answer = {
        "object": "response",
        "status": "completed",
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    whole = streaming(json.dumps(answer).encode(), content_type="application/json")
    assert await heard(whole) == [d.TextDelta("a"), d.UsageDelta(1, 1), d.Stop()]
    async with standing(whole) as stand:
        assert await spoken(stand, prompt(whole=True)) == [d.TextDelta("a"), d.UsageDelta(1, 1), d.Stop()]
        assert stand.asked[0][1]["stream"] is False


async def test_a_server_that_only_streams_is_asked_for_nothing_else() -> None:
    async with standing(in_turn(refusing(400, "Stream must be set to true"), streaming(said("a"), END))) as stand:
        http = Http()
        model = ResponsesModel(stand.upstream(), "m", http)
        for _ in range(2):
            turn = await model.open(prompt(whole=True))
            assert d.TextDelta("a") in [delta async for batch in turn for delta in batch]
        assert [body["stream"] for _, body in stand.asked] == [False, True, True]
        await http.close()


@pytest.mark.parametrize(
    ("answering", "status"),
    [
        (streaming(said("a")), 502),
        (streaming(said("a"), b"data: {"), 502),
        (streaming(b"<html>busy</html>", content_type="text/html"), 502),
        (streaming(b"<html>busy</html>", content_type="application/json"), 502),
        (streaming(said("a"), event("error", code="rate_limit_exceeded", message="slow")), 429),
        (refusing(503), 503),
        (refusing(400), 400),
        (refusing(401), 502),
    ],
)
async def test_what_breaks_is_a_problem_and_never_a_stream_that_merely_stops(answering: Answering, status: int) -> None:
    with pytest.raises(Problem) as caught:
        await heard(answering)
    assert caught.value.status == status


async def test_what_was_said_before_a_fault_in_the_same_read_is_told_first() -> None:
    async with standing(streaming(said("a") + event("error", message="oh"))) as stand:
        http = Http()
        turn = await ResponsesModel(stand.upstream(), "m", http).open(prompt())
        assert list(await anext(turn)) == [d.TextDelta("a")]
        with pytest.raises(Problem):
            await anext(turn)
        await http.close()


async def test_silence_is_not_waited_for_without_end() -> None:
    async with standing(streaming(said("a"), 30.0)) as stand:
        with pytest.raises(UpstreamFault) as caught:
            await spoken(stand, prompt(), deadlines=Deadlines(idle=0.2))
    assert (caught.value.status, caught.value.code) == (504, "upstream_timeout")


async def test_who_leaves_closes_the_connection_at_once() -> None:
    async with standing(streaming(said("a"), 30.0)) as stand:
        http = Http()
        turn = await ResponsesModel(stand.upstream(), "m", http).open(prompt())
        await anext(turn)
        await turn.aclose()  # type: ignore[attr-defined]  # ports.Turn promises it
        async with asyncio.timeout(10):
            while not stand.left:  # noqa: ASYNC110  seen from outside
                await asyncio.sleep(0.01)
        await http.close()


async def test_a_model_that_has_no_sealed_thoughts_is_asked_again_without() -> None:
    refusal = refusing(400, "Encrypted content is not supported with this model.")
    async with standing(in_turn(refusal, streaming(said("a"), said("b"), END))) as stand:
        http = Http()
        model = ResponsesModel(stand.upstream(), "m", http)
        for _ in range(2):
            turn = await model.open(prompt())
            assert [delta async for batch in turn for delta in batch] == WHOLE
        assert ["include" in body for _, body in stand.asked] == [True, False, False]
        await http.close()


async def test_a_field_that_changes_nothing_and_is_not_taken_is_left_out() -> None:
    refusal = refusing(400, "Unknown parameter: 'safety_identifier'.")
    async with standing(in_turn(refusal, streaming(said("a"), said("b"), END))) as stand:
        http = Http()
        model = ResponsesModel(stand.upstream(), "m", http)
        for _ in range(2):
            turn = await model.open(prompt(safety_identifier="s", user="u"))
            assert [delta async for batch in turn for delta in batch] == WHOLE
        assert ["safety_identifier" in body for _, body in stand.asked] == [True, False, False]
        assert all(body["user"] == "u" for _, body in stand.asked)
        await http.close()


async def test_tokens_are_counted_there_where_there_is_a_way() -> None:
    async def counted(_: web.Request, __: Any) -> web.StreamResponse:
        return web.json_response({"input_tokens": 42})

    http = Http()
    async with standing(by_path(input_tokens=counted)) as stand, standing(refusing(404)) as other:
        assert await ResponsesModel(stand.upstream(), "m", http).count(prompt()) == Count(42)
        model = ResponsesModel(other.upstream(), "m", http)
        first, second = await model.count(prompt()), await model.count(prompt())
        assert first == second and first.tokens > 0 and first.estimated
        assert len(other.asked) == 1
    await http.close()


async def test_an_answer_that_is_not_what_was_asked_fails() -> None:
    with pytest.raises(Problem) as caught:
        await heard(streaming(said("a"), END), text=Text(format=JsonObjectFormat()))
    assert caught.value.code == "model_error"


async def test_an_answer_that_had_ended_in_calls_is_not_asked_for_again() -> None:
    async with standing(refusing(500)) as stand:
        call = FunctionCall(call_id="c", name="f", arguments="{}")
        assert (await spoken(stand, prompt(said=[call])))[-1] == d.Stop()
        assert stand.asked == []
