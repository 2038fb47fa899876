"""OpenAI's Agents SDK (Python), in an environment of its own, over HTTP and over a WebSocket (clients.md)."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients import venv
from tests.clients.packages import Unavailable
from tests.served import Server, environment

PROGRAM = Path(__file__).parent / "programs" / "agents_program.py"
ANSWER = "It is 18 degrees in Berlin"

Told = dict[str, Any]


@pytest.fixture(scope="module")
def played(server: Server) -> dict[str, Told]:
    """What the program prints, which plays all its scenarios once over each transport."""
    try:
        python = venv.python("agents")
    except Unavailable as reason:
        pytest.skip(str(reason))
    wrote = len(server.wrote())
    done = subprocess.run(
        [str(python), str(PROGRAM), server.url],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    asked = [line for line in server.wrote()[wrote:].splitlines() if '"path":"/v1/responses"' in line]
    counts = [len([line for line in asked if f'"method":"{method}"' in line]) for method in ("POST", "WEBSOCKET")]
    assert counts[0] == counts[1] > 10
    found: dict[str, Told] = json.loads(done.stdout)
    return found


@pytest.fixture(params=["http", "websocket"])
def transport(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def told(played: dict[str, Told], transport: str) -> Told:
    return played[transport]


def test_a_text(told: Told) -> None:
    assert told["text"] == "Hello there."


def test_a_function_is_called_and_its_output_comes_back(told: Told) -> None:
    items = ["ReasoningItem", "ToolCallItem", "ToolCallOutputItem", "MessageOutputItem"]
    assert told["tool"] == [items, ANSWER]


def test_a_run_is_streamed(told: Told) -> None:
    deltas, kinds, final = told["streamed"]
    assert "".join(deltas) == final == ANSWER and len(deltas) == 6
    assert kinds == ["reasoning_item_created", "tool_called", "tool_output", "message_output_created"]


def test_a_value_of_a_class(told: Told) -> None:
    assert told["value"] == {"name": "Ada", "age": 36}


def test_a_handoff(told: Told) -> None:
    assert told["handoff"] == ["duck", "quack"]


def test_a_session_is_a_conversation(told: Told) -> None:
    """Its items are seen by the model, listed from either end, popped one by one, and cleared."""
    seen, kept, newest, popped, left, cleared = told["session"]
    weather = ["message", "reasoning", "function_call", "function_call_output", "message"]
    assert kept == ["message", "message", *weather, "message", "message"]
    assert seen == ["message", *kept[:-1]]  # the instructions before, and the last answer not yet
    assert newest == ["user", "assistant"]
    assert (popped, left, cleared) == ("assistant", len(kept) - 1, 0)


def test_a_response_is_gone_on_from(told: Told) -> None:
    assert told["chained"] == [["My name is Ann.", "My name is Ann."], ANSWER]


def test_a_refusal_says_why(told: Told, transport: str) -> None:
    kind, why = told["refused"]
    assert kind == {"http": "NotFoundError", "websocket": "ResponsesWebSocketError"}[transport]
    assert "The model 'missing' does not exist here. Served: 'scripted'." in why
