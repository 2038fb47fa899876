"""Items and their parts: what a conversation is made of (protocol §2.1, §4).

Knows nothing of requests, of storage, or of who sent an item.

A struct stands for each kind that the server acts on; every other kind of the
standard is `Passed`: carried through untouched. Optional keys are `UNSET`, never
null, because several clients refuse a null there (compliance notes).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType

JSON: TypeAlias = Any
"""An opaque JSON value: carried, encoded, never looked into."""

ItemStatus = Literal["in_progress", "completed", "incomplete", "failed"]
Role = Literal["user", "assistant", "system", "developer"]


class TopLogprob(Struct, gc=False):
    """One alternative of a token, with its natural-log probability."""

    token: str
    logprob: float
    bytes: list[int]


class Logprob(Struct):
    """A token that was chosen, with the likeliest alternatives."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[TopLogprob] = []


class InputText(Struct, tag="input_text"):
    """Text from whoever asks."""

    text: str


class InputImage(Struct, tag="input_image"):
    """A picture, by address (https or data URL) or by the id of a file."""

    image_url: str | UnsetType = UNSET
    file_id: str | UnsetType = UNSET
    detail: str = "auto"


class InputFile(Struct, tag="input_file"):
    """A file: its data (base64 or data URL), its address, or its id."""

    filename: str | UnsetType = UNSET
    file_data: str | UnsetType = UNSET
    file_url: str | UnsetType = UNSET
    file_id: str | UnsetType = UNSET


class OutputText(Struct, tag="output_text"):
    """Text that the model wrote."""

    text: str = ""
    annotations: list[JSON] = []
    logprobs: list[Logprob] = []


class Refusal(Struct, tag="refusal"):
    """The model's words for why it will not answer."""

    refusal: str = ""


class ReasoningText(Struct, tag="reasoning_text"):
    """A raw piece of the model's thought."""

    text: str = ""


class SummaryText(Struct, tag="summary_text"):
    """A readable summary of the model's thought."""

    text: str = ""


Part = InputText | InputImage | InputFile | OutputText | Refusal | ReasoningText | SummaryText


class Message(Struct, tag="message", kw_only=True):
    """What somebody said."""

    id: str | UnsetType = UNSET
    status: ItemStatus = "completed"
    role: Role
    content: list[Part] = []
    phase: str | UnsetType = UNSET


class FunctionCall(Struct, tag="function_call", kw_only=True):
    """The model asks for a function. `arguments` is JSON text."""

    id: str | UnsetType = UNSET
    call_id: str
    name: str
    arguments: str = ""
    status: ItemStatus = "completed"
    namespace: str | UnsetType = UNSET


class FunctionCallOutput(Struct, tag="function_call_output", kw_only=True):
    """What a function gave back."""

    id: str | UnsetType = UNSET
    call_id: str
    output: str | list[Part]
    status: ItemStatus = "completed"


class CustomToolCall(Struct, tag="custom_tool_call", kw_only=True):
    """The model asks for a free-form tool. `input` is plain text."""

    id: str | UnsetType = UNSET
    call_id: str
    name: str
    input: str = ""
    status: ItemStatus = "completed"
    namespace: str | UnsetType = UNSET


class CustomToolCallOutput(Struct, tag="custom_tool_call_output", kw_only=True):
    """What a free-form tool gave back."""

    id: str | UnsetType = UNSET
    call_id: str
    output: str | list[Part]


class Reasoning(Struct, tag="reasoning", kw_only=True):
    """The model's thought: raw (`content`), told (`summary`) or sealed (`encrypted_content`)."""

    id: str | UnsetType = UNSET
    status: ItemStatus = "completed"
    summary: list[SummaryText] = []
    content: list[ReasoningText] | UnsetType = UNSET
    encrypted_content: str | UnsetType = UNSET


class ItemReference(Struct, tag="item_reference", kw_only=True):
    """Stands for a stored item of the same project."""

    id: str


class Compaction(Struct, tag="compaction", kw_only=True):
    """A sealed summary of everything before it."""

    id: str | UnsetType = UNSET
    encrypted_content: str


class Passed:
    """An item of the standard that the server only carries: its kind and its whole JSON."""

    __slots__ = ("type", "value")

    def __init__(self, value: dict[str, JSON]) -> None:
        self.type: str = value["type"]
        self.value = value

    @property
    def id(self) -> str | UnsetType:
        """The outward id, where the item has one."""
        found = self.value.get("id", UNSET)
        return found if isinstance(found, str) else UNSET

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Passed) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.type)

    def __repr__(self) -> str:
        return f"Passed({self.value!r})"


Known = (
    Message
    | FunctionCall
    | FunctionCallOutput
    | CustomToolCall
    | CustomToolCallOutput
    | Reasoning
    | ItemReference
    | Compaction
)
Item = Known | Passed

if TYPE_CHECKING:
    AnyItem: TypeAlias = Item
else:

    class OpenUnion(type):
        """The type of unions that msgspec can't tell apart alone: `wire` decodes them by a hook."""

        def __instancecheck__(cls, value: object) -> bool:
            return True

    class AnyItem(metaclass=OpenUnion):
        """`Item` as msgspec sees it: a union with `Passed` is beyond it."""


KNOWN_TYPES = frozenset(
    {
        "message",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "reasoning",
        "item_reference",
        "compaction",
    }
)

PASSED_TYPES = frozenset(
    {
        "additional_tools",
        "apply_patch_call",
        "apply_patch_call_output",
        "code_interpreter_call",
        "compaction_trigger",
        "computer_call",
        "computer_call_output",
        "configuration_update",
        "file_search_call",
        "image_generation_call",
        "local_shell_call",
        "local_shell_call_output",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
        "mcp_list_tools",
        "program",
        "program_output",
        "shell_call",
        "shell_call_output",
        "tool_search_call",
        "tool_search_output",
        "web_search_call",
    }
)
"""Kinds of protocol §2.1 that are carried through; the struct comes when the server acts on one."""

_CLIENT_CALLS = frozenset({"shell_call", "local_shell_call", "apply_patch_call", "tool_search_call"})
"""Kinds of calls that the client answers, beside those of functions and custom tools."""

ID_PREFIX = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
    "compaction": "cmp",
    "code_interpreter_call": "ci",
    "file_search_call": "fs",
    "image_generation_call": "ig",
    "mcp_approval_request": "mcpr",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "web_search_call": "ws",
}
"""The prefix of the id that the server gives an item of a kind (protocol §4); others use `item`."""


def item_type(item: Item) -> str:
    """The `type` of an item, as it stands on the wire."""
    if isinstance(item, Passed):
        return item.type
    tag = item.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def identified(item: Item, new_id: Callable[[str], str]) -> Item:
    """The same item with an id, and a call that the client is to answer with a call's id, where it has none.

    `new_id` gives one for a prefix.
    """
    if not isinstance(item.id, str):
        new = {"id": new_id(ID_PREFIX.get(item_type(item), "item"))}
        item = Passed(item.value | new) if isinstance(item, Passed) else msgspec.structs.replace(item, **new)
    if isinstance(item, Passed) and item.type in _CLIENT_CALLS and "call_id" not in item.value:
        item = Passed(item.value | {"call_id": new_id("call")})
    return item


def item_from_json(value: dict[str, JSON]) -> Item:
    """Build an item from its JSON object.

    A missing `type` means a message (protocol §2.1). Of a kind that has a struct, keys with
    null and keys that the struct does not know are dropped (clients §3, §5); any other is
    carried as it is. Raises `msgspec.ValidationError` where the object does not have the
    kind's shape, and for a kind that the standard does not have.
    """
    if not isinstance(value, dict):
        raise msgspec.ValidationError(f"Expected `object`, got `{type(value).__name__}`")
    kind = value.get("type")
    if isinstance(kind, str) and (kind in PASSED_TYPES or ":" in kind):
        return Passed(value)
    value = _without_nulls(value)
    kind = value.setdefault("type", "message")
    if isinstance(kind, str) and kind in KNOWN_TYPES:
        return msgspec.convert(value, _KIND[kind])
    raise msgspec.ValidationError(f"Unknown item type {kind!r} - at `$.type`")


# msgspec builds its idea of a union anew at every `convert`, 8 µs; of a struct only once.
_KIND: dict[str, type[Known]] = {
    "message": Message,
    "function_call": FunctionCall,
    "function_call_output": FunctionCallOutput,
    "custom_tool_call": CustomToolCall,
    "custom_tool_call_output": CustomToolCallOutput,
    "reasoning": Reasoning,
    "item_reference": ItemReference,
    "compaction": Compaction,
}


def _without_nulls(value: dict[str, JSON]) -> dict[str, JSON]:
    found = {key: entry for key, entry in value.items() if entry is not None}
    content = found.get("content")
    if found.get("type", "message") == "message" and isinstance(content, str):
        kind = "output_text" if found.get("role") == "assistant" else "input_text"
        found["content"] = [{"type": kind, "text": content}]
        return found
    for key in ("content", "summary", "output"):
        parts = found.get(key)
        if isinstance(parts, list):
            found[key] = [_part_without_nulls(part) for part in parts]
    return found


def _part_without_nulls(part: JSON) -> JSON:
    if isinstance(part, dict):
        return {key: entry for key, entry in part.items() if entry is not None}
    return part
