"""The checks of the Open Responses suite that need only POST, written anew (compliance.md, "Tests").

The suite's reader forgets what it has of an event at the end of each network chunk; so does this one.
"""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.grammar import check_stream
from tests.openapi import check_event, check_request, check_resource
from tests.served import Server

pytestmark = pytest.mark.anyio

HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer sk-any"}


def message(role: str, content: str, **more: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content} | more


INPUTS: dict[str, list[dict[str, Any]]] = {
    "basic-response": [message("user", "Say hello in exactly 3 words.")],
    "assistant-phase": [
        message("assistant", "Let me look at that first.", phase="commentary"),
        message("assistant", "It is 42.", phase="final_answer"),
        message("user", "Say it once more."),
    ],
    "streaming-response": [message("user", "Count from 1 to 5.")],
    "system-prompt": [
        message("system", "You are a pirate. Always answer as one."),
        message("user", "Say hello."),
    ],
    "multi-turn": [
        message("user", "My name is Alice."),
        message("assistant", "Hello Alice! Nice to meet you. How can I help you today?"),
        message("user", "What is my name?"),
    ],
}

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city and state"}},
        "required": ["location"],
    },
}
CALL = json.dumps([{"call": {"name": "get_weather", "arguments": {"location": "San Francisco, CA"}}}])
RED = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR4nGNgGAWjYBQMfQAAA9EAAXq4pCsAAAAASUVORK5CYII="
)


async def create(session: aiohttp.ClientSession, server: Server, name: str) -> None:
    """One check of the suite, by its name."""
    body = {"model": server.model, "input": INPUTS[name]}
    if name == "streaming-response":
        body["stream"] = True
    check_request(body)
    async with session.post(f"{server.url}/responses", data=json.dumps(body), headers=HEADERS) as answer:
        assert answer.status == 200, await answer.text()
        if name == "streaming-response":
            assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
            response = await streamed(answer)
        else:
            assert answer.headers["content-type"].partition(";")[0] == "application/json"
            response = await answer.json()
    check_resource(response)
    assert response["output"], "no output"
    assert response["status"] == "completed"


async def made(server: Server, body: dict[str, Any]) -> Any:
    """The response to one request that is not streamed."""
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.post(f"{server.url}/responses", json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()
        response = await answer.json()
    check_resource(response)
    return response


async def streamed(answer: aiohttp.ClientResponse) -> Any:
    """The response of the terminal event, by the suite's reader: what a chunk leaves unfinished is lost."""
    events: list[dict[str, Any]] = []
    async for chunk, _ in answer.content.iter_chunks():
        kind = data = ""
        for line in chunk.decode().split("\n"):
            if line.startswith("event:"):
                kind = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                data = line.removeprefix("data:").strip()
            elif not line and data:
                if data != "[DONE]":
                    events.append(json.loads(data))
                    assert events[-1]["type"] == kind
                kind = data = ""
        assert not data and not kind, f"an event was split over writes: {chunk[-80:]!r}"
    for event in events:
        check_event(event)
    return check_stream(events)


@pytest.mark.parametrize("name", INPUTS)
async def test_check(server: Server, name: str) -> None:
    async with aiohttp.ClientSession() as session:
        await create(session, server, name)


async def test_tool_calling(server: Server) -> None:
    """The tool comes without `strict`; the echo has to carry it."""
    body = {"model": server.model, "input": [message("user", CALL)], "tools": [WEATHER]}
    response = await made(server, body)
    (call,) = response["output"]
    assert (call["type"], call["name"]) == ("function_call", "get_weather")
    assert json.loads(call["arguments"]) == {"location": "San Francisco, CA"}
    assert response["tools"][0]["strict"] is None


async def test_image_input(server: Server) -> None:
    parts = [{"type": "input_text", "text": "What do you see?"}, {"type": "input_image", "image_url": RED}]
    body = {"model": server.model, "input": [{"type": "message", "role": "user", "content": parts}]}
    response = await made(server, body)
    assert response["output"]
    assert response["status"] == "completed"


async def test_all_at_once(server: Server) -> None:
    """The suite runs all its checks together: 17 requests, each on a connection of its own."""
    names = [name for _ in range(4) for name in INPUTS][:17]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=17, force_close=True)) as session:
        await asyncio.gather(*(create(session, server, name) for name in names))


async def test_the_small_model_too(small_server: Server) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as session:
        for name in ("basic-response", "streaming-response"):
            await create_briefly(session, small_server, name)


async def create_briefly(session: aiohttp.ClientSession, server: Server, name: str) -> None:
    body = {"model": server.model, "input": INPUTS[name], "max_output_tokens": 16, "stream": "stream" in name}
    async with session.post(f"{server.url}/responses", json=body, headers=HEADERS) as answer:
        assert answer.status == 200, await answer.text()
        response = await (streamed(answer) if body["stream"] else answer.json())
    check_resource(response)
    assert response["output"]
