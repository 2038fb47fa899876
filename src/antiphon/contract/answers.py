"""Answers: what of a response services tell in another way than the canonical form (contracts §B).

Knows nothing of which service that is. Each step changes the JSON of one response, in place.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from antiphon.contract.kinds import outward
from antiphon.core.items import JSON
from antiphon.core.response import Timing, Usage

Answer = dict[str, Any]
ResponseStep = Callable[[Answer, Timing], None]


def nested_format(response: Answer, timing: Timing) -> None:
    """`text.format` of a JSON Schema as Chat Completions nests it (row 21)."""
    form = response["text"]["format"]
    if form["type"] == "json_schema":
        inner = {key: value for key, value in form.items() if key != "type" and value is not None}
        response["text"]["format"] = {"type": "json_schema", "json_schema": inner}


def no_format_schema(response: Answer, timing: Timing) -> None:
    """Null for the schema of a format, which is what Open Responses' validator takes (row 22)."""
    form = response["text"]["format"]
    if form["type"] == "json_schema":
        form["schema"] = None


def usage_or_zeros(response: Answer, timing: Timing) -> None:
    """Usage from the start (row 32)."""
    if response.get("usage") is None:
        response["usage"] = msgspec.to_builtins(Usage())


def usage_when_known(response: Answer, timing: Timing) -> None:
    """No usage rather than a null."""
    if response.get("usage") is None:
        response.pop("usage", None)


def usage_with_seconds(response: Answer, timing: Timing) -> None:
    """How long it took, and how many tokens came in a second of all that time (row 34)."""
    usage = response.get("usage")
    if usage is None:
        return
    usage |= {
        "time_to_first_token": timing.first_token,
        "total_latency": timing.total,
        "output_tokens_per_sec": usage["output_tokens"] / timing.total if timing.total else None,
    }


def usage_in_both_names(response: Answer, timing: Timing) -> None:
    """The names of Chat Completions beside those of Responses (row 34). All input counts as text."""
    usage = response.get("usage")
    if usage is None:
        return
    thought = usage["output_tokens_details"]["reasoning_tokens"]
    usage |= {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "prompt_tokens_details": {
            "cached_tokens": usage["input_tokens_details"]["cached_tokens"],
            "text_tokens": usage["input_tokens"],
            "audio_tokens": 0,
            "image_tokens": 0,
        },
        "completion_tokens_details": {
            "text_tokens": usage["output_tokens"] - thought,
            "audio_tokens": 0,
            "reasoning_tokens": thought,
        },
    }


def given_tool_keys(response: Answer, timing: Timing) -> None:
    """Of a tool, the keys that were given (row 19)."""
    response["tools"] = [{key: value for key, value in tool.items() if value is not None} for tool in response["tools"]]


def own_tool_kinds(response: Answer, timing: Timing) -> None:
    """Tools that are no functions under their slug, and of the choice what Open Responses knows (rows 20, 43)."""
    for tool in response["tools"]:
        tool["type"] = outward(tool["type"])
    choice = response["tool_choice"]
    if isinstance(choice, dict) and choice["type"] not in ("function", "allowed_tools"):
        response["tool_choice"] = "required"
    elif isinstance(choice, dict) and choice["type"] == "allowed_tools":
        for tool in choice["tools"]:
            tool["type"] = outward(tool["type"])


def as_asked(response: Answer, timing: Timing) -> None:
    """What was kept as the client gave it, in the place of the canonical form (rows 13, 38)."""
    asked = response.get("asked") or {}
    for name in ("metadata", "temperature", "top_p"):
        if name in asked:
            response[name] = asked[name]


def told_as(values: dict[str, dict[str, str]]) -> ResponseStep:
    """A step that tells values as others (rows 25, 31): path → value → what it is told as."""
    rules = [(path.split("."), told) for path, told in values.items()]

    def tell(response: Answer, timing: Timing) -> None:
        for (*way, last), told in rules:
            place: JSON = response
            for key in way:
                place = place.get(key) if isinstance(place, dict) else None
            if isinstance(place, dict) and isinstance(given := place.get(last), str):
                place[last] = told.get(given, given)

    return tell


def kept_only(names: list[str]) -> ResponseStep:
    """A step that leaves only those top-level fields, or all but `asked` where none are named."""
    wanted = frozenset(names)

    def keep(response: Answer, timing: Timing) -> None:
        for name in [name for name in response if (name not in wanted if wanted else name == "asked")]:
            del response[name]

    return keep
