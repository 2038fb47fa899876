"""Prints what it costs to read a request: µs of CPU a body, best of several rounds.

    python bench/decode.py

Knows nothing of HTTP: the bodies are in memory.
"""

import json
import time
from typing import Any

from antiphon.contract.contract import load
from antiphon.core.problems import Problem

ROUNDS = 7


def small() -> dict[str, Any]:
    """The least that can be asked."""
    return {"model": "m", "input": "text"}


def chat() -> dict[str, Any]:
    """Ten messages and the fields that SDKs send."""
    turns = [
        {"role": ("user", "assistant")[turn % 2], "content": f"Turn {turn}: " + "word " * 20} for turn in range(10)
    ]
    sent = {"instructions": "Be brief.", "stream": True, "temperature": 0.5, "max_output_tokens": 512, "tools": []}
    return {"model": "m", "input": turns, "metadata": {"session": "1"}, "client_metadata": {"a": "b"}} | sent


def agent() -> dict[str, Any]:
    """An agent's first body, 40 KB: two long instructions, twenty calls with what they gave, nested schemas."""
    said: list[dict[str, Any]] = [
        {"type": "message", "role": role, "content": [{"type": "input_text", "text": "All work and no play. " * 400}]}
        for role in ("developer", "user")
    ]
    for turn in range(20):
        said.append({"type": "function_call", "call_id": f"c{turn}", "name": "shell", "arguments": '{"command": "ls"}'})
        said.append({"type": "function_call_output", "call_id": f"c{turn}", "output": "file.txt\n" * 60})
    deep = {"type": "object", "properties": {f"p{n}": {"type": "string", "description": "d" * 60} for n in range(30)}}
    call = {"type": "acme:oracle_call", "id": "o", "schemas": [deep] * 3}
    return {"model": "m", "input": [*said, call], "stream": True, "store": False}


def wrong() -> dict[str, Any]:
    """A fault in the last of the agent's items."""
    body = agent()
    body["input"][-2]["output"] = 5
    return body


def cost(body: bytes) -> float:
    """µs of CPU to read `body` once."""
    contract = load("openai")
    best = float("inf")
    times = max(20, 2_000_000 // (len(body) + 500))
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(times):
            try:
                contract.read(body)
            except Problem:
                continue
        best = min(best, (time.process_time() - start) / times)
    return best * 1e6


def main() -> None:
    """Print one line a body."""
    for make in (small, chat, agent, wrong):
        body = json.dumps(make()).encode()
        print(f"{make.__name__:8} {len(body):7,} bytes {cost(body):9.1f} µs")


if __name__ == "__main__":
    main()
