"""Limits on a real server, under 64 clients at once: never more than allowed, and headers that add up."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from msgspec import Struct

from tests.asking import JSON_TYPE, ask
from tests.served import Server, serving

pytestmark = pytest.mark.anyio

ADMIN = "the-key-of-the-settings"
CLIENTS, EACH = 64, 4
PROJECTS = "/v1/organization/projects"
MINUTE = 60.0


class Told(Struct):
    """One answer: when it was asked for and when it came, and what of it is looked at."""

    began: float
    ended: float
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def left(self) -> int:
        return int(self.headers["x-ratelimit-remaining-requests"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving("scripted", tmp_path_factory.mktemp("limits"), "--admin-key", ADMIN) as found:
        yield found


def administer(server: Server, path: str, **body: Any) -> Any:
    answer = ask(server, "POST", path, json.dumps(body).encode(), JSON_TYPE | {"Authorization": f"Bearer {ADMIN}"})
    assert answer.status == 200, answer.body
    return answer.json()


def project(server: Server, *keys: dict[str, int], **limits: int) -> list[str]:
    """A project with these limits, and a key for each of the others."""
    name = administer(server, PROJECTS, name="limited", limits=limits)["id"]
    path = f"{PROJECTS}/{name}/api_keys"
    return [administer(server, path, name="k", limits=its)["value"] for its in keys]


async def crowd(server: Server, keys: list[str], **fields: Any) -> list[tuple[str, Told]]:
    """What 64 clients are told, who share the keys and ask all at once, each some times; with the key of each."""
    body = {"model": "scripted", "store": False, "input": "a few words", "max_output_tokens": 20} | fields

    async def client(session: aiohttp.ClientSession, key: str) -> list[tuple[str, Told]]:
        found = []
        for _ in range(EACH):
            began = time.monotonic()
            headers = {"Authorization": f"Bearer {key}"}
            async with session.post(f"{server.url}/responses", json=body, headers=headers) as answer:
                told = await answer.json() if answer.content_type == "application/json" else await answer.read()
                headers = {name.lower(): value for name, value in answer.headers.items()}
                found.append((key, Told(began, time.monotonic(), answer.status, headers, told)))
        return found

    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(120)) as session:
        many = await asyncio.gather(*(client(session, keys[number % len(keys)]) for number in range(CLIENTS)))
    return [one for found in many for one in found]


def check_window(told: list[Told], limit: int) -> None:
    """In no minute more were let in than may; of those asked for and answered within it we know for sure."""
    let_in = [one for one in told if one.status == 200]
    assert len(let_in) >= limit
    for first in let_in:
        within = [one for one in let_in if first.began <= one.began and one.ended < first.began + MINUTE]
        assert len(within) <= limit


def check_refusals(told: list[Told]) -> None:
    for one in told:
        if one.status != 200:
            assert (one.status, one.body["error"]["code"]) == (429, "rate_limit_exceeded")
            assert 1 <= int(one.headers["retry-after"]) <= 61 and int(one.headers["retry-after-ms"]) <= 61_000


def check_countdown(told: list[Told], limit: int) -> None:
    """Of those let in each was told another number: what was left when it had come in."""
    let_in = [one for one in told if one.status == 200]
    if max(one.ended for one in told) - min(one.began for one in told) < MINUTE:  # else places came back meanwhile
        assert sorted(one.left for one in let_in) == list(range(limit))
        assert {one.left for one in told if one.status == 429} == {0}


@pytest.mark.parametrize("stream", [False, True])
async def test_of_requests_no_more_than_allowed_whoever_asks(server: Server, stream: bool) -> None:  # noqa: FBT001  a case
    keys = project(server, {"requests_per_minute": 30}, {}, requests_per_minute=100)
    found = await crowd(server, keys, stream=stream)
    told = [one for _, one in found]
    check_refusals(told)
    check_window(told, 100)
    check_window([one for key, one in found if key == keys[0]], 30)
    by_project = [one for one in told if one.headers["x-ratelimit-limit-requests"] == "100"]
    assert {one.headers["x-ratelimit-limit-requests"] for one in told} == {"30", "100"}
    assert len({one.left for one in by_project if one.status == 200}) == sum(one.status == 200 for one in by_project)


async def test_what_is_left_is_counted_down_to_nothing(server: Server) -> None:
    keys = project(server, {}, {}, {}, requests_per_minute=70)
    told = [one for _, one in await crowd(server, keys)]
    check_window(told, 70)
    check_countdown(told, 70)


async def test_tokens_add_up_to_what_was_used(server: Server) -> None:
    limit = 5_000
    (key,) = project(server, {}, tokens_per_minute=limit)
    told = [one for _, one in await crowd(server, [key])]
    check_refusals(told)
    let_in = [one for one in told if one.status == 200]
    assert let_in and all(0 <= int(one.headers["x-ratelimit-remaining-tokens"]) < limit for one in let_in)
    used = sum(one.body["usage"]["total_tokens"] for one in let_in)
    assert used <= limit
    after = ask(server, "GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
    if time.monotonic() - min(one.began for one in told) < MINUTE:
        assert int(after.headers["x-ratelimit-remaining-tokens"]) == limit - used
