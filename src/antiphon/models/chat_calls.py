"""The calls of a Chat Completions stream, put in order: pieces in, in every known habit; calls one after another out.

Knows nothing of what is said beside the calls.

The rules of this file:
- a piece belongs to the call of its id, else of its index, else to the last;
- a piece with a name where a call is whole already begins another, whatever its id and index say, unless it says the
  very same once more;
- the first call that is not over is told as it comes; pieces of later ones wait until it is whole JSON or all is over,
  so that calls whose pieces come interleaved are told one after another;
- an id that was used before, in this turn or in the history, is left to the emitter to replace;
- no arguments at all are an empty object.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import UNSET, Struct

from antiphon.core import deltas as d
from antiphon.core.items import JSON
from antiphon.core.offers import Offer
from antiphon.models.chat_chunk import Call


class _Heard(Struct):
    """What was heard of a call."""

    index: int | None
    id: str
    unique: bool
    custom: bool
    name: str = ""
    pieces: list[str] = []
    told: int = 0

    def text(self) -> str:
        """All of its arguments as yet."""
        return "".join(self.pieces)

    def whole(self) -> bool:
        """Whether nothing can follow."""
        return not self.custom and is_object(self.text())


class Nameless(Exception):
    """A call without a name."""


class CallOrder:
    """Puts the calls of one turn in order. `offered` are the tools by name, `taken` the ids of the history's calls.

    any
        whether anything was called.
    """

    def __init__(self, offered: Mapping[str, Offer], taken: Iterable[str]) -> None:
        self._offered = offered
        self._taken = set(taken)
        self._heard: list[_Heard] = []
        self._live = 0
        self.any = False

    @property
    def characters(self) -> int:
        """The length of all that was called, names included."""
        return sum(len(one.name) + sum(map(len, one.pieces)) for one in self._heard)

    def feed(self, call: Call, found: list[d.Delta]) -> None:
        """Hear a piece, and tell what can be told."""
        name, piece = _content(call)
        heard = self._of(call, name, piece)
        if heard is None:
            return
        if name and not heard.name:
            heard.name = name
        if piece:
            heard.pieces.append(piece)
        self._tell(found)

    def settle(self, found: list[d.Delta]) -> bool:
        """Bring all that was heard to its end, if every call is whole; says whether that is so."""
        if not all(one.whole() for one in self._heard[self._live :]):
            return False
        self.finish(found)
        return True

    def finish(self, found: list[d.Delta], *, cut: str = "") -> None:
        """Tell the rest of all calls. `cut` says why the last may not be whole. Raises `Nameless`."""
        while self._live < len(self._heard):
            one = self._heard[self._live]
            if not one.name:
                raise Nameless
            self._begin(one, found)
            if not one.pieces and not one.custom and not cut:
                found.append(d.CallDelta("{}"))
            self._live += 1

    def _of(self, call: Call, name: str, piece: str) -> _Heard | None:
        """The call that a piece belongs to, known or new; None for one that says what was said."""
        known = self._known(call, name)
        if known is None:
            return self._new(call)
        if name and piece and known.whole():
            repeated = known.name == name and known.text() == piece and (call.id or known.id) == known.id
            return None if repeated else self._new(call)
        if name and call.id and known.id not in ("", call.id) and known.name not in ("", name):
            return self._new(call)
        return known

    def _known(self, call: Call, name: str) -> _Heard | None:
        newest = self._heard[::-1]
        if call.id:
            for one in newest:
                if one.id == call.id and (call.index is None or one.index in (None, call.index)):
                    return one
        if call.index is not None:
            return next((one for one in newest if one.index == call.index), None)
        if not name:
            return newest[0] if newest else None
        begun = newest[0] if newest else None
        if begun is not None and not call.id and begun.name == name and begun.pieces:
            return begun
        return None

    def _new(self, call: Call) -> _Heard:
        told = call.id or ""
        one = _Heard(call.index, told, bool(told) and told not in self._taken, call.custom is not None)
        self._taken.add(told)
        self._heard.append(one)
        self.any = True
        return one

    def _tell(self, found: list[d.Delta]) -> None:
        while self._live < len(self._heard):
            one = self._heard[self._live]
            if not one.name:
                return
            self._begin(one, found)
            if self._live + 1 == len(self._heard) or not one.whole():
                return
            self._live += 1

    def _begin(self, one: _Heard, found: list[d.Delta]) -> None:
        """Tell what of a call was not told yet."""
        if one.told == 0:
            one.told = 1
            call_id = one.id if one.unique else UNSET
            offer = self._offered.get(one.name)
            if not one.custom:
                found.append(d.CallBegun(one.name, call_id))
            elif offer is None:
                found.append(d.CustomBegun(one.name, call_id))
            else:
                found.append(d.CustomBegun(offer.tool_name, call_id, offer.namespace))
        kind = d.CustomDelta if one.custom else d.CallDelta
        found += map(kind, one.pieces[one.told - 1 :])
        one.told = len(one.pieces) + 1


def is_object(text: str) -> bool:
    """Whether a text is a whole JSON object."""
    if not text.rstrip().endswith("}"):
        return False
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, RecursionError):
        return False


def _content(call: Call) -> tuple[str, str]:
    """Name and text of a piece, "" where it has none."""
    if call.custom is not None:
        return call.custom.name or "", call.custom.input or ""
    if call.function is None:
        return "", ""
    return call.function.name or "", _arguments(call.function.arguments)


def _arguments(value: JSON) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()
