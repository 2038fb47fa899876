"""Chat chunks: the events of a response as the chunks of a stream of Chat Completions (protocol §11).

Knows nothing of framing, nor of who reads.

The rules of this file:
- the role comes with the first thing that is said, an empty content beside it where that is a message;
- what is said comes as it stands in the completion: joined chunks are `chat_answer.completion` of the same response;
- then one chunk with the reason for the end, and one with the usage and no choice where it was asked for;
- a response that did not come to its end ends in an error object instead.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from antiphon.contract.chat_answer import (
    ChatAnnotation,
    ChatLogprobs,
    ChatUsage,
    Finish,
    Joined,
    annotation_of,
    chat_usage,
    completion_id,
    failure,
    finish_of,
)
from antiphon.contract.chat_request import ChatAsk
from antiphon.contract.errors import Envelope, enveloped
from antiphon.core import events as e
from antiphon.core.items import CustomToolCall, FunctionCall, Message
from antiphon.core.response import Response, Usage
from antiphon.core.wire import encode


class FunctionPiece(Struct, frozen=True):
    """The function of a call, or a piece of its arguments."""

    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET


class CustomPiece(Struct, frozen=True):
    """The free-form tool of a call, or a piece of its input."""

    name: str | UnsetType = UNSET
    input: str | UnsetType = UNSET


class CallPiece(Struct, frozen=True, kw_only=True):
    """A call that begins, or a piece of the one at `index`."""

    index: int
    id: str | UnsetType = UNSET
    type: Literal["function", "custom"] | UnsetType = UNSET
    function: FunctionPiece | UnsetType = UNSET
    custom: CustomPiece | UnsetType = UNSET


class ChatDelta(Struct, frozen=True, kw_only=True):
    """What a chunk says."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    refusal: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[CallPiece] | UnsetType = UNSET
    function_call: FunctionPiece | UnsetType = UNSET
    annotations: list[ChatAnnotation] | UnsetType = UNSET


class ChunkChoice(Struct, frozen=True):
    """A piece of the one answer."""

    index: int
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    finish_reason: Finish | None


class ChatChunk(Struct, frozen=True, kw_only=True):
    """A chunk. `usage` stands only where it was asked for, and is null in all chunks but the last."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    service_tier: str
    choices: list[ChunkChoice]
    usage: ChatUsage | UnsetType | None = UNSET


class Chunks:
    """Tells the events of one response, in order, to one reader."""

    def __init__(self, ask: ChatAsk) -> None:
        self._ask = ask
        self._begun = False
        self._calls: dict[int, int] = {}  # output index → index of the call
        self._content = Joined()
        self._refusal = Joined()
        self._thought = Joined()
        self._part_begins = 0

    def tell(self, event: e.Event) -> list[bytes]:
        """The JSON of each chunk that tells the event; none where there is nothing to tell."""
        tell = _TELL.get(type(event))
        return [] if tell is None else [encode(one) for one in tell(self, event)]

    def _created(self, event: e.ResponseCreated) -> list[ChatChunk]:
        self._response = event.response
        return []

    def _item(self, event: e.OutputItemAdded) -> list[ChatChunk]:
        item = event.item
        told = self._role("" if isinstance(item, Message) else None)
        if isinstance(item, FunctionCall):
            begun = FunctionPiece(item.name, "")
            told += self._call(event.output_index, function=begun, id=item.call_id, type="function")
        elif isinstance(item, CustomToolCall):
            begun_custom = CustomPiece(item.name, "")
            told += self._call(event.output_index, custom=begun_custom, id=item.call_id, type="custom")
        return told

    def _part(self, event: e.ContentPartAdded) -> list[ChatChunk]:
        self._part_begins = self._content.begins(event.output_index)
        return []

    def _text(self, event: e.OutputTextDelta) -> list[ChatChunk]:
        logprobs = ChatLogprobs(event.logprobs) if event.logprobs else None
        return [self._chunk(ChatDelta(content=self._content.add(event.output_index, event.delta)), logprobs)]

    def _refused(self, event: e.RefusalDelta) -> list[ChatChunk]:
        return [self._chunk(ChatDelta(refusal=self._refusal.add(event.output_index, event.delta)))]

    def _thinks(self, event: e.ReasoningTextDelta) -> list[ChatChunk]:
        owner = (event.output_index, event.content_index)
        return [self._chunk(ChatDelta(reasoning_content=self._thought.add(owner, event.delta)))]

    def _annotated(self, event: e.AnnotationAdded) -> list[ChatChunk]:
        found = annotation_of(event.annotation, self._part_begins)
        return [] if found is None else [self._chunk(ChatDelta(annotations=[found]))]

    def _arguments(self, event: e.ArgumentsDelta) -> list[ChatChunk]:
        return self._call(event.output_index, function=FunctionPiece(arguments=event.delta))

    def _input(self, event: e.CustomInputDelta) -> list[ChatChunk]:
        return self._call(event.output_index, custom=CustomPiece(input=event.delta))

    def _ended(self, event: e.Terminal) -> list[ChatChunk | Envelope]:
        response = event.response
        broken = failure(response)
        if broken is not None:
            return [enveloped(broken)]
        told: list[ChatChunk | Envelope] = [*self._role("")]
        told.append(self._chunk(ChatDelta(), finish=finish_of(response, self._ask)))
        if self._ask.counted:
            told.append(self._framed([], chat_usage(response.usage or Usage())))
        return told

    def _role(self, content: str | None) -> list[ChatChunk]:
        if self._begun:
            return []
        self._begun = True
        return [self._chunk(ChatDelta(role="assistant", content=content))]

    def _call(self, output_index: int, **piece: Any) -> list[ChatChunk]:
        index = self._calls.setdefault(output_index, len(self._calls))
        if self._ask.deprecated and index:
            return []  # it has room for one
        if self._ask.deprecated and "function" in piece:
            return [self._chunk(ChatDelta(function_call=piece["function"]))]
        return [self._chunk(ChatDelta(tool_calls=[CallPiece(index=index, **piece)]))]

    def _chunk(self, delta: ChatDelta, logprobs: ChatLogprobs | None = None, finish: Finish | None = None) -> ChatChunk:
        return self._framed([ChunkChoice(0, delta, logprobs, finish)], None)

    def _framed(self, choices: list[ChunkChoice], usage: ChatUsage | None) -> ChatChunk:
        response: Response = self._response
        return ChatChunk(
            id=completion_id(response),
            created=response.created_at,
            model=response.model,
            service_tier=response.service_tier,
            choices=choices,
            usage=usage if self._ask.counted else UNSET,
        )


_TELL: dict[type[e.Event], Callable[[Chunks, Any], Sequence[ChatChunk | Envelope]]] = {
    e.ResponseCreated: Chunks._created,
    e.OutputItemAdded: Chunks._item,
    e.ContentPartAdded: Chunks._part,
    e.OutputTextDelta: Chunks._text,
    e.RefusalDelta: Chunks._refused,
    e.ReasoningTextDelta: Chunks._thinks,
    e.AnnotationAdded: Chunks._annotated,
    e.ArgumentsDelta: Chunks._arguments,
    e.CustomInputDelta: Chunks._input,
    e.ResponseCompleted: Chunks._ended,
    e.ResponseIncomplete: Chunks._ended,
    e.ResponseFailed: Chunks._ended,
}
