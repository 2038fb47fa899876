"""The ledger against the truth: an upstream that counts what it sent, endings of every kind, and `kill -9` amid them.

What the ledger does not mark as estimated is what was sent, token for token, and nothing of it stands there twice.
"""

import asyncio
import json
import os
import random
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.models.http_upstream import standing
from tests.served import Server, running

pytestmark = pytest.mark.anyio

COUNT = 500
AT_ONCE = 40
PATIENCE = 90.0
"""Seconds in which all must end; it bounds a test that would hang, and measures nothing."""
PRICE_IN, PRICE_OUT = 3.0, 5.0
"""Of a million tokens."""
ENDINGS = ["whole"] * 6 + ["length", "silent", "breaks", "refuses", "busy"]
MODES: list[dict[str, Any]] = [
    {},
    {"stream": True},
    {"store": False},
    {"store": False, "stream": True},
    {"background": True},
    {"background": True, "stream": True},
]
GONE = (aiohttp.ClientError, ConnectionError, asyncio.TimeoutError)


class Upstream:
    """Speaks Chat Completions, and remembers what usage it told for which request: no two are the same."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.sent: dict[tuple[int, int], int] = {}

    async def __call__(self, request: web.Request, body: Any) -> web.StreamResponse:
        if request.path.endswith("/models"):
            return web.json_response({"object": "list", "data": [{"id": "m", "object": "model"}]})
        if not request.path.endswith("/chat/completions"):
            return web.json_response({"error": {"message": "no"}}, status=404)
        number, ending, words = body["messages"][-1]["content"].split()
        if ending in ("refuses", "busy"):
            return web.json_response({"error": {"message": ending}}, status=400 if ending == "refuses" else 503)
        self.asked.append(int(number))
        usage = {"prompt_tokens": 10_000 + len(self.asked), "completion_tokens": int(words)}
        usage["total_tokens"] = sum(usage.values())
        tell = self._stream if body.get("stream") else self._whole
        return await tell(request, int(number), ending, usage)

    async def _whole(self, request: web.Request, number: int, ending: str, usage: dict[str, int]) -> web.StreamResponse:
        await asyncio.sleep(0.004 * usage["completion_tokens"])
        if ending == "breaks":
            raise _hung_up(request)
        message = {"role": "assistant", "content": "w " * usage["completion_tokens"]}
        choice = {"index": 0, "message": message, "finish_reason": "length" if ending == "length" else "stop"}
        told = {} if ending == "silent" else {"usage": usage}
        if told:
            self._told(number, usage)
        return web.json_response({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]} | told)

    async def _stream(
        self, request: web.Request, number: int, ending: str, usage: dict[str, int]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for place in range(usage["completion_tokens"]):
            await response.write(chunk({"content": "w "}))
            await asyncio.sleep(0.004)
            if ending == "breaks" and place > 2:
                raise _hung_up(request)
        await response.write(chunk({}, "length" if ending == "length" else "stop"))
        if ending != "silent":
            self._told(number, usage)
            await response.write(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response

    def _told(self, number: int, usage: dict[str, int]) -> None:
        self.sent[usage["prompt_tokens"], usage["completion_tokens"]] = number


def _hung_up(request: web.Request) -> ConnectionError:
    assert request.transport is not None
    request.transport.close()
    return ConnectionError()


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    told = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(told).encode() + b"\n\n"


@dataclass
class Asked:
    """A request: how it is asked, how it ends, and what its client came to know."""

    number: int
    body: dict[str, Any]
    ending: str
    leaves: bool = False
    key: str | None = None
    name: str | None = None
    status: str = ""
    usage: dict[str, Any] | None = None
    over: bool = False
    in_flight: bool = False


def drawn(number: int, chance: random.Random) -> Asked:
    ending, words = chance.choice(ENDINGS), chance.randint(1, 20)
    body = {"model": "m", "input": f"{number} {ending} {words}"} | chance.choice(MODES)
    leaves = chance.random() < 0.15
    return Asked(number, body, ending, leaves, f"key-{number}" if chance.random() < 0.2 else None)


@dataclass
class Crowd:
    """Clients that ask all of it, a few at once."""

    port: Callable[[], int]
    asked: list[Asked]
    ended: int = 0
    waiting: list[Asked] = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = list(reversed(self.asked))

    async def run(self) -> None:
        """Until nothing waits."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
            await asyncio.gather(*(self._client(session) for _ in range(AT_ONCE)))

    async def _client(self, session: aiohttp.ClientSession) -> None:
        while self.waiting:
            one = self.waiting.pop()
            one.in_flight = True
            try:
                await self._ask(session, one)
                one.in_flight = False
            except GONE:  # the server was killed
                await asyncio.sleep(0.05)
            self.ended += 1

    async def _ask(self, session: aiohttp.ClientSession, one: Asked) -> None:
        url = f"http://127.0.0.1:{self.port()}/v1/responses"
        headers = {"Idempotency-Key": one.key} if one.key else {}
        async with session.post(url, json=one.body, headers=headers) as answer:
            if one.body.get("stream") and answer.status == 200:
                await self._read(answer, one)
                return
            if one.leaves and not one.body.get("background"):
                return  # whose answer has come already; the others leave amid it
            told = await answer.json()
        if answer.status == 200:
            one.name, one.usage, one.status = told["id"], told["usage"], told["status"]
            if one.leaves and one.body.get("background"):
                async with session.post(f"{url}/{one.name}/cancel") as cancelled:
                    await cancelled.read()
        one.over = not one.body.get("background")

    async def _read(self, answer: aiohttp.ClientResponse, one: Asked) -> None:
        number = 0
        async for line in answer.content:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            if "response" in event:
                told = event["response"]
                one.name, one.usage, one.status = told["id"], told["usage"], told["status"]
            number += 1
            if one.leaves and number > 4:
                return
        one.over = True


@dataclass(frozen=True)
class Row:
    """A row of the ledger."""

    name: str
    status: str | None
    estimated: bool
    tokens: tuple[int, int]
    cost: float


def rows(folder: Path) -> list[Row]:
    with sqlite3.connect(folder / "antiphon.db") as connection:
        found = connection.execute("SELECT id, status, estimated, input_tokens, output_tokens, cost FROM ledger")
        told = [Row(name, status, bool(guess), (read, wrote), cost) for name, status, guess, read, wrote, cost in found]
    connection.close()
    return told


async def settled(server: Server) -> list[Row]:
    """All rows, once each is closed."""
    async with asyncio.timeout(PATIENCE):
        while any(row.status is None for row in rows(server.data)):  # noqa: ASYNC110  another process closes them
            await asyncio.sleep(0.1)
    return rows(server.data)


async def test_what_was_sent_is_what_is_charged(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311  a round that can be had again is wanted
    asked = [drawn(number, chance) for number in range(COUNT)]
    upstream = Upstream()
    async with standing(upstream) as stand:
        (tmp_path / "antiphon.toml").write_text(
            f'[upstreams.u]\nurl = "{stand.url}"\nkind = "chat"\n[models.m]\nupstreams = ["u"]\n'
            f"prices = {{ input = {PRICE_IN}, output = {PRICE_OUT} }}\n"
        )
        ports: list[int] = []
        crowd = Crowd(lambda: ports[-1], asked)
        with running("", tmp_path) as (server, process):
            ports.append(server.port)
            crowding = asyncio.ensure_future(crowd.run())
            while crowd.ended < COUNT // 2:  # noqa: ASYNC110  the crowd fills it
                await asyncio.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        with running("", tmp_path) as (server, _):
            ports.append(server.port)
            await crowding
            found = await settled(server)
    judge(asked, found, upstream)


def judge(asked: list[Asked], found: list[Row], upstream: Upstream) -> None:
    by_name = {row.name: row for row in found}
    assert len(by_name) == len(found)
    assert all(row.status for row in found)
    counted = [row for row in found if not row.estimated and row.tokens != (0, 0)]
    pairs = [row.tokens for row in counted]
    assert len(set(pairs)) == len(pairs), "something was charged twice"
    assert set(pairs) <= upstream.sent.keys(), "something was charged that nobody sent"
    for row in counted:
        assert row.cost == pytest.approx((row.tokens[0] * PRICE_IN + row.tokens[1] * PRICE_OUT) / 1e6)
    missing = {pair: asked[number] for pair, number in upstream.sent.items() if pair not in set(pairs)}
    for one in missing.values():  # sent, and not charged as it was told: then it is charged as an estimate
        assert by_name[one.name].estimated if one.name in by_name else one.in_flight or one.leaves, one
    assert len([row for row in found if row.estimated]) >= len({one.number for one in missing.values()})
    sent = [pair for pair in upstream.sent if pair not in missing]
    assert (sum(read for read, _ in pairs), sum(wrote for _, wrote in pairs)) == (
        sum(read for read, _ in sent),
        sum(wrote for _, wrote in sent),
    )
    assert len(set(upstream.asked)) <= len(found) <= len(asked)
    for one in asked:
        if not one.over or one.name is None:
            continue
        row = by_name[one.name]
        if row.status == "lost":  # its answer was whole, and the server killed before the row was closed
            assert row.estimated
            continue
        assert row.status == one.status
        if one.usage is None:
            assert row.estimated or row.tokens == (0, 0)
        else:
            told = one.usage["input_tokens"], one.usage["output_tokens"]
            assert (row.tokens, row.estimated) == (told, one.usage.get("estimated", False))
