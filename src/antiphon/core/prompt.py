"""Prompt: what a model sees (DESIGN §3).

Knows nothing of storage or of the client: whatever a request points to has been fetched.
"""

from typing import NamedTuple

from msgspec import UNSET, Struct

from antiphon.core.configuration import is_update
from antiphon.core.items import JSON, InputText, Item, Message, Passed
from antiphon.core.offers import Choice, Offer, choose, offers
from antiphon.core.request import ReasoningOptions, Request, Text, Tool, ToolChoice


class Sampling(Struct, kw_only=True):
    """How tokens are chosen. `None` leaves a value to the model's own default.

    `max_output_tokens` is a bound on all that is generated, thought included; with 0 the prompt is only read.
    `top_logprobs` is None where no log-probabilities are wanted at all.
    """

    max_output_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    top_logprobs: int | None = None


class Count(NamedTuple):
    """The tokens that a prompt takes; `estimated` where nobody could count them."""

    tokens: int
    estimated: bool = False


class Prompt(Struct, kw_only=True):
    """One turn of a model: the items in order, and how to answer them.

    `said` is what the model has already said of this same response, after an interruption: it
    stands behind the items, counts against the bound on output, and is not to be said again. Its
    last item is `in_progress` where the text is to go on in the middle.

    `tools` and `tool_choice` are as they were asked; `offers` and `choice` are what a model is to
    see of them that knows functions only.

    `cache_key` and `conversation` say which prompts go on from one another, for whoever has a cache to choose.

    `whole` says that nobody reads the answer before its end, so that it may come in one piece; `passed` names the
    servers that the call came through (`core.servers`).

    `include`, `max_tool_calls` and `beyond` are as they were asked, for a model that runs tools itself.
    """

    model: str
    items: list[Item]
    said: list[Item] = []
    sampling: Sampling
    tools: list[Tool] = []
    tool_choice: ToolChoice = "auto"
    offers: list[Offer] = []
    choice: Choice = Choice()
    parallel_tool_calls: bool = True
    text: Text = Text()
    reasoning: ReasoningOptions = ReasoningOptions()
    cache_key: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    conversation: str | None = None
    whole: bool = False
    passed: tuple[str, ...] = ()
    include: list[str] = []
    max_tool_calls: int | None = None
    beyond: dict[str, JSON] = {}


LOGPROBS = "message.output_text.logprobs"
"""The `include` value that asks for log-probabilities (protocol §2.2)."""


def render(request: Request, seen: list[Item], *, max_output_tokens: int, said: list[Item] | None = None) -> Prompt:
    """What the model sees of `request`: its instructions, then the items `seen`, then what it `said`.

    `seen` is what stands before the input and the input itself, as a model is to see them. What only sets something is
    left out: the request has it (`core.configuration`).

    `max_output_tokens` is the server's own bound, which the request may only lower. Raises `Problem`
    400 for a tool choice that can't be met.
    """
    items: list[Item] = []
    if request.instructions:
        items.append(Message(role="system", content=[InputText(request.instructions)]))
    items += [item for item in seen if type(item) is not Passed or not is_update(item)]
    bound = (
        max_output_tokens if request.max_output_tokens is None else min(request.max_output_tokens, max_output_tokens)
    )
    offered = offers(request.tools, items)
    return Prompt(
        model=request.model,
        items=items,
        said=said or [],
        sampling=Sampling(
            max_output_tokens=bound if request.generate else 0,
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=request.top_k,
            presence_penalty=request.presence_penalty,
            frequency_penalty=request.frequency_penalty,
            top_logprobs=request.top_logprobs if LOGPROBS in request.include else None,
        ),
        tools=request.tools,
        tool_choice=request.tool_choice,
        offers=offered,
        choice=choose(offered, request.tool_choice),
        parallel_tool_calls=request.parallel_tool_calls,
        text=request.text,
        reasoning=request.reasoning,
        cache_key=request.prompt_cache_key,
        user=None if request.user is UNSET else request.user,
        safety_identifier=request.safety_identifier,
        service_tier=request.service_tier,
        conversation=request.conversation,
        whole=not (request.stream or request.background),
        passed=request.passed,
        include=request.include,
        max_tool_calls=request.max_tool_calls,
        beyond=request.beyond,
    )
