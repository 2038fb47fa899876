"""Chat request: the body of `POST /chat/completions` becomes a canonical `Request` (protocol §11).

Knows nothing of any contract by name. The body is held against its own schema, then put as a create request, which
the contract's law reads as any other: ranges, defaults and what is unknown are the same on both ways.
"""

from typing import Any

from jsonschema_rs import Draft202012Validator
from msgspec import Struct

from antiphon.contract.chat_messages import Told
from antiphon.contract.chat_places import Places, Spot
from antiphon.contract.decode import Reader, bounded
from antiphon.contract.faults import refused, reworded
from antiphon.contract.fields import asks, header_name, without_nulls
from antiphon.contract.law import Law
from antiphon.contract.schemas import read_schema
from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.core.prompt import LOGPROBS
from antiphon.core.request import Request

_Json = dict[str, Any]

_SAME = frozenset(
    {
        "frequency_penalty",
        "metadata",
        "model",
        "moderation",
        "parallel_tool_calls",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "stream",
        "temperature",
        "top_k",
        "top_p",
        "user",
    }
)
"""Fields that a create request has under the same name, or that its law has a word on."""

_PUT = frozenset(
    {
        "function_call",
        "functions",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "reasoning_effort",
        "response_format",
        "stream_options",
        "tool_choice",
        "tools",
        "top_logprobs",
        "verbosity",
    }
)
"""Fields that are put elsewhere in it."""

_NEUTRAL: dict[str, tuple[JSON, ...]] = {"modalities": (["text"],), "n": (1,), "store": (False,)}
"""What asks for nothing, of fields that are not done here."""


class ChatAsk(Struct, frozen=True):
    """What a chat body asks.

    request
        the canonical request; its names are those of a create request.
    places
        where they stand in the body.
    counted
        whether a stream is to tell its usage.
    deprecated
        whether calls are to be told as they were before there were tools (`function_call`).
    ignored
        names of the body that will not be done, beside those of the request.
    """

    request: Request
    places: Places
    counted: bool
    deprecated: bool
    ignored: list[str]

    def unheeded(self) -> list[str]:
        """What was asked and will not be done, by the body's own names."""
        return bounded([*self.ignored, *map(self.places.name, self.request.ignored)])


def schema_of(create: dict[str, JSON]) -> dict[str, JSON]:
    """The JSON Schema of a chat body, of a contract whose create requests have the schema `create`."""
    own = read_schema(["chat.request.json"])
    same = {name: entry for name, entry in create["properties"].items() if name in _SAME}
    return {**own, "properties": own["properties"] | same, "$defs": create["$defs"] | own["$defs"]}


class ChatReader:
    """A law, compiled for chat bodies. `reader` reads the create requests that they become."""

    def __init__(self, law: Law, schema: dict[str, JSON], reader: Reader) -> None:
        self._law = law
        self._schema = schema
        self._reader = reader
        self._validator = Draft202012Validator(schema, mask="a value")
        self._renamed = {move.target: move.source for move in law.moves if "." not in move.source + move.target}

    def take(self, body: JSON) -> ChatAsk:
        """What a decoded body asks; it is used up. Raises `Problem` 400, which names what is wrong as the body does."""
        if not self._validator.is_valid(body):
            raise reworded(refused(self._validator, body, self._schema), self._law.words)
        given = without_nulls(body)
        _check_answerable(given)
        told = Told(given["messages"])
        asked: _Json = {name: value for name, value in given.items() if name in _SAME}
        asked |= {"input": told.items, "store": False}
        bound = _bound(given, asked)
        tools = _tools(given, asked)
        _choice(given, asked)
        _answer(given, asked)
        fields = {"max_output_tokens": bound, **_chosen(given)}
        for name, wire in self._renamed.items():  # what the law moves is read where its own clients put it
            if name in asked:
                asked[wire] = asked.pop(name)
                fields[wire] = fields.get(name, name)
        places = Places(told.spots, tools, fields)
        with places.told():
            request = self._reader.take(asked)
        options = given.get("stream_options") or {}
        return ChatAsk(
            request=request,
            places=places,
            counted=options.get("include_usage") is True,
            deprecated="functions" in given and "tools" not in given,
            ignored=_unheeded(given),
        )


def _check_answerable(given: _Json) -> None:
    """Refuse what would be another answer. Raises `Problem` 400."""
    if given.get("n", 1) != 1:
        message = "Unsupported value: 'n' must be 1, for a request gets one answer here. Ask again for another."
        raise Problem(400, "unsupported_value", message, param="n")
    if any(kind != "text" for kind in given.get("modalities", ())):
        message = "Unsupported value: 'modalities' must be [\"text\"]: there is no other kind of answer here."
        raise Problem(400, "unsupported_value", message, param="modalities")
    if given.get("top_logprobs") and not given.get("logprobs"):
        message = "'top_logprobs' tells how many alternatives a token is given with. Set 'logprobs' to true with it."
        raise Problem(400, "invalid_value", message, param="top_logprobs")


def _bound(given: _Json, asked: _Json) -> str:
    """Put the bound on what is generated; gives the name that it has in this body."""
    names = [name for name in ("max_completion_tokens", "max_tokens") if name in given]
    if len(names) == 2 and given[names[0]] != given[names[1]]:
        message = "'max_tokens' and 'max_completion_tokens' are both given, and differ. Give the latter."
        raise Problem(400, "invalid_value", message, param="max_tokens")
    if names:
        asked["max_output_tokens"] = given[names[0]]
    return names[0] if names else "max_completion_tokens"


def _tools(given: _Json, asked: _Json) -> list[Spot]:
    """Put the tools, those of the deprecated form too; gives the spot of each."""
    tools: list[JSON] = []
    spots: list[Spot] = []
    for index, tool in enumerate(given.get("tools", ())):
        kind = tool["type"]
        within = tool[kind]
        tools.append({**within, "type": kind} if kind == "function" else _custom(within))
        spots.append(Spot(f"tools[{index}]", {".type": ".type", "": f".{kind}"}))
    for index, function in enumerate(given.get("functions", ())):
        tools.append({**function, "type": "function"})
        spots.append(Spot(f"functions[{index}]"))
    if tools:
        asked["tools"] = tools
    if "functions" in given and "tools" not in given:
        asked["parallel_tool_calls"] = False  # its form has room for one call
    return spots


def _custom(tool: _Json) -> _Json:
    form = tool.get("format")
    if isinstance(form, dict) and form.get("type") == "grammar":
        form = {"type": "grammar", **form["grammar"]}
    return {**tool, "type": "custom", "format": form}


def _choice(given: _Json, asked: _Json) -> None:
    """Put which tools may or must be called."""
    choice = given.get("tool_choice")
    called = given.get("function_call")
    if choice is None and called is not None:
        choice = called if isinstance(called, str) else {"type": "function", "function": called}
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        allowed = choice["allowed_tools"]
        asked["tool_choice"] = {"type": "allowed_tools", **allowed, "tools": [_named(one) for one in allowed["tools"]]}
    elif choice is not None:
        asked["tool_choice"] = choice if isinstance(choice, str) else _named(choice)


def _named(choice: _Json) -> _Json:
    return {"type": choice["type"], "name": choice[choice["type"]]["name"]}


def _chosen(given: _Json) -> dict[str, str]:
    """Where the name of a tool that has to be called stands."""
    choice = given.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] != "allowed_tools":
        return {"tool_choice.name": f"tool_choice.{choice['type']}.name"}
    return {"tool_choice": "function_call"} if choice is None and "function_call" in given else {}


def _answer(given: _Json, asked: _Json) -> None:
    """Put how the answer is to be."""
    text: _Json = {}
    form = given.get("response_format")
    if form is not None:
        text["format"] = {"type": form["type"]}
        if form["type"] == "json_schema":
            text["format"] |= {"schema": {}, **without_nulls(form["json_schema"])}
    if "verbosity" in given:
        text["verbosity"] = given["verbosity"]
    if text:
        asked["text"] = text
    if "reasoning_effort" in given:
        asked["reasoning"] = {"effort": given["reasoning_effort"]}
    if given.get("logprobs"):
        asked |= {"include": [LOGPROBS], "top_logprobs": given.get("top_logprobs", 0)}
    if (given.get("stream_options") or {}).get("include_obfuscation"):
        asked["stream_options"] = {"include_obfuscation": True}


def _unheeded(given: _Json) -> list[str]:
    """Names of what asks for something that is not done here."""
    names = [
        header_name(name)
        for name, value in given.items()
        if name not in _SAME
        and name not in _PUT
        # An empty object asks for a search all the same.
        and (asks(value, _NEUTRAL.get(name, ())) or name == "web_search_options")
    ]
    options = given.get("stream_options") or {}
    known = ("include_usage", "include_obfuscation")
    return names + [
        header_name(f"stream_options.{key}") for key, value in options.items() if key not in known and asks(value, ())
    ]
