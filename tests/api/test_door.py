"""The door: routes, refusals in one shape, faults, the server's life."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from antiphon.api.door import Door
from antiphon.core.signals import Fault, RequestEnded
from tests.asgi import rooms, serving, slow, until
from tests.stores import ReinedStore

pytestmark = pytest.mark.anyio

WORD = "sesame"


async def test_unknown_paths_and_methods() -> None:
    async with serving() as server:
        assert (await server.ask("GET", "/v1/nothing")).error() == (404, None, None)
        answer = await server.ask("PUT", "/v1/responses/resp_1")
        assert answer.error() == (405, "method_not_allowed", None)
        assert set(answer.headers["allow"].split(", ")) == {"GET", "DELETE"}
        assert (await server.ask("GET", "/v1/responses/input_tokens")).status == 404  # an id like any other
        assert (await server.ask("DELETE", "/v1/responses")).status == 405


async def test_a_fault_is_a_500_that_tells_nothing_and_is_logged() -> None:
    class Broken(ReinedStore):
        async def get(self, project: str, response_id: str) -> None:
            raise ValueError(WORD)

    async with serving(Broken()) as server:
        answer = await server.ask("GET", "/v1/responses/resp_1")
        assert answer.error() == (500, "server_error", None)
        assert WORD.encode() not in answer.body
        (fault,) = [signal for signal in server.signals if isinstance(signal, Fault)]
        assert (fault.message, fault.request_id) == ("ValueError", answer.headers["x-request-id"])
        assert WORD not in fault.trace and "retrieval" in fault.trace


async def test_every_request_is_told_once() -> None:
    async with serving() as server:
        answer = await server.create("a")
        await server.create("a", temperature=9)
        leaving = server.creating(slow(), stream=True)
        await until(leaving.events)
        leaving.leave()
        await leaving.end()
        told = [signal for signal in server.signals if isinstance(signal, RequestEnded)]
        assert [(one.status, one.code) for one in told] == [(200, None), (400, "decimal_above_max_value"), (200, None)]
        assert told[0].request_id == answer.headers["x-request-id"]


async def test_a_client_that_left_before_its_request_was_whole_is_a_499() -> None:
    server = rooms()

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        raise AssertionError(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/responses", "query_string": b"", "headers": headers}
    await server.door(scope, receive, send)
    (told,) = [signal for signal in server.signals if isinstance(signal, RequestEnded)]
    assert (told.status, told.code) == (499, "499")


async def test_it_lives_with_the_server() -> None:
    house, lived = rooms().door._house, list[str]()  # noqa: SLF001  put together as the app does

    async def opening() -> None:
        lived.append("opened")

    async def closing() -> None:
        lived.append("closed")

    door = Door(house, opening=opening, closing=closing)
    coming: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    for kind in ("startup", "shutdown"):
        coming.put_nowait({"type": f"lifespan.{kind}"})
    await door({"type": "lifespan"}, coming.get, send)
    assert lived == ["opened", "closed"]
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
