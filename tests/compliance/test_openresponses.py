"""The checks of the Open Responses suite over HTTP, written anew (compliance.md, "Tests"), each by its id and over both
bases. Those over a WebSocket are in `test_websocket`.

The suite's reader forgets what it has of an event at the end of each network chunk; so does this one.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import aiohttp
import pytest

from tests.grammar import check_stream
from tests.openapi import check_compaction, check_event, check_request, check_resource
from tests.served import Server

pytestmark = pytest.mark.anyio

BASES = ("/v1", "/openresponses/v1")
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
RED = (  # 32 by 32, as the suite has it
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJ0lEQVR42u3NsQkAAAjAsP7/tF7hIASyp6lTCQQCgUAgEAgE"
    "gi/BAjLD/C5w/SM9AAAAAElFTkSuQmCC"
)


class Place:
    """A server under one base, and a connection to it."""

    def __init__(self, session: aiohttp.ClientSession, server: Server, base: str) -> None:
        self._session = session
        self._root = f"http://127.0.0.1:{server.port}{base}"
        self._model = server.model

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and answer; of a stream the response at its end."""
        async with self._session.post(f"{self._root}{path}", data=json.dumps(body), headers=HEADERS) as answer:
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind == ("text/event-stream" if body.get("stream") else "application/json")
            return answer.status, await (streamed(answer) if body.get("stream") else answer.json())

    async def made(self, input: Any, **fields: Any) -> Any:
        """The response to a request; both are legal in the document. It is done, and says something."""
        body = {"model": self._model, "input": input} | fields
        check_request(body)
        status, response = await self.post("/responses", body)
        assert status == 200, response
        check_resource(response)
        assert response["output"] and response["status"] == "completed", response
        return response


async def said(name: str, place: Place) -> None:
    """A check that asks for text, whole or streamed."""
    await place.made(INPUTS[name], **({"stream": True} if name == "streaming-response" else {}))


async def output_phase(place: Place) -> None:
    """The suite looks at a response of its own making; here it is one of ours."""
    steps = [
        {"item": message("assistant", "Let me look.", phase="commentary")},
        {"item": message("assistant", "It is 42.", phase="final_answer")},
    ]
    response = await place.made([message("user", json.dumps(steps))])
    assert [item["phase"] for item in response["output"]] == ["commentary", "final_answer"]


async def tool_calling(place: Place) -> None:
    """The tool comes without `strict`; the echo has to carry it."""
    response = await place.made([message("user", CALL)], tools=[WEATHER])
    (call,) = response["output"]
    assert (call["type"], call["name"]) == ("function_call", "get_weather")
    assert json.loads(call["arguments"]) == {"location": "San Francisco, CA"}
    assert response["tools"][0]["strict"] is None


async def image_input(place: Place) -> None:
    parts = [{"type": "input_text", "text": "What do you see?"}, {"type": "input_image", "image_url": RED}]
    await place.made([{"type": "message", "role": "user", "content": parts}])


COMPACTED = [message("user", "My name is Alice."), message("assistant", "Hello Alice! How can I help you?")]


async def compact_response(place: Place) -> None:
    body = {"model": "scripted", "prompt_cache_key": "suite", "input": COMPACTED}
    status, window = await place.post("/responses/compact", body)
    assert status == 200, window
    check_compaction(window)
    assert window["object"] == "response.compaction"
    assert "compaction" in {item["type"] for item in window["output"]}


async def compact_missing_model(place: Place) -> None:
    status, _ = await place.post("/responses/compact", {"prompt_cache_key": "suite", "input": COMPACTED})
    assert status == 400


CHECKS: dict[str, Callable[[Place], Awaitable[None]]] = {
    **{name: partial(said, name) for name in INPUTS},
    "response-output-phase-schema": output_phase,
    "tool-calling": tool_calling,
    "image-input": image_input,
    "compact-response": compact_response,
    "compact-missing-model": compact_missing_model,
}
"""By the suite's own ids."""


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


def test_no_check_is_missing() -> None:
    from tests.compliance.test_websocket import CHECKS as OVER_SOCKETS

    assert len(CHECKS.keys() | OVER_SOCKETS.keys()) == 17
    assert all(name.startswith("websocket-") for name in OVER_SOCKETS)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("check", CHECKS)
async def test_check(server: Server, check: str, base: str) -> None:
    async with aiohttp.ClientSession() as session:
        await CHECKS[check](Place(session, server, base))


async def test_all_at_once(server: Server) -> None:
    """The suite runs all its checks together, each on a connection of its own."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32, force_close=True)) as session:
        places = [Place(session, server, base) for base in BASES]
        await asyncio.gather(*(check(place) for check in CHECKS.values() for place in places))


async def test_the_small_model_too(small_server: Server) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as session:
        place = Place(session, small_server, "/openresponses/v1")
        for name in ("basic-response", "streaming-response"):
            body = {"model": small_server.model, "input": INPUTS[name], "max_output_tokens": 16}
            status, response = await place.post("/responses", body | {"stream": name == "streaming-response"})
            assert status == 200, response
            check_resource(response)
            assert response["output"]
