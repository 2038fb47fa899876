"""Golden streams: the bytes that went out, kept as files to be read and compared.

`pytest tests/wire --update-golden` writes them anew; look at the diff before it is committed.
"""

import http.client
import json
import re
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.grammar import check_stream, parse_sse
from tests.served import Server

FOLDER = Path(__file__).parent / "golden"


def script(*steps: dict[str, Any]) -> str:
    return json.dumps(steps)


TOOLS = [
    {
        "type": "function",
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": None,
    },
    {"type": "custom", "name": "note", "description": "Takes plain text."},
]

STREAMS: dict[str, dict[str, Any]] = {
    "text": {"input": "Hello there, friend."},
    "empty": {"input": script({"text": ""})},
    "nothing": {"input": "[]"},
    "cut": {"input": "one two three four", "max_output_tokens": 2},
    "failure": {
        "input": script({"text": "half an"}, {"fail": {"code": "server_error", "message": "The model broke."}})
    },
    "reasoning": {"input": script({"reasoning": "let me think"}, {"text": "It is 42."})},
    "summary": {"input": script({"summary": "I thought."}, {"summary": "And again."}, {"text": "It is 42."})},
    "refusal": {"input": script({"refusal": "I will not."})},
    "call": {"input": script({"call": {"name": "weather", "arguments": {"city": "Paris"}}}), "tools": TOOLS},
    "parallel": {
        "input": script(
            *({"call": {"name": "weather", "arguments": {"city": city}}} for city in ("Paris", "Rome", "Oslo"))
        ),
        "tools": TOOLS,
    },
    "call_after_text": {
        "input": script({"text": "Let me see."}, {"call": {"name": "weather", "arguments": {"city": "Paris"}}}),
        "tools": TOOLS,
    },
    "reasoning_then_call": {
        "input": script({"reasoning": "I need it."}, {"call": {"name": "weather", "arguments": {"city": "Paris"}}}),
        "tools": TOOLS,
    },
    "custom": {"input": script({"custom": {"name": "note", "input": "plain words\nhere"}}), "tools": TOOLS},
    "cut_arguments": {
        "input": script({"call": {"name": "weather", "arguments": '{"city": "Paris", "unit": "celsius"}'}}),
        "tools": TOOLS,
        "max_output_tokens": 3,
    },
    "lines": {"input": "a\u2028b \u2029 c\x85d 🦆 \r\n e"},
    "logprobs": {"input": "one two", "top_logprobs": 1, "include": ["message.output_text.logprobs"]},
    "echo": {
        "input": [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "ok"}],
        "instructions": "Be brief.",
        "temperature": 0.5,
        "top_p": 0.9,
        "metadata": {"key": "value"},
        "user": "someone",
        "store": False,
    },
}

_ID = re.compile(rb"\b(resp|msg|rs|fc|ctc|call|item)_[0-9a-f]{16,}")
_TIME = re.compile(rb'"(created_at|completed_at)":\d+')


def asked(server: Server, body: dict[str, Any]) -> bytes:
    """The bytes of a streamed answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        data = json.dumps({"model": server.model, "stream": True} | body)
        connection.request("POST", "/v1/responses", data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        raw = answer.read()
        assert answer.status == 200, raw
        return raw
    finally:
        connection.close()


def normalised(raw: bytes) -> bytes:
    """The stream with its ids counted and its times taken out."""
    names: dict[bytes, bytes] = {}
    numbers: defaultdict[bytes, Any] = defaultdict(lambda: count(1))

    def named(match: re.Match[bytes]) -> bytes:
        if match[0] not in names:
            names[match[0]] = b"%s_%d" % (match[1], next(numbers[match[1]]))
        return names[match[0]]

    return _TIME.sub(rb'"\1":0', _ID.sub(named, raw))


@pytest.mark.parametrize("name", STREAMS)
def test_golden(server: Server, name: str, request: pytest.FixtureRequest) -> None:
    raw = asked(server, STREAMS[name])
    check_stream(parse_sse(raw))
    file = FOLDER / f"{name}.sse"
    if request.config.getoption("--update-golden"):
        FOLDER.mkdir(exist_ok=True)
        file.write_bytes(normalised(raw))
    assert normalised(raw).decode().split("\n") == file.read_bytes().decode().split("\n")


def test_every_file_has_its_stream() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(STREAMS)
