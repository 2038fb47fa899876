"""OpenAI's SDK for Node against the real server: what a person's program would notice (clients.md)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients import node
from tests.clients.packages import Unavailable
from tests.served import Server

PROGRAM = Path(__file__).parent / "programs" / "openai_node.mjs"
ANSWER = "It is 18 degrees in Berlin"

EXPECTED = {
    "text": ["Hello there.", "completed", "req_"],
    "streamed": [["one", " two", " three"], "response.created", "response.completed"],
    "helper": ["one two three", "one two three", 3],
    "resumed": "one two three",
    "parsed": {"name": "Ada", "age": 36},
    "tools": [{"city": "Berlin"}, ANSWER],
    "chained": ANSWER,
    "conversation": ["user", "assistant"],
    "websocket": ANSWER,
    "refused": ["NotFoundError", 404, "model_not_found", "model"],
}


@pytest.fixture(scope="module")
def told(server: Server) -> dict[str, Any]:
    """What the program prints, which plays all its scenarios once."""
    try:
        found = node.find()
    except Unavailable as reason:
        pytest.skip(str(reason))
    told: dict[str, Any] = json.loads(found.run(PROGRAM.read_text(encoding="utf-8"), BASE_URL=server.url))
    return told


@pytest.mark.parametrize("scenario", EXPECTED)
def test_what_comes_out(told: dict[str, Any], scenario: str) -> None:
    assert told[scenario] == EXPECTED[scenario]


def test_each_is_looked_at(told: dict[str, Any]) -> None:
    assert list(told) == list(EXPECTED)
