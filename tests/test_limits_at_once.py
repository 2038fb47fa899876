"""Limits under 64 clients at once, against a real server: never more than allowed, and headers that add up."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.asking import JSON_TYPE, ask
from tests.served import Server, serving

pytestmark = pytest.mark.anyio

ADMIN = "the-key-of-the-settings"
CLIENTS = 64
PROJECTS = "/v1/organization/projects"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving("scripted", tmp_path_factory.mktemp("keyed"), "--admin-key", ADMIN) as server:
        yield server


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    def left(self, kind: str) -> int:
        return int(self.headers[f"x-ratelimit-remaining-{kind}"])


def admin(server: Server, path: str, body: Any) -> Any:
    headers = JSON_TYPE | {"X-Admin-Key": ADMIN}
    answer = ask(server, "POST", PROJECTS + path, json.dumps(body).encode(), headers)
    assert answer.status == 200, answer.body
    return answer.json()


def limited(server: Server, **limits: int) -> tuple[str, str]:
    """A project with these limits, and the text of a key of it."""
    project = admin(server, "", {"name": "p", "limits": limits})["id"]
    return project, admin(server, f"/{project}/api_keys", {"name": "k"})["value"]


async def at_once(server: Server, key: str, each: int, **fields: Any) -> list[Answer]:
    """The answers to `each` requests of every client; all clients ask at once."""
    url = f"{server.url}/responses"
    body = {"model": "scripted", "input": "three words back", "max_output_tokens": 20, "store": False} | fields

    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {key}"}, connector=aiohttp.TCPConnector(limit=CLIENTS)
    ) as session:

        async def client() -> list[Answer]:
            found = []
            for _ in range(each):
                async with session.post(url, json=body) as answer:
                    told = await answer.read() if fields.get("stream") else await answer.json()
                    found.append(Answer(answer.status, answer.headers, told))
            return found

        return [one for answers in await asyncio.gather(*(client() for _ in range(CLIENTS))) for one in answers]


async def within_a_minute(attempt: Callable[[], Awaitable[list[Answer]]]) -> list[Answer]:
    """The answers of an attempt that took less than a minute, so that all of it is in one window."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        found = await attempt()
        if loop.time() - began < 59:
            return found


@pytest.mark.parametrize("stream", [False, True])
async def test_requests_in_a_minute(keyed: Server, stream: bool) -> None:  # noqa: FBT001  a way of asking
    limit = 100

    async def attempt() -> list[Answer]:
        _, key = limited(keyed, requests_per_minute=limit)
        return await at_once(keyed, key, 4, stream=stream)

    found = await within_a_minute(attempt)
    good = [one for one in found if one.status == 200]
    refused = [one for one in found if one.status == 429]
    assert (len(good), len(good) + len(refused)) == (limit, 4 * CLIENTS)
    assert sorted(one.left("requests") for one in good) == list(range(limit))
    assert {one.headers["x-ratelimit-limit-requests"] for one in found} == {str(limit)}
    for one in refused:
        assert one.left("requests") == 0
        assert 1 <= int(one.headers["retry-after"]) <= 61
        assert 0 <= int(one.headers["retry-after-ms"]) - 1000 * (int(one.headers["retry-after"]) - 1) <= 1000
        told = json.loads(one.body) if stream else one.body
        assert (told["error"]["code"], told["error"]["type"]) == ("rate_limit_exceeded", "rate_limit_error")


async def test_tokens_in_a_minute(keyed: Server) -> None:
    limit = 2000
    keys: list[str] = []

    async def attempt() -> list[Answer]:
        keys[:] = [limited(keyed, tokens_per_minute=limit)[1]]
        return await at_once(keyed, keys[0], 6)

    found = await within_a_minute(attempt)
    used = [one.body["usage"]["total_tokens"] for one in found if one.status == 200]
    assert 0 < len(used) < len(found)
    assert sum(used) <= limit
    now = ask(keyed, "GET", "/v1/models", headers={"Authorization": f"Bearer {keys[0]}"})
    assert int(now.headers["x-ratelimit-remaining-tokens"]) == limit - sum(used)  # settled with what was really used
    assert all(0 <= one.left("tokens") < limit for one in found)


async def test_runs_at_once(keyed: Server) -> None:
    most = 5
    project, key = limited(keyed, concurrent_runs=most)
    steps = json.dumps([{"text": "w ", "whole": True, "count": 100_000, "delay": 0.02}])
    body = {"model": "scripted", "input": steps, "stream": True, "store": False}

    async def admitted() -> int:
        """Of all clients at once, how many come in while nobody leaves."""
        answered = asyncio.Barrier(CLIENTS)

        async def client() -> int:
            async with session.post(f"{keyed.url}/responses", json=body) as answer:
                if answer.status == 429:
                    assert int(answer.headers["retry-after"]) == 1
                await answered.wait()
                return int(answer.status == 200)

        return sum(await asyncio.gather(*(client() for _ in range(CLIENTS))))

    def ended() -> float:
        page = ask(keyed, "GET", "/metrics", headers={"X-Admin-Key": ADMIN}).body.decode()
        return sum(map(float, re.findall(rf'antiphon_responses_total{{.*project="{project}".*}} (\S+)', page)))

    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
        for time in (1, 2):  # every place comes back when its reader leaves
            assert await admitted() == most
            async with asyncio.timeout(30):
                while ended() < time * most:  # noqa: ASYNC110  another process counts them
                    await asyncio.sleep(0.05)
