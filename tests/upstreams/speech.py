"""Speeches: what an upstream of either kind says, told once, as a stream and as a whole answer.

Knows nothing of connections. A habit of Chat Completions servers is told by the data of its stream's events
(`chat_habits`); here is what the same server's whole answer looks like.
"""

import json
from collections.abc import Sequence
from typing import Any

from antiphon.models.upstream import Kind
from tests.models.chat_habits import END, HI, Habit
from tests.upstreams.behaviours import Speech

JSON = Any


def frames(data: Sequence[str]) -> list[bytes]:
    """The frames of a stream with these data."""
    return [f"data: {one}\n\n".encode() for one in data]


def event(kind: str, **members: JSON) -> bytes:
    """The frame of a typed event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | members)}\n\n".encode()


def of_responses(events: Sequence[JSON], response: JSON) -> Speech:
    """A Responses upstream's answer: its events before the last, and the response at its end."""
    end = {"type": f"response.{response['status']}", "response": response}
    told = [event(one["type"], **{k: v for k, v in one.items() if k != "type"}) for one in [*events, end]]
    return Speech(told, json.dumps(response).encode())


def of_chat(habit: Habit) -> Speech:
    """A Chat Completions server's answer with a habit of its own."""
    return Speech(frames(habit.data), json.dumps(_completion(habit)).encode())


def _completion(habit: Habit) -> JSON:
    """The whole answer of a server that streams so: its texts in the same members, its calls as they come out."""
    choices: dict[int, JSON] = {}
    usage: JSON = None
    for line in habit.data:
        if line == "[DONE]":
            break
        value = json.loads(line)
        usage = value.get("usage") or usage
        for choice in value.get("choices") or ():
            number = int(choice.get("index") or 0)
            whole = choices.setdefault(number, {"index": choice.get("index"), "message": {}, "finish_reason": None})
            _merge(whole, choice)
    first = choices.setdefault(0, {"index": 0, "message": {}, "finish_reason": "stop"})
    _calls(habit, first["message"])
    ordered = [choices[number] for number in sorted(choices, reverse=True)]
    return {"id": "c-1", "object": "chat.completion", "choices": ordered, "usage": usage}


def _merge(whole: JSON, choice: JSON) -> None:
    """Add what a chunk says of a choice."""
    message = whole["message"]
    for name, value in (choice.get("message") or {}).items():
        message[name] = value
    for name, value in (choice.get("delta") or {}).items():
        before = message.get(name)
        if name == "role" or value is None or not isinstance(value, str | list):
            message.setdefault(name, value)
        else:
            message[name] = value if before is None else before + value
    if choice.get("finish_reason"):
        whole["finish_reason"] = choice["finish_reason"]


def _calls(habit: Habit, message: JSON) -> None:
    """The calls of a message, as many as come out, with the arguments in the form that the stream gave them."""
    old = message.pop("function_call", None) is not None
    objects = any('"arguments": {"' in line for line in habit.data)
    message.pop("tool_calls", None)
    calls = []
    for kind, name, text, call_id in (one for one in habit.told if one[0] in ("call", "custom")):
        arguments = json.loads(text) if objects else text
        if old:
            message["function_call"] = {"name": name, "arguments": arguments}
            continue
        inner = {"name": "crm__sql", "input": text} if kind == "custom" else {"name": name, "arguments": arguments}
        calls.append(
            {"type": kind, kind if kind == "custom" else "function": inner} | ({"id": call_id} if call_id else {})
        )
    if calls:
        message["tool_calls"] = calls


HELLO = "Hello"
USAGE = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}


def message(text: str, **members: JSON) -> JSON:
    """A message of a Responses upstream."""
    return MESSAGE | {"content": [{"type": "output_text", "text": text, "annotations": []}]} | members


def response(*output: JSON, status: str = "completed", **members: JSON) -> JSON:
    """A response of a Responses upstream."""
    return {"id": "resp_1", "object": "response", "status": status, "output": [*output], "usage": USAGE} | members


PLACE = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
SAID = [{"type": "response.output_text.delta", "delta": text, **PLACE} for text in ("Hel", "lo")]

SPEECH: dict[Kind, Speech] = {
    "chat": of_chat(Habit([*HI, *END], [])),
    "responses": of_responses(
        [
            {"type": "response.created", "response": response(status="in_progress")},
            {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE | {"content": []}},
            *SAID,
            {"type": "response.output_item.done", "output_index": 0, "item": message(HELLO)},
        ],
        response(message(HELLO)),
    ),
}
"""`Hello`, plainly, of each kind of upstream."""

SILENT: dict[Kind, int] = {"chat": 1, "responses": 2}
"""How many frames of `SPEECH` come before its first word."""

SPOKEN: dict[Kind, int] = {kind: silent + 1 for kind, silent in SILENT.items()}
"""How many make the first word."""
