"""Validators of OpenAI's document of Chat Completions of 2026-08-21, of which `data/` has the schemas without their
words; and what a client makes of a stream.

Knows nothing of this server.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tests.documents import check, validator

JSON = Any

DOCUMENT = Path(__file__).parent / "data" / "openai.chat_completions.2026-08-21.openapi.json"


@cache
def document() -> JSON:
    """The document, with `nullable` of OpenAPI 3.0 as JSON Schema says it."""
    return _read(json.loads(DOCUMENT.read_bytes()))


def _read(value: JSON) -> JSON:
    if isinstance(value, list):
        return [_read(one) for one in value]
    if not isinstance(value, dict):
        return value
    read = {key: _read(one) for key, one in value.items()}
    return {"anyOf": [read, {"type": "null"}]} if read.pop("nullable", None) is True else read


def check_completion(completion: JSON) -> None:
    """Hold an answer against `CreateChatCompletionResponse`. Raises `AssertionError` with every fault and its path."""
    check(document, completion, "CreateChatCompletionResponse")


def check_chunk(chunk: JSON) -> None:
    """Hold a chunk against `CreateChatCompletionStreamResponse`. Raises `AssertionError` likewise."""
    check(document, chunk, "CreateChatCompletionStreamResponse")


def is_request(body: JSON) -> bool:
    """Whether a body is a `CreateChatCompletionRequest`."""
    return validator(document, "CreateChatCompletionRequest").is_valid(body)


def parsed(raw: bytes) -> list[JSON]:
    """The chunks of a whole stream, which ends with `[DONE]`; comments are passed over."""
    frames = [frame for frame in raw.decode().split("\n\n") if frame and not frame.startswith(":")]
    assert all(frame.startswith("data: ") and "\n" not in frame for frame in frames), raw
    assert frames[-1] == "data: [DONE]", frames[-1]
    return [json.loads(frame[6:]) for frame in frames[:-1]]


def joined(chunks: Iterable[JSON]) -> JSON:
    """The completion that chunks tell, joined as clients do; usage where it was told."""
    message: dict[str, JSON] = {"role": None, "content": None, "refusal": None, "annotations": []}
    choice: dict[str, JSON] = {"index": 0, "message": message, "finish_reason": None, "logprobs": None}
    whole: dict[str, JSON] = {"object": "chat.completion", "choices": [choice], "usage": None}
    for chunk in chunks:
        whole |= {key: chunk[key] for key in ("id", "created", "model", "service_tier")}
        whole["usage"] = chunk.get("usage") or whole["usage"]
        for piece in chunk["choices"]:
            assert choice["finish_reason"] is None, "something follows the end"
            _join(message, piece["delta"])
            choice["finish_reason"] = piece["finish_reason"]
            if piece["logprobs"] is not None:
                choice["logprobs"] = choice["logprobs"] or {"content": [], "refusal": None}
                choice["logprobs"]["content"] += piece["logprobs"]["content"]
    return whole


def _join(into: dict[str, JSON], delta: dict[str, JSON]) -> None:
    for key, value in delta.items():
        if key == "tool_calls":
            for call in value:
                calls = into.setdefault("tool_calls", [])
                assert call["index"] <= len(calls), "a call that was not begun"
                if call["index"] == len(calls):
                    calls.append({})
                _join(calls[call["index"]], {name: part for name, part in call.items() if name != "index"})
        elif isinstance(value, dict):
            _join(into.setdefault(key, {}), value)
        elif isinstance(value, list):
            into[key] = into.get(key, []) + value
        elif value is not None:
            into[key] = value if into.get(key) is None else into[key] + value
