"""Request: what was asked, legal and canonical (protocol §2).

Knows nothing of the contract through which it came, nor of what the model can do.
"""

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType

from antiphon.core.items import JSON, AnyItem
from antiphon.core.problems import Problem

Truncation = Literal["auto", "disabled"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class FunctionTool(Struct, tag="function", kw_only=True, frozen=True):
    """A function of the client's. `parameters` is a JSON Schema or null."""

    name: str
    description: str | None = None
    parameters: JSON = None
    strict: bool | None = None


class CustomTool(Struct, tag="custom", kw_only=True, frozen=True):
    """A free-form tool of the client's. `format` is `{type: text}` or a grammar."""

    name: str
    description: str | UnsetType = UNSET
    format: JSON | UnsetType = UNSET


class PassedTool:
    """A tool of the standard that the server only carries: its kind and its whole JSON."""

    __slots__ = ("type", "value")

    def __init__(self, value: dict[str, JSON]) -> None:
        self.type: str = value["type"]
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PassedTool) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.type)


Tool = FunctionTool | CustomTool | PassedTool


class NamedChoice(Struct, kw_only=True, frozen=True):
    """A tool that must be called. `type` is the tool's kind."""

    type: str
    name: str | UnsetType = UNSET
    server_label: str | UnsetType = UNSET


class AllowedTools(Struct, tag="allowed_tools", kw_only=True, frozen=True):
    """The only tools that may be called, as a hard constraint."""

    mode: Literal["none", "auto", "required"] = "auto"
    tools: list[NamedChoice]


ToolChoice = Literal["none", "auto", "required"] | NamedChoice | AllowedTools

if TYPE_CHECKING:
    AnyTool: TypeAlias = Tool
    AnyToolChoice: TypeAlias = ToolChoice
else:
    from antiphon.core.items import OpenUnion

    class AnyTool(metaclass=OpenUnion):
        """`Tool` as msgspec sees it (see `items.AnyItem`)."""

    class AnyToolChoice(metaclass=OpenUnion):
        """`ToolChoice` as msgspec sees it (see `items.AnyItem`)."""


def tool_from_json(value: dict[str, JSON]) -> Tool:
    """Build a tool from its JSON object; kinds that have no struct are `PassedTool`.

    Raises `msgspec.ValidationError` where the object does not have the kind's shape.
    """
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise msgspec.ValidationError("Expected `object` with a `type`")
    if value["type"] == "function":
        return msgspec.convert(value, FunctionTool)
    if value["type"] == "custom":
        return msgspec.convert({key: entry for key, entry in value.items() if entry is not None}, CustomTool)
    return PassedTool(value)


def tool_choice_from_json(value: JSON) -> ToolChoice:
    """Build a tool choice from its JSON, a word or an object (protocol §2.4).

    Raises `msgspec.ValidationError` where it is neither.
    """
    if isinstance(value, str):
        return msgspec.convert(value, Literal["none", "auto", "required"])  # type: ignore[no-any-return]  # a type form
    if isinstance(value, dict) and value.get("type") == "allowed_tools":
        return msgspec.convert(value, AllowedTools)
    return msgspec.convert(value, NamedChoice)


class TextFormat(Struct, tag="text", frozen=True):
    """Plain text."""


class JsonObjectFormat(Struct, tag="json_object", frozen=True):
    """Any JSON object."""


class JsonSchemaFormat(Struct, tag="json_schema", kw_only=True, frozen=True):
    """JSON that is valid for `schema`."""

    name: str
    schema: JSON = None
    description: str | None = None
    strict: bool | None = None


Format = TextFormat | JsonObjectFormat | JsonSchemaFormat


class Text(Struct, kw_only=True, frozen=True):
    """How the text of the answer is to look."""

    format: Format = TextFormat()
    verbosity: str | UnsetType = UNSET


class ReasoningOptions(Struct, kw_only=True, frozen=True):
    """How much the model is to think, and what of it is told."""

    effort: Effort | None = None
    summary: str | None = None


class ContextRule(Struct, kw_only=True, frozen=True):
    """When what came before is compacted: from `compact_threshold` tokens of prompt on (None: what fits the model)."""

    type: Literal["compaction"]
    compact_threshold: int | None = None


class Request(Struct, kw_only=True):
    """A legal request after defaulting. Fields are those of protocol §2.

    `None` in a sampling field means that the client asked for nothing.
    `ignored` names what was asked and will not be done (`x-ignored-parameters`), `passed` the servers that the call
    came through (`core.servers`). `settled` names the settings that the request gives itself, so that none of them is
    taken from what came before (`core.configuration`). `asked` is what the client's contract wants kept as it was
    given, since the canonical form has no place for it, by its path. `beyond` is what only some models know, by its
    path too: a model that does not names it (`Model.check`). `compacts` has the run compact what came before and say
    nothing else: as the one item, or as the window that `POST /responses/compact` gives. Without `generate` the model
    only reads, and what goes on from there is answered sooner.
    """

    model: str
    input: list[AnyItem] = []
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: str | None = None
    store: bool = True
    background: bool = False
    stream: bool = False
    generate: bool = True
    include_obfuscation: bool = False
    include: list[str] = []
    tools: list[AnyTool] = []
    tool_choice: AnyToolChoice = "auto"
    parallel_tool_calls: bool = True
    max_tool_calls: int | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    top_logprobs: int = 0
    reasoning: ReasoningOptions = ReasoningOptions()
    text: Text = Text()
    truncation: Truncation = "disabled"
    context_management: list[ContextRule] = []
    metadata: JSON = {}
    service_tier: str | None = None
    user: str | UnsetType = UNSET
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt: JSON | UnsetType = UNSET
    ignored: list[str] = []
    passed: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    beyond: dict[str, JSON] = {}
    asked: JSON | UnsetType = UNSET
    compacts: Literal["item", "window"] | None = None


def check_together(request: Request) -> None:
    """See that no two fields of a request contradict each other. Raises `Problem` 400 (protocol §8.1, §8.2)."""
    if request.previous_response_id is not None and request.conversation is not None:
        message = "'previous_response_id' and 'conversation' both say what came before. Give one of them."
        raise Problem(400, "invalid_value", message, param="previous_response_id")
    if request.background and not request.store:
        message = "A background response is read later, so that it has to be kept: 'store' must not be false."
        raise Problem(400, "unsupported_value", message, param="store")
