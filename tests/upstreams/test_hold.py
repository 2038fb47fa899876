"""The head of a foreground stream is held until the upstream speaks, or until a heartbeat is due.

Before that a fault has the status that it should have; after it, every fault is told in the stream.
"""

import asyncio
from typing import Any

import pytest

from antiphon.models.upstream import Deadlines, Kind
from tests.asgi import until
from tests.upstreams.behaviours import cutting, in_turn, refusing, sending, speaking, stalling
from tests.upstreams.fake import Asked, Behaviour, Line, faking
from tests.upstreams.front import ONCE, end_of, front
from tests.upstreams.speech import SPEECH

pytestmark = pytest.mark.anyio

KINDS = pytest.mark.parametrize("kind", ["chat", "responses"])
BEAT = 0.05
"""The seconds after which the head goes out whatever comes; 15 where nobody says otherwise."""


def late(behaviour: Behaviour, seconds: float = 4 * BEAT) -> Behaviour:
    """The same, the first time after a while."""
    waits = [seconds]

    async def behave(asked: Asked, line: Line) -> None:
        await asyncio.sleep(waits.pop() if waits else 0)
        await behaviour(asked, line)

    return behave


LONG = {"error": {"message": "This model's maximum context length is 9 tokens", "code": 400}}

TOLD: dict[str, tuple[Behaviour, str]] = {
    "429": (refusing(429, retry_after="17"), "rate_limit_exceeded"),
    "no quota": (refusing(429, {"error": {"message": "pay", "code": "insufficient_quota"}}), "insufficient_quota"),
    "500": (refusing(500, retry_after="17"), "server_error"),
    "503": (refusing(503, retry_after="17"), "overloaded"),
    "504": (refusing(504, retry_after="17"), "upstream_timeout"),
    "401": (refusing(401), "server_error"),
    "a prompt that is too long": (refusing(400, LONG), "context_length_exceeded"),
    "a request that is wrong": (refusing(400), "invalid_prompt"),
    "one that hangs up": (sending(), "server_error"),
    "one that resets": (sending(reset=True), "server_error"),
    "a page": (refusing(200, "<html>"), "server_error"),
}


@KINDS
@pytest.mark.parametrize(("behaviour", "code"), TOLD.values(), ids=TOLD)
async def test_after_a_heartbeat_a_fault_ends_the_stream_with_its_code(
    behaviour: Behaviour, code: str, kind: Kind
) -> None:
    async with faking(late(behaviour)) as fake, front(fake.upstream(kind), heartbeat=BEAT) as rooms:
        answer = await rooms.create("hi", model="m", stream=True)
        assert answer.body.startswith(b": ping\n\n")
        response = end_of(answer, streamed=True)
        assert (response["status"], response["error"]["code"], response["output"]) == ("failed", code, [])


@KINDS
async def test_before_it_nothing_goes_out_and_afterwards_heartbeats_do(kind: Kind) -> None:
    async with faking(late(speaking(SPEECH[kind]))) as fake:
        async with front(fake.upstream(kind)) as rooms:
            waiting = rooms.creating("hi", model="m", stream=True)
            await until(lambda: fake.asked)
            await asyncio.sleep(BEAT)
            assert (waiting.status, waiting.writes) == (0, [])
            answer = await waiting.end()
            assert answer.status == 200 and answer.body.startswith(b"event: response.created\n")
        fake.behaviour = late(speaking(SPEECH[kind]))
        async with front(fake.upstream(kind), heartbeat=BEAT) as rooms:
            answer = await rooms.create("hi", model="m", stream=True)
            assert answer.body.startswith(b": ping\n\n") and end_of(answer, streamed=True)["status"] == "completed"


@KINDS
async def test_not_streamed_the_status_is_told_however_late_it_comes(kind: Kind) -> None:
    behaviour = late(refusing(429, retry_after="17"))
    async with faking(behaviour) as fake, front(fake.upstream(kind), heartbeat=BEAT) as rooms:
        answer = await rooms.create("hi", model="m")
        assert answer.error() == (429, "rate_limit_exceeded", None)
        assert answer.headers["retry-after"] == "17"


@KINDS
async def test_it_is_asked_again_after_a_heartbeat_too_while_nothing_was_said(kind: Kind) -> None:
    behaviour = in_turn(late(refusing(503)), cutting(SPEECH[kind], 0), speaking(SPEECH[kind]))
    async with faking(behaviour) as fake, front(fake.upstream(kind), heartbeat=BEAT) as rooms:
        response = end_of(await rooms.create("hi", model="m", stream=True), streamed=True)
        assert (response["status"], len(fake.asked)) == ("completed", 3)


@KINDS
async def test_a_silence_that_is_too_long_ends_the_stream(kind: Kind) -> None:
    fields: dict[str, Any] = {"deadlines": Deadlines(first=4 * BEAT)}
    async with (
        faking(stalling(SPEECH[kind], 0)) as fake,
        front(fake.upstream(kind, **fields), heartbeat=BEAT, retries=ONCE) as rooms,
    ):
        response = end_of(await rooms.create("hi", model="m", stream=True), streamed=True)
        assert (response["status"], response["error"]["code"]) == ("failed", "upstream_timeout")
