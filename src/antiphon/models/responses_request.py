"""A prompt as the body of `POST /responses` at an upstream.

Knows nothing of connections, nor of what is answered. State is ours: the upstream is asked with
`store:false`, and gets the whole history each time.
"""

from typing import Any

import msgspec
from msgspec import Struct

from antiphon.core.items import JSON
from antiphon.core.prompt import LOGPROBS, Prompt
from antiphon.core.reasoning import INCLUDE
from antiphon.core.request import Request, Text
from antiphon.core.wire import opaque
from antiphon.models.chat_check import refuse_unseen
from antiphon.models.responses_items import to_upstream
from antiphon.models.upstream import Upstream

HINTS = ("safety_identifier", "user", "prompt_cache_key")
"""Fields without which the answer is the same: they are left out for an upstream that refuses them."""

THEIRS = frozenset(
    {
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "web_search_call.action.sources",
        "web_search_call.results",
    }
)
"""What `include` asks of tools that the upstream runs (protocol §2.2)."""


class Manner(Struct, frozen=True):
    """How an upstream is asked.

    seals
        whether it is asked for its sealed thoughts: some models refuse a request that asks.
    only_streams
        whether it gives no answer in one piece.
    without
        those of `HINTS` that it refuses.
    """

    seals: bool = True
    only_streams: bool = False
    without: frozenset[str] = frozenset()

    def streams(self, prompt: Prompt) -> bool:
        """Whether the answer is asked for as a stream."""
        return self.only_streams or not prompt.whole


def ignored(request: Request, upstream: Upstream) -> list[str]:
    """What of a request is not carried over (contracts §D). Raises `Problem` 400 for pictures where it takes none."""
    for number, item in enumerate(request.input):
        refuse_unseen(item, f"input[{number}]", upstream.takes)
    return ["top_k"] if request.top_k is not None and "top_k" not in upstream.takes else []


def body(prompt: Prompt, model: str, upstream: Upstream, manner: Manner) -> bytes:
    """The request for one turn. `model` is the name there."""
    sampling = prompt.sampling
    include = [INCLUDE] if manner.seals else []
    include += [one for one in prompt.include if one in THEIRS]
    value = measured(prompt, model, upstream) | {"stream": manner.streams(prompt), "store": False}
    if sampling.top_logprobs is not None:
        include.append(LOGPROBS)
        value["top_logprobs"] = sampling.top_logprobs
    if include:
        value["include"] = include
    wanted: dict[str, JSON] = {
        "max_output_tokens": sampling.max_output_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "top_k": sampling.top_k if "top_k" in upstream.takes else None,
        "prompt_cache_key": prompt.cache_key,
        "user": prompt.user,
        "safety_identifier": prompt.safety_identifier,
        "service_tier": prompt.service_tier,
        "max_tool_calls": prompt.max_tool_calls,
    }
    value |= {key: entry for key, entry in wanted.items() if entry is not None}
    for path, given in prompt.beyond.items():
        name, _, inner = path.partition(".")
        value[name] = {**value.get(name, {}), inner: given} if inner else given
    for name in manner.without:
        value.pop(name, None)
    return msgspec.json.encode(value, enc_hook=opaque)


def measured(prompt: Prompt, model: str, upstream: Upstream) -> dict[str, JSON]:
    """What of the request takes tokens of the input. Raises `Problem` 400 for pictures where it takes none."""
    for number, item in enumerate(prompt.items):
        refuse_unseen(item, f"input[{number}]", upstream.takes)
    value: dict[str, JSON] = {"model": model, "input": to_upstream([*prompt.items, *prompt.said], upstream.name)}
    if prompt.tools:
        value["tools"] = [_without_nulls(tool) for tool in prompt.tools]
        value["tool_choice"] = _builtins(prompt.tool_choice)
        if not prompt.parallel_tool_calls:
            value["parallel_tool_calls"] = False
    reasoning = _without_nulls(prompt.reasoning)
    if reasoning:
        value["reasoning"] = reasoning
    if prompt.text != Text():
        value["text"] = _builtins(prompt.text) | {"format": _without_nulls(prompt.text.format)}
    return value


def _builtins(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=opaque)


def _without_nulls(value: Any) -> dict[str, JSON]:
    """The object without the keys that ask for nothing, which some servers refuse as null."""
    return {key: entry for key, entry in _builtins(value).items() if entry is not None}
