"""Responses in flight, `kill -9`, restart: nothing is lost, nothing is published twice (DESIGN §4).

Two rounds run with the other tests, fifty more with `make soak PART=crash`. A round kills once or twice, at
moments that nobody chose; between two kills readers resume where they broke off, as a client would.
"""

import asyncio
import json
import os
import random
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from antiphon.models import catalogue
from tests.crash.client import ENDED, POLL, Asked, Client
from tests.crash.verdict import Verdict
from tests.served import running

pytestmark = pytest.mark.anyio

IN_FLIGHT = 40
SMALL_IN_FLIGHT = 8
WIDTH = 12
"""Background runs at once, so that others wait when the server is killed."""
PATIENCE = 120.0
"""Seconds in which background runs must end; it bounds a test that would hang, and measures nothing."""

ROUNDS = [0, 1, *(pytest.param(number, marks=pytest.mark.soak) for number in range(2, 52))]


@pytest.mark.parametrize("number", ROUNDS)
async def test_scripted(number: int, tmp_path: Path, verdicts: dict[str, Verdict]) -> None:
    chance = random.Random(number)  # noqa: S311  a round that can be had again is wanted
    asked = [scripted(place, chance) for place in range(IN_FLIGHT)]
    place = Place("scripted", tmp_path, ("--background", str(WIDTH)))
    verdict = await crash(place, asked, chance, again=number % 2 == 1)
    conclude(verdicts, "scripted", verdict)


@pytest.mark.parametrize("number", ROUNDS)
async def test_small(number: int, tmp_path: Path, small_model: Path, verdicts: dict[str, Verdict]) -> None:
    chance = random.Random(number)  # noqa: S311  a round that can be had again is wanted
    (tmp_path / "models").symlink_to(small_model.parent.resolve(), target_is_directory=True)
    model = catalogue.load().small
    asked = [small(place, model, chance) for place in range(SMALL_IN_FLIGHT)]
    place = Place(model, tmp_path, ("--background", "3", "--seed", "1", "--context", "2048"))
    verdict = await crash(place, asked, chance, again=number % 3 == 2)
    conclude(verdicts, model, verdict)


@dataclass(frozen=True)
class Place:
    """Which server is started again and again, on which folder."""

    model: str
    data: Path
    options: tuple[str, ...]


def conclude(verdicts: dict[str, Verdict], model: str, verdict: Verdict) -> None:
    verdicts.setdefault(model, Verdict()).add(verdict)
    assert not verdict.findings, "\n".join([*verdict.findings, verdict.table()])


def scripted(place: int, chance: random.Random) -> Asked:
    """A request whose answer is known word for word, and takes between a third of a second and four."""
    steps, expected = script(f"r{place}", chance)
    return asking(place, {"model": "scripted", "input": json.dumps(steps)}, expected)


def small(place: int, model: str, chance: random.Random) -> Asked:
    """A request for a short answer, as likely as not the same as another time."""
    body = {"model": model, "input": f"Tell me a story about the number {place}.", "temperature": 0}
    return asking(place, body | {"max_output_tokens": chance.randint(16, 24)}, None)


def asking(place: int, body: dict[str, Any], expected: list[tuple[str, str]] | None) -> Asked:
    """One of each kind in turn; of each kind some in the other way too."""
    kind, other = place % 4, place // 4 % 2 == 1
    if kind == 0:
        return Asked(body | {"background": True}, expected, follows=other)
    if kind == 1:
        return Asked(body | {"background": True, "stream": True}, expected)
    key = f"key-{place}" if other else None
    return Asked(body | ({"stream": True} if kind == 2 else {}), expected, key=key)


def script(name: str, chance: random.Random) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Steps that stream words of which none comes twice, and the items that they make."""
    steps: list[dict[str, Any]] = []
    expected: list[tuple[str, str]] = []

    def speak(kind: str, type_: str) -> None:
        words = " ".join(f"{name}.{len(steps)}.{number}" for number in range(chance.randint(30, 70)))
        steps.append({kind: words, "delay": chance.uniform(0.01, 0.03)})
        expected.append((type_, words))

    if chance.random() < 0.4:
        speak("reasoning", "reasoning")
    speak("text", "message")
    if chance.random() < 0.4:
        arguments = " ".join(f"{name}.{number}" for number in range(10))
        steps.append({"call": {"name": "look", "arguments": arguments}, "delay": 0.01})
        expected.append(("function_call", arguments))
        speak("text", "message")
    return steps, expected


async def crash(place: Place, asked: list[Asked], chance: random.Random, *, again: bool) -> Verdict:
    """A round: ask, kill, perhaps (`again`) resume and kill once more, restart, wait for all to end, and look."""
    verdict = Verdict()
    verdict.counts["rounds"] += 1
    await until_killed(place, asked, Client.create, chance.uniform(0.05, 1.0))
    verdict.counts["in flight when killed"] += sum(not one.done for one in asked)
    if again:
        await until_killed(place, asked, resume, chance.uniform(0.02, 0.8))
        verdict.counts["second kills"] += 1
    with running(place.model, place.data, *place.options) as (server, _):
        client = Client(server.url)
        try:
            await asyncio.gather(*(resume(client, one) for one in asked))
            await asyncio.wait_for(asyncio.gather(*(ended(client, one) for one in asked)), PATIENCE)
            await asyncio.gather(*(verdict.judge(client, one, chance) for one in asked))
        finally:
            await client.close()
    return verdict


async def until_killed(
    place: Place, asked: list[Asked], go: Callable[[Client, Asked], Coroutine[Any, Any, None]], seconds: float
) -> None:
    """Have a client `go` for each request, and kill the server after so many seconds."""
    with running(place.model, place.data, *place.options) as (server, process):
        client = Client(server.url)
        tasks = [asyncio.ensure_future(go(client, one)) for one in asked]
        await asyncio.sleep(seconds)
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        await asyncio.gather(*tasks)
        await client.close()


async def resume(client: Client, asked: Asked) -> None:
    """What a client does when its server is back."""
    if asked.background and asked.name is not None and not asked.done:
        await (client.follow(asked) if asked.reads else client.watch(asked))


async def ended(client: Client, asked: Asked) -> None:
    """Wait for the end of a background response."""
    while asked.background and asked.name is not None:
        status, response = await client.get(asked)
        if status != 200 or response["status"] in ENDED:
            return
        await asyncio.sleep(POLL)
