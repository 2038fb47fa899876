"""A model behind a Chat Completions upstream, over real connections: how it is asked, and an answer in one piece.

What is told of streams stands in `test_chat_stream`.
"""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from antiphon.core import deltas as d
from antiphon.core.items import InputText, Message
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt, Sampling
from antiphon.core.request import JsonObjectFormat, Text
from antiphon.models.chat import ChatModel
from antiphon.models.http import Http
from antiphon.models.upstream import Deadlines, UpstreamFault
from tests.models.chat_habits import END, HI
from tests.models.http_upstream import Answering, Stand, in_turn, refusing, standing, streaming

pytestmark = pytest.mark.anyio

USAGE = {"prompt_tokens": 9, "completion_tokens": 4}
COUNTED = d.UsageDelta(9, 4)
HELLO = [d.TextDelta("Hello"), COUNTED, d.Stop()]


def prompt(*, whole: bool = True, **fields: Any) -> Prompt:
    items = [Message(role="user", content=[InputText("hi")])]
    return Prompt(model="m", items=[*items], sampling=Sampling(max_output_tokens=16), whole=whole, **fields)


def completion(finish: str = "stop", **message: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": None} | message, "finish_reason": finish}
    return json.dumps({"object": "chat.completion", "choices": [choice], "usage": USAGE}).encode()


def whole(*pieces: bytes | float) -> Answering:
    return streaming(*pieces, content_type="application/json")


def streamed() -> Answering:
    return streaming(*(f"data: {line}\n\n".encode() for line in [*HI, *END]))


async def spoken(stand: Stand, asked: Prompt, **fields: Any) -> list[d.Delta]:
    http = Http()
    try:
        turn = await ChatModel(stand.upstream(kind="chat", **fields), "there", http).open(asked)
        return [delta async for batch in turn for delta in batch]
    finally:
        await http.close()


async def heard(answering: Answering, **fields: Any) -> list[d.Delta]:
    """What a model behind such an upstream says to a prompt whose answer may come in one piece."""
    async with standing(answering) as stand:
        return await spoken(stand, prompt(**fields))


async def test_a_stream_is_asked_for_only_where_somebody_reads_it() -> None:
    async with standing(in_turn(whole(completion(content="Hello")), streamed())) as stand:
        http = Http()
        model = ChatModel(stand.upstream(kind="chat"), "there", http)
        for once in (True, False):
            turn = await model.open(prompt(whole=once))
            said = [delta async for batch in turn for delta in batch]
            assert "".join(delta.text for delta in said if isinstance(delta, d.TextDelta)) == "Hello"
        await http.close()
    asked = [(body["stream"], "stream_options" in body) for _, body in stand.asked]
    assert asked == [(False, False), (True, True)]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (completion(content="Hello"), HELLO),
        (
            completion(reasoning_content="hm", content="Hello"),
            [d.ReasoningDelta("hm"), d.TextDelta("Hello"), d.UsageDelta(9, 4, 0, 1, estimated=True), d.Stop()],
        ),
        (completion(refusal="No."), [d.RefusalDelta("No."), COUNTED, d.Stop()]),
        (completion("length", content="Hel"), [d.TextDelta("Hel"), COUNTED, d.Stop("length")]),
        (
            completion("tool_calls", tool_calls=[{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]),
            [d.CallBegun("f", "a"), d.CallDelta('{"x":1}'), COUNTED, d.Stop()],
        ),
    ],
    ids=["text", "thought", "refusal", "cut", "call"],
)
async def test_an_answer_in_one_piece_says_what_a_stream_would(answer: bytes, told: list[d.Delta]) -> None:
    assert await heard(whole(answer)) == told
    half = len(answer) // 2
    assert await heard(whole(b"\n\n", b" \n", answer[:half], answer[half:])) == told


async def test_whoever_streams_unasked_is_heard() -> None:
    said = await heard(streamed())
    assert [delta.text for delta in said if isinstance(delta, d.TextDelta)] == ["Hel", "lo"]


@pytest.mark.parametrize(
    "refusal",
    [refusing(400, "Stream must be set to true"), refusing(504, "upstream timed out"), refusing(524)],
    ids=["streams only", "impatient proxy", "another"],
)
async def test_a_server_that_gives_no_answer_in_one_piece_is_asked_for_streams_from_then_on(refusal: Answering) -> None:
    async with standing(in_turn(refusal, streamed())) as stand:
        http = Http()
        model = ChatModel(stand.upstream(kind="chat"), "there", http)
        for _ in range(2):
            turn = await model.open(prompt())
            assert d.Stop() in [delta async for batch in turn for delta in batch]
        assert [body["stream"] for _, body in stand.asked] == [False, True, True]
        await http.close()


async def test_what_is_asked_for_in_one_piece_has_until_the_end_for_its_first_byte() -> None:
    async with standing(whole(0.4, completion(content="Hello"))) as stand:
        assert await spoken(stand, prompt(), deadlines=Deadlines(first=0.1, idle=0.1)) == HELLO
    late = Deadlines(first=0.1, total=0.3)
    async with standing(whole(completion(content="Hello")[:-5], 30.0)) as stand:
        with pytest.raises(UpstreamFault, match=r"within 0\.3 seconds"):
            await spoken(stand, prompt(), deadlines=late)


@pytest.mark.parametrize("head", [[30.0], [completion(content="Hello")[:-5], 30.0]], ids=["before", "in the middle"])
async def test_who_leaves_closes_the_connection_at_once(head: list[bytes | float]) -> None:
    async def silent(request: web.Request, _: Any) -> web.StreamResponse:
        await asyncio.sleep(30)
        return await whole()(request, _)

    async with standing(silent if head == [30.0] else whole(*head)) as stand:
        asking = asyncio.ensure_future(spoken(stand, prompt()))
        async with asyncio.timeout(10):
            while not stand.asked:  # noqa: ASYNC110  seen from outside
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            asking.cancel()
            while not stand.left:  # noqa: ASYNC110  seen from outside
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("answering", "status"),
    [
        (whole(completion(content="Hello")[:-5]), 502),
        (whole(b""), 502),
        (whole(b'{"error": {"message": "slow down", "code": 429}}'), 429),
        (whole(b'{"choices": []}'), 502),
        (streaming(b"<html>busy</html>", content_type="text/html"), 502),
        (refusing(503), 503),
        (refusing(400), 400),
        (refusing(401), 502),
    ],
)
async def test_what_breaks_has_said_nothing_so_that_another_may_be_asked(answering: Answering, status: int) -> None:
    with pytest.raises(UpstreamFault) as caught:
        await heard(answering)
    assert caught.value.status == status


async def test_an_answer_that_is_not_what_was_asked_is_told_and_then_fails() -> None:
    async with standing(whole(completion(content="Hello"))) as stand:
        http = Http()
        asked = prompt(text=Text(format=JsonObjectFormat()))
        turn = await ChatModel(stand.upstream(kind="chat"), "there", http).open(asked)
        assert d.TextDelta("Hello") in await anext(turn)
        with pytest.raises(Problem) as caught:
            await anext(turn)
        assert caught.value.code == "model_error"
        await http.close()
