"""Telling: how a response, its items and its events go out under a contract.

Knows nothing of any service by name: the law says which steps are taken. What a step does not touch keeps its
canonical bytes.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from antiphon.contract.answers import ResponseStep, kept_only, told_as
from antiphon.contract.codecs import ITEMS, RESPONSES
from antiphon.contract.law import Law
from antiphon.contract.outputs import EVENT_STEPS
from antiphon.core import events as e
from antiphon.core.events import Event, event_kinds
from antiphon.core.items import JSON, Item
from antiphon.core.response import Response, Timing
from antiphon.core.wire import encode, pack

NO_TIMING = Timing()

_WITH_RESPONSE: frozenset[type[Event]] = frozenset(
    {
        e.ResponseCreated,
        e.ResponseQueued,
        e.ResponseInProgress,
        e.ResponseCompleted,
        e.ResponseIncomplete,
        e.ResponseFailed,
    }
)
_WITH_ITEM: frozenset[type[Event]] = frozenset({e.OutputItemAdded, e.OutputItemDone})

_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


class Teller:
    """A law, compiled for what goes out. Safe to share between threads.

    touched
        the kinds of events that are not told in their canonical bytes; of the others nobody need ask.
    """

    __slots__ = ("_dropped", "_events", "_items", "_names", "_plain", "_responses", "touched")

    def __init__(self, law: Law) -> None:
        codecs = law.codecs
        self._items = tuple(ITEMS[name] for name in codecs.items)
        steps: list[ResponseStep] = [RESPONSES[name] for name in codecs.response]
        if law.values:
            steps.append(told_as(law.values))
        self._plain = not (steps or self._items or law.keep)
        self._responses = () if self._plain else (*steps, kept_only(law.keep))
        named = event_kinds()
        self._names = {named[name]: told for name, told in law.events.renamed.items()}
        self._dropped = frozenset(named[name] for name in law.events.dropped)
        self._events = {kind: step for one in self._items for kind, step in EVENT_STEPS.get(one, {}).items()}
        self.touched = frozenset(self._names) | self._dropped | frozenset(self._events)
        if not self._plain:
            self.touched |= _WITH_RESPONSE
        if self._items:
            self.touched |= _WITH_ITEM

    def response(self, response: Response, timing: Timing) -> bytes:
        """The JSON of a response."""
        return encode(response if self._plain else self._told(_decode(pack(response)), timing))

    def items(self, items: list[Item]) -> JSON:
        """Items, to be encoded with what lists them."""
        return [self._changed(_decode(pack(item))) for item in items] if self._items else items

    def event(self, event: Event, timing: Timing) -> tuple[str, bytes] | None:
        """The name and the JSON of an event that is `touched`; None where it is not told."""
        kind = type(event)
        if kind in self._dropped:
            return None
        told: dict[str, Any] = _decode(pack(event))
        if kind in _WITH_RESPONSE:
            told["response"] = self._told(told["response"], timing)
        elif kind in _WITH_ITEM:
            told["item"] = self._changed(told["item"])
        elif kind in self._events and not self._events[kind](told):
            return None
        told["type"] = self._names.get(kind, told["type"])
        return told["type"], encode(told)

    def _told(self, response: dict[str, Any], timing: Timing) -> dict[str, Any]:
        for step in self._responses:
            step(response, timing)
        for item in response.get("output", ()):
            self._changed(item)
        return response

    def _changed(self, item: dict[str, Any]) -> dict[str, Any]:
        for step in self._items:
            step(item)
        return item
