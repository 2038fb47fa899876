"""The real `openai` client over a WebSocket: `client.responses.connect()` (protocol §7, clients §14)."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.resources.responses.responses import AsyncResponsesConnection, ResponsesConnection

from tests.clients.sdk import script, told
from tests.served import Server
from tests.talk import TERMINAL, refused, text, whole

pytestmark = pytest.mark.anyio


@pytest.fixture
def connection(server: Server) -> Iterator[ResponsesConnection]:
    with OpenAI(base_url=server.url, api_key="any") as client, client.responses.connect() as connection:
        yield connection


@pytest.fixture
async def patient(server: Server) -> AsyncIterator[AsyncResponsesConnection]:
    async with AsyncOpenAI(base_url=server.url, api_key="any") as client, client.responses.connect() as connection:
        yield connection


def turn(connection: ResponsesConnection) -> list[dict[str, Any]]:
    """The events up to the end of a turn, each of the SDK's own kind for its type."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] not in TERMINAL:
        event = connection.recv()
        assert type(event).__name__ != "BaseModel"
        found.append(told(event))
    return found


def test_a_conversation_that_only_the_connection_knows(connection: ResponsesConnection) -> None:
    connection.response.create(model="scripted", input="My name is Ann.", store=False)
    first = whole(turn(connection))
    assert text(first) == "My name is Ann."
    connection.response.create(model="scripted", input="a b", store=False, previous_response_id=first["id"])
    second = whole(turn(connection))
    assert second["usage"]["input_tokens"] == 10
    assert second["previous_response_id"] == first["id"]


def test_a_tool_is_called_and_its_output_alone_is_sent(connection: ResponsesConnection) -> None:
    asked = json.dumps({"turns": [[{"call": {"name": "f", "arguments": {"a": 1}}}], [{"text": "done"}]]})
    tools: Any = [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}]
    connection.response.create(model="scripted", input=asked, tools=tools, store=False)
    first = whole(turn(connection))
    (call,) = first["output"]
    output: Any = {"type": "function_call_output", "call_id": call["call_id"], "output": "1"}
    connection.response.create(
        model="scripted", input=[output], tools=tools, store=False, previous_response_id=first["id"]
    )
    assert text(whole(turn(connection))) == "done"


def test_what_the_sdk_adds_to_a_create_is_no_fault(connection: ResponsesConnection) -> None:
    connection.response.create(model="scripted", input="a", stream=True, background=False, generate=True, store=True)
    assert whole(turn(connection))["status"] == "completed"


def test_a_warm_up_is_empty_and_goes_on(connection: ResponsesConnection) -> None:
    connection.response.create(model="scripted", input=[], instructions="Be brief.", generate=False, store=False)
    events = turn(connection)
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    warm = whole(events)
    assert warm["output"] == []
    connection.response.create(model="scripted", input="a", store=False, previous_response_id=warm["id"])
    assert text(whole(turn(connection))) == "a"


def test_an_error_is_an_event_and_the_connection_goes_on(connection: ResponsesConnection) -> None:
    connection.response.create(model="missing", input="a")
    event = connection.recv()
    assert type(event).__name__ == "ResponseWsError"
    assert refused(told(event)) == (404, "model_not_found", "model")
    connection.response.create(model="scripted", input="a", background=True)
    assert refused(told(connection.recv())) == (400, "unsupported_parameter", "background")
    connection.response.create(model="scripted", input="a")
    assert text(whole(turn(connection))) == "a"


def test_steering_fails_and_gives_the_input_back(connection: ResponsesConnection) -> None:
    connection.response.create(model="scripted", input=script({"text": "w ", "count": 300, "delay": 0.005}))
    name = told(connection.recv())["response"]["id"]
    connection.response.steer(previous_response_id=name, input="Faster.")
    event = connection.recv()
    while event.type != "response.steer.failed":
        event = connection.recv()
    assert type(event).__name__ == "ResponseSteerFailedEvent"
    assert (event.error.code, event.steer.input) == ("steering_not_supported", "Faster.")
    assert (event.error.type, event.steer.previous_response_id) == ("invalid_request_error", name)


async def test_the_async_client(patient: AsyncResponsesConnection) -> None:
    kinds: list[str] = []
    for word in ("one", "two"):
        await patient.response.create(model="scripted", input=word, stream_id="lane")
    async for event in patient:
        kinds.append(event.type)
        assert event.stream_id == "lane"  # type: ignore[union-attr]  # every event over a WebSocket has one
        if kinds.count("response.completed") == 2:
            break
    assert kinds.count("response.created") == 2
