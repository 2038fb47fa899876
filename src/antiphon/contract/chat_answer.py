"""Chat answer: a response as a chat completion (protocol §11).

Knows nothing of streams, and nothing of how the response came to be.

A completion has one message: what several of a response say stands in it with an empty line between them, as their
thoughts do. Items that Chat Completions has no word for (a search, a compaction) are not told.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from antiphon.contract.chat_request import ChatAsk
from antiphon.core.items import (
    JSON,
    CustomToolCall,
    FunctionCall,
    Logprob,
    Message,
    OutputText,
    Reasoning,
    Refusal,
)
from antiphon.core.problems import Problem
from antiphon.core.response import Response, Usage

BETWEEN = "\n\n"
"""What stands between the texts of two messages."""

Finish = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class ChatFunction(Struct, frozen=True):
    """The function of a call. `arguments` is JSON text."""

    name: str
    arguments: str


class ChatCustom(Struct, frozen=True):
    """The free-form tool of a call."""

    name: str
    input: str


class ChatFunctionCall(Struct, frozen=True, tag_field="type", tag="function"):
    """A call of a function."""

    id: str
    function: ChatFunction


class ChatCustomCall(Struct, frozen=True, tag_field="type", tag="custom"):
    """A call of a free-form tool."""

    id: str
    custom: ChatCustom


class Citation(Struct, frozen=True):
    """Where a page is cited, in characters of the content."""

    start_index: int
    end_index: int
    url: str
    title: str


class ChatAnnotation(Struct, frozen=True, tag_field="type", tag="url_citation"):
    """The one kind of annotation that Chat Completions has."""

    url_citation: Citation


class ChatMessage(Struct, frozen=True, kw_only=True):
    """What the model says. `reasoning_content` is its thought, under the name that servers of open models use."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ChatFunctionCall | ChatCustomCall] | UnsetType = UNSET
    function_call: ChatFunction | UnsetType = UNSET
    annotations: list[ChatAnnotation] = []


class ChatLogprobs(Struct, frozen=True):
    """The tokens of the content."""

    content: list[Logprob] | None
    refusal: list[Logprob] | None = None


class ChatChoice(Struct, frozen=True):
    """The one answer."""

    index: int
    message: ChatMessage
    finish_reason: Finish
    logprobs: ChatLogprobs | None


class PromptTokens(Struct, frozen=True):
    """Of the tokens of the prompt."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0
    audio_tokens: int = 0


class CompletionTokens(Struct, frozen=True):
    """Of the tokens that were generated."""

    reasoning_tokens: int = 0
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class ChatUsage(Struct, frozen=True):
    """Tokens, in and out. `estimated` as in `core.response.Usage`."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokens
    completion_tokens_details: CompletionTokens
    estimated: bool | UnsetType = UNSET


class ChatCompletion(Struct, frozen=True, kw_only=True):
    """The answer of `POST /chat/completions`. `created` is in unix seconds."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage
    service_tier: str
    metadata: dict[str, str] | UnsetType = UNSET


class Joined:
    """A text that grows out of several, with `BETWEEN` between them."""

    def __init__(self) -> None:
        self.length = 0
        self._owner: object = None
        self._pieces: list[str] = []

    def text(self) -> str:
        """All of it."""
        return "".join(self._pieces)

    def begins(self, owner: object) -> int:
        """Where the next piece of the text `owner` will stand, in characters."""
        return self.length + (len(BETWEEN) if self.length and owner != self._owner else 0)

    def add(self, owner: object, piece: str) -> str:
        """The piece as it is to be told."""
        if not piece:
            return piece
        told = BETWEEN + piece if self.length and owner != self._owner else piece
        self._owner = owner
        self.length += len(told)
        self._pieces.append(told)
        return told


def completion(response: Response, ask: ChatAsk) -> ChatCompletion:
    """The completion that a response is. Raises `Problem` for one that did not come to its end."""
    broken = failure(response)
    if broken is not None:
        raise broken
    return ChatCompletion(
        id=completion_id(response),
        created=response.created_at,
        model=response.model,
        choices=[_choice(response, ask)],
        usage=chat_usage(response.usage or Usage()),
        service_tier=response.service_tier,
        metadata=response.metadata or UNSET,
    )


def completion_id(response: Response) -> str:
    """The response's id as one of a completion."""
    return f"chatcmpl-{response.id.partition('_')[2]}"


def failure(response: Response) -> Problem | None:
    """Why a response at its end is no answer, or None for one that is.

    The fault's status is gone by then; its code says as much of it as a client acts on.
    """
    if response.status == "cancelled":
        return Problem(503, "interrupted", "The answer was stopped before its end.")
    if response.status != "failed":
        return None
    code = response.error.code if response.error else "server_error"
    message = response.error.message if response.error else "The answer broke off."
    status = 429 if code in _TOO_MUCH else 400 if code.startswith(_OF_THE_REQUEST) else 503
    return Problem(status, code, message)


_TOO_MUCH = frozenset({"rate_limit_exceeded", "insufficient_quota"})
_OF_THE_REQUEST = ("context_length", "invalid_", "unsupported_", "missing_", "content_policy")


def finish_of(response: Response, ask: ChatAsk) -> Finish:
    """Why an answer ended."""
    if response.incomplete_details is not None:
        return "length" if response.incomplete_details.reason == "max_output_tokens" else "content_filter"
    if any(isinstance(item, FunctionCall | CustomToolCall) for item in response.output):
        return "function_call" if ask.deprecated else "tool_calls"
    return "stop"


def chat_usage(usage: Usage) -> ChatUsage:
    """Usage under the names of Chat Completions."""
    read, said = usage.input_tokens_details, usage.output_tokens_details
    return ChatUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        prompt_tokens_details=PromptTokens(read.cached_tokens, read.cache_write_tokens),
        completion_tokens_details=CompletionTokens(said.reasoning_tokens),
        estimated=usage.estimated,
    )


def annotation_of(value: JSON, start: int) -> ChatAnnotation | None:
    """The annotation of a text that begins at character `start` of the content; None for another kind."""
    if not isinstance(value, dict) or value.get("type") != "url_citation" or not isinstance(value.get("url"), str):
        return None
    first, last = (place if isinstance(place := value.get(name), int) else 0 for name in ("start_index", "end_index"))
    return ChatAnnotation(Citation(first + start, last + start, value["url"], str(value.get("title") or "")))


def call_of(item: FunctionCall | CustomToolCall) -> ChatFunctionCall | ChatCustomCall:
    """A call as it stands in a message."""
    if isinstance(item, FunctionCall):
        return ChatFunctionCall(item.call_id, ChatFunction(item.name, item.arguments))
    return ChatCustomCall(item.call_id, ChatCustom(item.name, item.input))


def _choice(response: Response, ask: ChatAsk) -> ChatChoice:
    content, refusal, thought = Joined(), Joined(), Joined()
    calls: list[ChatFunctionCall | ChatCustomCall] = []
    annotations: list[ChatAnnotation] = []
    logprobs: list[Logprob] = []
    for index, item in enumerate(response.output):
        match item:
            case Message(content=parts):
                for part in parts:
                    if isinstance(part, Refusal):
                        refusal.add(index, part.refusal)
                    elif isinstance(part, OutputText):
                        told = (annotation_of(one, content.begins(index)) for one in part.annotations)
                        annotations += [one for one in told if one is not None]
                        content.add(index, part.text)
                        logprobs += part.logprobs
            case Reasoning(content=[*thoughts]):
                for number, one in enumerate(thoughts):
                    thought.add((index, number), one.text)
            case FunctionCall() | CustomToolCall():
                calls.append(call_of(item))
    message = _message(content, refusal, thought, calls, annotations)
    if ask.deprecated and calls:
        message = _in_the_old_form(message, calls[0])
    return ChatChoice(0, message, finish_of(response, ask), ChatLogprobs(logprobs) if logprobs else None)


def _message(
    content: Joined,
    refusal: Joined,
    thought: Joined,
    calls: list[ChatFunctionCall | ChatCustomCall],
    annotations: list[ChatAnnotation],
) -> ChatMessage:
    return ChatMessage(
        content=content.text() if content.length or not (calls or refusal.length) else None,
        refusal=refusal.text() if refusal.length else None,
        reasoning_content=thought.text() if thought.length else UNSET,
        tool_calls=calls or UNSET,
        annotations=annotations,
    )


def _in_the_old_form(message: ChatMessage, call: ChatFunctionCall | ChatCustomCall) -> ChatMessage:
    """The message with its one call where it stood before there were tools; that form has no free-form calls, which
    a model may make all the same."""
    if isinstance(call, ChatCustomCall):
        return replace(message, tool_calls=[call])
    return replace(message, tool_calls=UNSET, function_call=call.function)
