"""Chat messages: the messages of a chat body as items of input (protocol §11).

Knows nothing of the body's other fields. A message becomes the items that it tells: a thought, what was said, and
each call; the output of a tool is one of its own.
"""

from collections.abc import Iterable
from typing import Any

from antiphon.contract.chat_places import Spot
from antiphon.core.items import JSON

_Json = dict[str, Any]

_FUNCTION = {".arguments": ".function.arguments", ".name": ".function.name", ".call_id": ".id"}
_CUSTOM = {".input": ".custom.input", ".name": ".custom.name", ".call_id": ".id"}
_OUTPUT = {".output": ".content", ".call_id": ".tool_call_id"}


class Told:
    """Items, in order, each with the spot where it stands.

    custom
        the ids of calls of free-form tools, whose outputs are items of another kind.
    asked
        by the name of a function, the id that its last call in the deprecated form was given here: it had none.
    """

    def __init__(self, messages: Iterable[_Json]) -> None:
        self.items: list[JSON] = []
        self.spots: list[Spot] = []
        self._custom: set[str] = set()
        self._asked: dict[str, str] = {}
        for index, message in enumerate(messages):
            self._message(f"messages[{index}]", message)

    def _add(self, item: _Json, path: str, inside: dict[str, str] | None = None) -> None:
        self.items.append(item)
        self.spots.append(Spot(path, inside or {}))

    def _message(self, path: str, message: _Json) -> None:
        match message["role"]:
            case "assistant":
                self._assistant(path, message)
            case "tool":
                self._output(path, message)
            case "function":
                call_id = self._asked.get(message["name"], f"call_{path}")
                output = message["content"] or ""
                self._add({"type": "function_call_output", "call_id": call_id, "output": output}, path, _OUTPUT)
            case role:
                self._add({"type": "message", "role": role, "content": _content(message["content"])}, path)

    def _assistant(self, path: str, message: _Json) -> None:
        thoughts = (message.get(name) for name in ("reasoning_content", "reasoning"))  # servers have either name
        thought = next((one for one in thoughts if isinstance(one, str) and one), None)
        calls = message.get("tool_calls") or []
        deprecated = message.get("function_call")
        if thought is not None:
            content = [{"type": "reasoning_text", "text": thought}]
            self._add({"type": "reasoning", "summary": [], "content": content}, f"{path}.reasoning_content")
        said = _said(message)
        if said or not (calls or deprecated or thought):
            self._add({"type": "message", "role": "assistant", "content": said}, path)
        for index, call in enumerate(calls):
            self._call(f"{path}.tool_calls[{index}]", call)
        if deprecated:
            call_id = self._asked[deprecated["name"]] = f"call_{len(self.items)}"
            self._add({"type": "function_call", "call_id": call_id, **_only(deprecated)}, f"{path}.function_call")

    def _call(self, path: str, call: _Json) -> None:
        if call.get("type") == "custom":
            self._custom.add(call["id"])
            custom = {name: call["custom"][name] for name in ("name", "input")}
            self._add({"type": "custom_tool_call", "call_id": call["id"], **custom}, path, _CUSTOM)
        else:
            self._add({"type": "function_call", "call_id": call["id"], **_only(call["function"])}, path, _FUNCTION)

    def _output(self, path: str, message: _Json) -> None:
        call_id = message["tool_call_id"]
        kind = "custom_tool_call_output" if call_id in self._custom else "function_call_output"
        output = _content(message["content"])
        if isinstance(output, list) and all(part["type"] == "input_text" for part in output):
            output = "\n".join(part["text"] for part in output)  # the form that every contract takes
        self._add({"type": kind, "call_id": call_id, "output": output}, path, _OUTPUT)


def _only(function: _Json) -> _Json:
    return {"name": function["name"], "arguments": function["arguments"]}


def _said(message: _Json) -> JSON:
    """What an assistant said. A refusal is told to the model as any other of its words."""
    content, refusal = message.get("content"), message.get("refusal")
    texts = [content] if isinstance(content, str) else [part.get("text", part.get("refusal")) for part in content or ()]
    said = [text for text in [*texts, refusal] if text]
    return said[0] if len(said) == 1 else [{"type": "output_text", "text": text} for text in said]


def _content(content: JSON) -> JSON:
    return content if isinstance(content, str) else [_part(part) for part in content]


def _part(part: _Json) -> _Json:
    match part["type"]:
        case "image_url":
            image = part["image_url"]
            return {"type": "input_image", "image_url": image["url"], "detail": image.get("detail")}
        case "file":
            return {"type": "input_file", **{name: part["file"].get(name) for name in _FILE}}
        case _:
            return {"type": "input_text", "text": part["text"]}


_FILE = ("filename", "file_data", "file_id")
