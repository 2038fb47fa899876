"""A chunk of a Chat Completions stream, as any server may write it (protocol §11).

Knows nothing of the chunks before it. What is shaped as the standard says is decoded at once; anything else is read
member by member, and a member that makes no sense counts as absent.
"""

from typing import TypeVar

import msgspec
from msgspec import Struct

from antiphon.core.items import JSON


class Function(Struct, gc=False):
    """The function of a call, or a piece of it. `arguments` is text, or an object all at once."""

    name: str | None = None
    arguments: JSON = None


class Custom(Struct, gc=False):
    """The same of a free-form tool's call."""

    name: str | None = None
    input: str | None = None


class Call(Struct, gc=False):
    """A call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None


class Token(Struct, gc=False):
    """A token with its log-probability, and the likeliest in its place."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list["Token"] | None = None


class Logprobs(Struct, gc=False):
    """The tokens of a chunk."""

    content: list[Token] | None = None


class Said(Struct, gc=False):
    """What is said: a delta, or all of a message."""

    content: str | list[JSON] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None


class Choice(Struct, gc=False):
    """One of the answers."""

    index: int | None = 0
    delta: Said | None = None
    message: Said | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class InputDetails(Struct, gc=False):
    """Of the tokens of the prompt."""

    cached_tokens: int | None = None


class OutputDetails(Struct, gc=False):
    """Of the tokens that were generated."""

    reasoning_tokens: int | None = None


class Usage(Struct, gc=False):
    """What was counted. `prompt_cache_hit_tokens` and `reasoning_tokens` are some servers' places for the details."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    reasoning_tokens: int | None = None


class Chunk(Struct, gc=False):
    """A chunk, or a whole completion. The last four are what errors are told by."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: JSON = None
    object: str | None = None
    message: JSON = None
    detail: JSON = None


_decoder = msgspec.json.Decoder(Chunk)

_WITHIN: dict[str, type[Struct]] = {
    "choices": Choice,
    "completion_tokens_details": OutputDetails,
    "custom": Custom,
    "delta": Said,
    "function": Function,
    "function_call": Function,
    "logprobs": Logprobs,
    "message": Said,
    "prompt_tokens_details": InputDetails,
    "tool_calls": Call,
    "usage": Usage,
}
"""The members that are, or list, structs of their own."""

_S = TypeVar("_S", bound=Struct)


def decoded(payload: bytes) -> Chunk | None:
    """The chunk; None where the JSON is no object. Raises `msgspec.DecodeError` or `UnicodeDecodeError` where it is
    no JSON."""
    try:
        return _decoder.decode(payload)
    except msgspec.ValidationError:
        value = msgspec.json.decode(payload)
        return _loosely(value, Chunk) if isinstance(value, dict) else None


def is_error(chunk: Chunk) -> bool:
    """Whether a chunk tells of an error, in one of the known forms."""
    if chunk.error:
        return True
    return chunk.choices is None and (chunk.object == "error" or bool(chunk.message or chunk.detail))


def _loosely(value: dict[str, JSON], kind: type[_S]) -> _S:
    found: dict[str, JSON] = {}
    for field in msgspec.structs.fields(kind):
        given = value.get(field.name)
        if given is None:
            continue
        inner = _WITHIN.get(field.name)
        if inner is not None and isinstance(given, dict):
            found[field.name] = _loosely(given, inner)
        elif inner is not None and isinstance(given, list):
            found[field.name] = [_loosely(one, inner) for one in given if isinstance(one, dict)]
        else:
            _put(found, field.name, given, field.type)
    if isinstance(found.get("choices"), Choice | None):
        found.pop("choices", None)
    return kind(**found)


def _put(found: dict[str, JSON], name: str, given: JSON, kind: JSON) -> None:
    """Take a value that can be made to fit: `"0"` for 0, 7 for `"7"`, 3.0 for 3."""
    for form in (given, str(given) if isinstance(given, int | float) else given):
        try:
            found[name] = msgspec.convert(form, kind, strict=False)
        except msgspec.ValidationError:
            continue
        return
