"""Response: the object that a client gets (protocol §3).

Knows nothing of how it came to be; `fold` alone changes one.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from antiphon.core.items import JSON, AnyItem
from antiphon.core.redaction import redacted_tools
from antiphon.core.request import AnyTool, AnyToolChoice, ReasoningOptions, Request, Text

Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
TERMINAL: frozenset[Status] = frozenset({"completed", "incomplete", "failed", "cancelled"})


class InputTokensDetails(Struct, gc=False, frozen=True):
    """What of the input was read from, or written to, the model's cache."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputTokensDetails(Struct, gc=False, frozen=True):
    """What of the output was thought."""

    reasoning_tokens: int = 0


class Usage(Struct, frozen=True):
    """Tokens of a response, in and out, over all turns of its model (protocol §3.2).

    `estimated` stands only where some of them were not counted; no standard has it.
    """

    input_tokens: int = 0
    input_tokens_details: InputTokensDetails = InputTokensDetails()
    output_tokens: int = 0
    output_tokens_details: OutputTokensDetails = OutputTokensDetails()
    total_tokens: int = 0
    estimated: bool | UnsetType = UNSET


class ResponseError(Struct, gc=False, frozen=True):
    """Why a response failed."""

    code: str
    message: str


class IncompleteDetails(Struct, gc=False, frozen=True):
    """Why a response is incomplete: `max_output_tokens` or `content_filter`."""

    reason: str


class ConversationRef(Struct, gc=False, frozen=True):
    """The conversation that a response belongs to."""

    id: str


class Timing(Struct, gc=False, frozen=True):
    """How long a response took, in seconds: to its first delta (None where there was none), and in all (None while
    it lasts). It is measured, told by contracts whose usage has it, and no part of what is kept."""

    first_token: float | None = None
    total: float | None = None


class Response(Struct, kw_only=True):
    """The full set of keys of protocol §3, always emitted.

    `asked` stands only on what came through a contract that keeps more than the canonical form has (`Request.asked`).
    """

    id: str
    object: Literal["response"] = "response"
    created_at: int
    completed_at: int | None = None
    status: Status = "in_progress"
    background: bool = False
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    model: str
    output: list[AnyItem] = []
    parallel_tool_calls: bool = True
    previous_response_id: str | None = None
    conversation: ConversationRef | UnsetType = UNSET
    prompt: JSON | UnsetType = UNSET
    prompt_cache_key: str | None = None
    reasoning: ReasoningOptions = ReasoningOptions()
    safety_identifier: str | None = None
    service_tier: str = "default"
    store: bool = True
    temperature: float = 1.0
    text: Text = Text()
    tool_choice: AnyToolChoice = "auto"
    tools: list[AnyTool] = []
    top_logprobs: int = 0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    truncation: str = "disabled"
    usage: Usage | None = None
    user: str | UnsetType = UNSET
    metadata: JSON = {}
    asked: JSON | UnsetType = UNSET


def respond(request: Request, *, id: str, created_at: int) -> Response:
    """The response that answers `request`, before anything was said.

    Echoes every field after defaulting (protocol §3, "Echo rule"), but no secret of a tool. `created_at` is in
    unix seconds.
    """
    return Response(
        id=id,
        created_at=created_at,
        status="queued" if request.background else "in_progress",
        background=request.background,
        instructions=request.instructions,
        max_output_tokens=request.max_output_tokens,
        max_tool_calls=request.max_tool_calls,
        model=request.model,
        parallel_tool_calls=request.parallel_tool_calls,
        previous_response_id=request.previous_response_id,
        conversation=ConversationRef(request.conversation) if request.conversation else UNSET,
        prompt=request.prompt,
        prompt_cache_key=request.prompt_cache_key,
        reasoning=request.reasoning,
        safety_identifier=request.safety_identifier,
        store=request.store,
        temperature=1.0 if request.temperature is None else request.temperature,
        text=request.text,
        tool_choice=request.tool_choice,
        tools=redacted_tools(request.tools) if request.tools else [],
        top_logprobs=request.top_logprobs,
        top_p=1.0 if request.top_p is None else request.top_p,
        presence_penalty=request.presence_penalty or 0.0,
        frequency_penalty=request.frequency_penalty or 0.0,
        truncation=request.truncation,
        user=request.user,
        metadata=request.metadata,
        asked=request.asked,
    )


def turn_usage(input_tokens: int, output_tokens: int, cached: int, reasoning: int, *, estimated: bool) -> Usage:
    """What one turn took."""
    return Usage(
        input_tokens=input_tokens,
        input_tokens_details=InputTokensDetails(cached),
        output_tokens=output_tokens,
        output_tokens_details=OutputTokensDetails(reasoning),
        total_tokens=input_tokens + output_tokens,
        estimated=estimated or UNSET,
    )


def add_usage(total: Usage | None, turn: Usage) -> Usage:
    """The sum of what came before and of one more turn."""
    if total is None:
        return turn
    return Usage(
        input_tokens=total.input_tokens + turn.input_tokens,
        input_tokens_details=InputTokensDetails(
            cached_tokens=total.input_tokens_details.cached_tokens + turn.input_tokens_details.cached_tokens,
            cache_write_tokens=total.input_tokens_details.cache_write_tokens
            + turn.input_tokens_details.cache_write_tokens,
        ),
        output_tokens=total.output_tokens + turn.output_tokens,
        output_tokens_details=OutputTokensDetails(
            reasoning_tokens=total.output_tokens_details.reasoning_tokens + turn.output_tokens_details.reasoning_tokens
        ),
        total_tokens=total.total_tokens + turn.total_tokens,
        estimated=turn.estimated or total.estimated,
    )
