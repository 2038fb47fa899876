"""Calls: what a model calls by a flat name, given back as the items of the tools that were offered.

Knows nothing of how the model was told of its tools. A model speaks `CallBegun` with an offer's
name and `CallDelta` with JSON text, whatever the tool; here that becomes a function call in its
namespace, a custom tool's plain input, or an item of its own kind. The other way round,
`as_function` tells a model of calls that stand in the history.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from antiphon.core import deltas as d
from antiphon.core.items import (
    JSON,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Passed,
)
from antiphon.core.json_text import StringReader
from antiphon.core.offers import Offer, flat


class AsFunction(Struct, frozen=True):
    """A call as a model knows it: a flat name, and arguments as JSON text."""

    call_id: str
    name: str
    arguments: str


class AsOutput(Struct, frozen=True):
    """What a call gave, as text or parts."""

    call_id: str
    output: JSON


class Translator:
    """Turns the model's deltas into the client's. One serves one turn.

    `most` bounds the calls of the turn (`parallel_tool_calls:false` means one); further ones are dropped.
    """

    def __init__(self, offered: Iterable[Offer], most: int | None = None) -> None:
        self._offers = {offer.name: offer for offer in offered}
        self._left = most
        self._dropping = False
        self._open: Offer | None = None
        self._call_id: str | UnsetType = UNSET
        self._pieces: list[str] = []
        self._reader: StringReader | None = None

    def feed(self, deltas: Iterable[d.Delta]) -> list[d.Delta]:
        """The deltas to emit for some that the model spoke."""
        found: list[d.Delta] = []
        for delta in deltas:
            if isinstance(delta, d.CallDelta | d.CustomDelta) and self._dropping:
                continue
            if isinstance(delta, d.CallDelta) and self._open is not None:
                self._grow(delta.text, found)
                continue
            if isinstance(delta, d.UsageDelta):
                found.append(delta)
                continue
            if isinstance(delta, d.Stop) and delta.reason != "stop":
                self._open = self._reader = None  # cut: half a call of a kind of its own is none
            self._close(found)
            if isinstance(delta, d.CallBegun | d.CustomBegun) and self._dropped():
                continue
            if isinstance(delta, d.CallBegun) and delta.name in self._offers:
                self._begin(self._offers[delta.name], delta, found)
            else:
                found.append(delta)
        return found

    def finish(self) -> list[d.Delta]:
        """What is left when the model has ended."""
        found: list[d.Delta] = []
        self._close(found)
        return found

    def _dropped(self) -> bool:
        """Count a call that begins; whether it is one too many."""
        if self._left is None:
            return False
        self._dropping = self._left <= 0
        self._left -= 1
        return self._dropping

    def _begin(self, offer: Offer, delta: d.CallBegun, found: list[d.Delta]) -> None:
        if offer.kind == "function":
            found.append(d.CallBegun(offer.tool_name, delta.call_id, offer.namespace))
            return
        self._open, self._call_id, self._pieces = offer, delta.call_id, []
        if offer.kind == "custom":
            self._reader = StringReader("input")
            found.append(d.CustomBegun(offer.tool_name, delta.call_id, offer.namespace))

    def _grow(self, text: str, found: list[d.Delta]) -> None:
        if self._reader is None:
            self._pieces.append(text)
        elif piece := self._reader.feed(text):
            found.append(d.CustomDelta(piece))

    def _close(self, found: list[d.Delta]) -> None:
        offer, self._open = self._open, None
        if offer is None:
            return
        if self._reader is None:
            found.append(d.ItemDelta(own_item(offer, "".join(self._pieces), self._call_id)))
        self._reader = None


def own_item(offer: Offer, arguments: str, call_id: str | UnsetType) -> Passed:
    """The item of a client-run tool's own kind, from the arguments that the model gave."""
    try:
        given = msgspec.json.decode(arguments, type=dict[str, Any])
    except msgspec.DecodeError:
        given = {}
    value: dict[str, JSON] = {"type": f"{offer.kind}_call", "status": "completed"}
    if isinstance(call_id, str):
        value["call_id"] = call_id
    match offer.kind:
        case "shell":
            value["action"] = {"timeout_ms": None, "max_output_length": None, **given}
            value["environment"] = None
        case "local_shell":
            value["action"] = {"type": "exec", "env": {}, **given}
        case "apply_patch":
            value["operation"] = given
        case _:
            value["execution"] = "client"
            value["arguments"] = given
    return Passed(value)


_ASKED = {
    "shell_call": ("shell", "action"),
    "local_shell_call": ("local_shell", "action"),
    "apply_patch_call": ("apply_patch", "operation"),
    "tool_search_call": ("tool_search", "arguments"),
}
"""Calls of client-run kinds: the name under which they were offered, and where the arguments stand."""


def as_function(item: Item) -> AsFunction | AsOutput | None:
    """What a model is told of a call or an output that stands in the history; None for any other item."""
    match item:
        case FunctionCall():
            return AsFunction(item.call_id, flat(item.name, item.namespace), item.arguments)
        case CustomToolCall():
            return AsFunction(item.call_id, flat(item.name, item.namespace), _json({"input": item.input}))
        case FunctionCallOutput() | CustomToolCallOutput():
            return AsOutput(item.call_id, item.output)
        case Passed():
            return _passed_as_function(item)
        case _:
            return None


def _passed_as_function(item: Passed) -> AsFunction | AsOutput | None:
    if item.type in _ASKED:
        name, member = _ASKED[item.type]
        return AsFunction(_call_id(item), name, _json(item.value.get(member)))
    if item.type.endswith("_call_output") or item.type == "tool_search_output":
        return AsOutput(_call_id(item), _told(item.value))
    return None


def _call_id(item: Passed) -> str:
    return str(item.value.get("call_id") or item.value.get("id", ""))


def _told(value: dict[str, JSON]) -> JSON:
    output = value.get("output", value.get("tools", ""))
    return output if isinstance(output, str) else _json(output)


def _json(value: JSON) -> str:
    return msgspec.json.encode(value).decode()
