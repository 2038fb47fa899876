"""The checks of the Open Responses suite over a WebSocket, written anew (compliance.md, "Tests").

As in the suite a turn ends at a terminal event, at an event of type `error`, or after 30 seconds; each check has
a connection of its own, and all of them may run at once.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.compliance.test_openresponses import BASES, HEADERS, message
from tests.openapi import check_event, check_resource, check_socket_error
from tests.served import Server

pytestmark = pytest.mark.anyio

TERMINAL = ("response.completed", "response.failed", "response.incomplete")
MISSING = "previous_response_not_found"


def opened(server: Server, base: str) -> connect:
    return connect(f"ws://127.0.0.1:{server.port}{base}/responses", additional_headers=HEADERS)


async def turn(socket: ClientConnection, input: Any, **fields: Any) -> dict[str, Any]:
    """The last frame of a turn; every event is one of the document's."""
    await socket.send(json.dumps({"type": "response.create", "model": "scripted", "input": input} | fields))
    async with asyncio.timeout(30):
        while True:
            event: dict[str, Any] = json.loads(await socket.recv())
            if event["type"] == "error":
                check_socket_error(event)
                return event
            check_event(event)
            if event["type"] in TERMINAL:
                check_resource(event["response"])
                return event


async def completed(socket: ClientConnection, input: Any, **fields: Any) -> dict[str, Any]:
    event = await turn(socket, input, **fields)
    assert event["type"] == "response.completed", event
    response: dict[str, Any] = event["response"]
    assert response["status"] == "completed" and response["output"] and response["id"]
    return response


async def response(server: Server, base: str) -> None:
    async with opened(server, base) as socket:
        await completed(socket, [message("user", "Say hello in exactly 3 words.")])


async def sequential_responses(server: Server, base: str) -> None:
    async with opened(server, base) as socket:
        for text in ("Say hello.", "Say goodbye."):
            await completed(socket, text, store=False)


async def continuation(server: Server, base: str) -> None:
    async with opened(server, base) as socket:
        first = await completed(socket, "My name is Alice.", store=False)
        await completed(socket, "What is my name?", store=False, previous_response_id=first["id"])


async def reconnect_store_false_recovery(server: Server, base: str) -> None:
    async with opened(server, base) as socket:
        first = await completed(socket, "My name is Alice.", store=False)
    async with opened(server, base) as socket:
        event = await turn(socket, "What is my name?", store=False, previous_response_id=first["id"])
        assert event["error"]["code"] == MISSING
        await completed(socket, "My name is Alice. What is my name?", store=False)


async def previous_response_not_found(server: Server, base: str) -> None:
    async with opened(server, base) as socket:
        event = await turn(socket, "Hello.", previous_response_id="resp_that_never_was")
        assert event["error"]["code"] == MISSING


async def failed_continuation_evicts_cache(server: Server, base: str) -> None:
    async with opened(server, base) as socket:
        first = await completed(socket, "Hello.", store=False)
        output = {"type": "function_call_output", "call_id": "call_that_never_was", "output": "x"}
        failed = await turn(socket, [output], store=False, previous_response_id=first["id"])
        assert failed["type"] in ("error", "response.failed")
        again = await turn(socket, "Hello again.", store=False, previous_response_id=first["id"])
        assert again["error"]["code"] == MISSING


async def compact_new_chain(server: Server, base: str) -> None:
    said = [message("user", "My name is Alice."), message("assistant", "Hello Alice."), message("user", "Go on.")]
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.post(
            f"http://127.0.0.1:{server.port}{base}/responses/compact", json={"model": "scripted", "input": said}
        ) as answer,
    ):
        assert answer.status == 200, await answer.text()
        window = (await answer.json())["output"]
    async with opened(server, base) as socket:
        await completed(socket, [*window, message("user", "What is my name?")], tools=[])


CHECKS: dict[str, Callable[[Server, str], Awaitable[None]]] = {
    "websocket-response": response,
    "websocket-sequential-responses": sequential_responses,
    "websocket-continuation": continuation,
    "websocket-reconnect-store-false-recovery": reconnect_store_false_recovery,
    "websocket-previous-response-not-found": previous_response_not_found,
    "websocket-failed-continuation-evicts-cache": failed_continuation_evicts_cache,
    "websocket-compact-new-chain": compact_new_chain,
}
"""By the suite's own ids."""


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("check", CHECKS)
async def test_check(server: Server, check: str, base: str) -> None:
    await CHECKS[check](server, base)


async def test_all_at_once(server: Server) -> None:
    """The suite runs all its checks together."""
    await asyncio.gather(*(check(server, base) for check in CHECKS.values() for base in BASES))
