"""Many WebSockets at once, of which some drop in the middle: nothing is left over."""

import asyncio
import json
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from websockets.asyncio.client import connect

from antiphon.api.house import House
from tests.asgi import WAIT, Rooms, script, serving, until
from tests.talk import TERMINAL

pytestmark = pytest.mark.anyio

MANY, DROPPED = 500, 150
"""Sockets at once, and those of them that drop."""


@pytest.fixture
def room_for_files() -> None:
    """As many descriptors as both ends of all sockets want."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 3 * MANY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3 * MANY, hard))


def descriptors() -> int:
    """How many this process has open."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


@asynccontextmanager
async def listening(rooms: Rooms) -> AsyncIterator[str]:
    """The rooms behind a real server in this loop; its address."""
    config = uvicorn.Config(rooms.door, port=0, ws="websockets-sansio", log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.get_running_loop().create_task(server._serve())  # noqa: SLF001  without taking the signals
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}/v1/responses"
    finally:
        server.should_exit = True
        await task


async def one(address: str, number: int, begun: asyncio.Barrier) -> str:
    """A client: one turn, read to its end, or dropped in the middle when all have begun; the last event's type."""
    async with connect(address, compression=None, open_timeout=WAIT) as connection:
        text = script({"text": "w ", "count": 20, "whole": True, "delay": 0.02})
        store = number % 2 == 0
        create = {"type": "response.create", "model": "scripted", "input": text, "store": store}
        await connection.send(json.dumps(create))
        kind = json.loads(await connection.recv())["type"]
        await begun.wait()
        while kind not in TERMINAL:
            kind = json.loads(await connection.recv())["type"]
            if number < DROPPED and kind == "response.output_text.delta":
                connection.transport.abort()
                return "dropped"
    return str(kind)


async def test_nothing_is_left_over(room_for_files: None) -> None:
    async with serving() as rooms, listening(rooms) as address:
        await one(address, DROPPED, asyncio.Barrier(1))  # what is opened once, is open from now on
        house: House = rooms.door._house  # noqa: SLF001  its books
        await until(lambda: not len(house.sockets))
        tasks, files = len(asyncio.all_tasks()), descriptors()
        begun = asyncio.Barrier(MANY)
        ends = await asyncio.gather(*(one(address, number, begun) for number in range(MANY)))
        assert ends.count("dropped") == DROPPED
        assert ends.count("response.completed") == MANY - DROPPED
        await until(lambda: not len(house.sockets))
        await until(lambda: not rooms.runner._running)  # noqa: SLF001
        await until(lambda: len(asyncio.all_tasks()) == tasks)
        await until(lambda: descriptors() == files)
