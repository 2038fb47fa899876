"""Who wants no more is heard upstream at once: the fake sees its connection close, and is not asked again."""

import asyncio
from typing import Any

import pytest

from antiphon.models.upstream import Kind
from tests.asgi import until
from tests.upstreams.behaviours import in_turn, refusing, sending, speaking, stalling
from tests.upstreams.fake import faking
from tests.upstreams.front import end_of, front
from tests.upstreams.speech import HELLO, SPEECH, SPOKEN

pytestmark = pytest.mark.anyio

STREAMED = pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
KINDS = pytest.mark.parametrize("kind", ["chat", "responses"])
PHASES: Any = pytest.mark.parametrize("phase", ["before the head", "behind the head", "after the first word"])


def spoken(kind: Kind, phase: str) -> int | None:
    """How many pieces come before the silence."""
    return {"before the head": None, "behind the head": 0, "after the first word": SPOKEN[kind]}[phase]


@STREAMED
@KINDS
@PHASES
async def test_a_client_that_leaves(phase: str, kind: Kind, *, streamed: bool) -> None:
    async with faking(stalling(SPEECH[kind], spoken(kind, phase))) as fake, front(fake.upstream(kind)) as rooms:
        leaving = rooms.creating("hi", model="m", stream=streamed)
        await until(lambda: fake.asked and (not streamed or "word" not in phase or b".delta" in leaving.raw))
        leaving.leave()
        await until(lambda: fake.left == 1)
        await leaving.end()
        assert len(fake.asked) == 1


@KINDS
@PHASES
async def test_a_cancel(phase: str, kind: Kind) -> None:
    async with faking(stalling(SPEECH[kind], spoken(kind, phase))) as fake, front(fake.upstream(kind)) as rooms:
        made = await rooms.made("hi", model="m", background=True)
        await until(lambda: fake.asked)
        await rooms.ask("POST", f"/v1/responses/{made['id']}/cancel")
        await until(lambda: fake.left == 1)
        assert (await rooms.get(f"/responses/{made['id']}"))["status"] == "cancelled"
        assert len(fake.asked) == 1


@KINDS
async def test_a_client_that_leaves_between_two_tries(kind: Kind) -> None:
    behaviour = in_turn(refusing(503, retry_after="4"), speaking(SPEECH[kind]))
    async with faking(behaviour) as fake, front(fake.upstream(kind)) as rooms:
        leaving = rooms.creating("hi", model="m", stream=True)
        await until(lambda: fake.asked)
        await asyncio.sleep(0.05)
        leaving.leave()
        await leaving.end()
        assert len(fake.asked) == 1


@KINDS
async def test_a_client_that_leaves_while_it_waits_for_a_place(kind: Kind) -> None:
    async with (
        faking(stalling(SPEECH[kind], 0)) as fake,
        front(fake.upstream(kind, concurrency=1)) as rooms,
    ):
        first, second = (rooms.creating("hi", model="m", stream=True) for _ in range(2))
        await until(lambda: fake.asked)
        second.leave()
        await second.end()
        assert (len(fake.asked), fake.left) == (1, 0)
        first.leave()
        await until(lambda: fake.left == 1)
        await first.end()


@STREAMED
@KINDS
async def test_a_connection_that_went_stale_is_nobodys_fault(kind: Kind, *, streamed: bool) -> None:
    behaviour = in_turn(speaking(SPEECH[kind]), sending(), speaking(SPEECH[kind]))
    async with faking(behaviour) as fake, front(fake.upstream(kind)) as rooms:
        for _ in range(3):
            response = end_of(await rooms.create("hi", model="m", stream=streamed), streamed=streamed)
            assert response["output"][0]["content"][0]["text"] == HELLO
        assert len(fake.asked) == 4
