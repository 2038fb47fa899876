"""Events: what is told of a response while it comes to be (protocol §5.1).

Knows nothing of order (that is `emitter`) nor of framing (that is `api.sse`).
"""

from typing import get_args

from msgspec import Struct

from antiphon.core.items import JSON, AnyItem, Logprob, OutputText, ReasoningText, Refusal, SummaryText
from antiphon.core.response import Response


class Event(Struct, tag_field="type"):
    """An event. `sequence_number` starts at 0 and grows by one, per response (protocol §5.3)."""

    sequence_number: int


class ResponseCreated(Event, tag="response.created"):
    response: Response


class ResponseQueued(Event, tag="response.queued"):
    response: Response


class ResponseInProgress(Event, tag="response.in_progress"):
    response: Response


class ResponseCompleted(Event, tag="response.completed"):
    response: Response


class ResponseIncomplete(Event, tag="response.incomplete"):
    """Also the end of a cancelled response, whose `status` says so (protocol §5.2)."""

    response: Response


class ResponseFailed(Event, tag="response.failed"):
    response: Response


class OutputItemAdded(Event, tag="response.output_item.added"):
    output_index: int
    item: AnyItem


class OutputItemDone(Event, tag="response.output_item.done"):
    output_index: int
    item: AnyItem


class ContentPartAdded(Event, tag="response.content_part.added"):
    item_id: str
    output_index: int
    content_index: int
    part: OutputText | Refusal | ReasoningText


class ContentPartDone(Event, tag="response.content_part.done"):
    item_id: str
    output_index: int
    content_index: int
    part: OutputText | Refusal | ReasoningText


class OutputTextDelta(Event, tag="response.output_text.delta"):
    item_id: str
    output_index: int
    content_index: int
    delta: str
    logprobs: list[Logprob] = []


class OutputTextDone(Event, tag="response.output_text.done"):
    item_id: str
    output_index: int
    content_index: int
    text: str
    logprobs: list[Logprob] = []


class AnnotationAdded(Event, tag="response.output_text.annotation.added"):
    item_id: str
    output_index: int
    content_index: int
    annotation_index: int
    annotation: JSON


class RefusalDelta(Event, tag="response.refusal.delta"):
    item_id: str
    output_index: int
    content_index: int
    delta: str


class RefusalDone(Event, tag="response.refusal.done"):
    item_id: str
    output_index: int
    content_index: int
    refusal: str


class ReasoningTextDelta(Event, tag="response.reasoning_text.delta"):
    item_id: str
    output_index: int
    content_index: int
    delta: str


class ReasoningTextDone(Event, tag="response.reasoning_text.done"):
    item_id: str
    output_index: int
    content_index: int
    text: str


class SummaryPartAdded(Event, tag="response.reasoning_summary_part.added"):
    item_id: str
    output_index: int
    summary_index: int
    part: SummaryText


class SummaryPartDone(Event, tag="response.reasoning_summary_part.done"):
    item_id: str
    output_index: int
    summary_index: int
    part: SummaryText


class SummaryTextDelta(Event, tag="response.reasoning_summary_text.delta"):
    item_id: str
    output_index: int
    summary_index: int
    delta: str


class SummaryTextDone(Event, tag="response.reasoning_summary_text.done"):
    item_id: str
    output_index: int
    summary_index: int
    text: str


class ArgumentsDelta(Event, tag="response.function_call_arguments.delta"):
    item_id: str
    output_index: int
    delta: str


class ArgumentsDone(Event, tag="response.function_call_arguments.done"):
    item_id: str
    output_index: int
    arguments: str
    name: str


class CustomInputDelta(Event, tag="response.custom_tool_call_input.delta"):
    item_id: str
    output_index: int
    delta: str


class CustomInputDone(Event, tag="response.custom_tool_call_input.done"):
    item_id: str
    output_index: int
    input: str


Terminal = ResponseCompleted | ResponseIncomplete | ResponseFailed
TERMINAL_EVENTS = (ResponseCompleted, ResponseIncomplete, ResponseFailed)


def event_type(event: Event) -> str:
    """The `type` of an event, as it stands on the wire."""
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


AnyEvent = (
    ResponseCreated
    | ResponseQueued
    | ResponseInProgress
    | ResponseCompleted
    | ResponseIncomplete
    | ResponseFailed
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | OutputTextDelta
    | OutputTextDone
    | AnnotationAdded
    | RefusalDelta
    | RefusalDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | SummaryPartAdded
    | SummaryPartDone
    | SummaryTextDelta
    | SummaryTextDone
    | ArgumentsDelta
    | ArgumentsDone
    | CustomInputDelta
    | CustomInputDone
)


def event_kinds() -> dict[str, type[Event]]:
    """Every kind of event, by its `type` on the wire."""
    return {str(kind.__struct_config__.tag): kind for kind in get_args(AnyEvent)}
