"""Reads what the decoder writes, as it comes, and gives the deltas of it.

Knows nothing of the engine: it is told text, however that is cut, and whether it was cut off.

Everything is read along the very grammar that the decoder was given. Where the two differ the
engine did not enforce it, and the answer fails rather than pass as valid.
"""

from typing import Protocol

from msgspec import Struct

from antiphon.core import deltas as d
from antiphon.core.items import JSON, Logprob
from antiphon.core.offers import Offer
from antiphon.core.problems import Problem
from antiphon.models.llama_grammar import Plan, arguments
from antiphon.models.llama_schema import byte_tokens, valid


class Matcher(Protocol):
    """What of llguidance's matcher is used here."""

    def try_consume_tokens(self, tokens: list[int]) -> int:
        """How many of the bytes fit."""
        ...

    def is_accepting(self) -> bool:
        """Whether the text may end here."""
        ...


class _Naming(Struct):
    """In the line that names what follows; `further` where calls went before, so that nothing need follow."""

    line: str = ""
    further: bool = False


class _Replying(Struct):
    """In text for the user."""

    pieces: list[str] = []


class _Calling(Struct):
    """In the arguments of a call."""

    offer: Offer
    pieces: list[str] = []


class Speech:
    """Reads one answer. `begin`, then `feed` as often as text comes, then `finish`.

    Raises `Problem` 500 `model_error` for text that its grammar does not allow.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._matcher = None if plan.grammar is None else _matcher(plan.grammar)
        self._state: _Naming | _Replying | _Calling = _Replying() if plan.reply is None else _Naming()

    def begin(self) -> list[d.Delta]:
        """The deltas of the opening, which the decoder does not write."""
        return self._read(self._plan.opening, None)

    def feed(self, text: str, logprobs: list[Logprob] | None = None) -> list[d.Delta]:
        """The deltas of further text."""
        if self._matcher is not None:
            data = list(text.encode())
            if self._matcher.try_consume_tokens(data) != len(data):
                raise _broken("the decoder left its grammar")
        return self._read(text, logprobs)

    def finish(self, *, cut: bool) -> None:
        """The text is over; `cut` where a limit ended it. What is whole has to be valid."""
        if cut:
            return
        if self._matcher is not None and not self._matcher.is_accepting():
            raise _broken("the answer ended before its grammar did")
        self._check(self._state)

    def _read(self, text: str, logprobs: list[Logprob] | None) -> list[d.Delta]:
        found: list[d.Delta] = []
        while text:
            match self._state:
                case _Replying(pieces=pieces):
                    found.append(d.TextDelta(text, _of(text, logprobs)))
                    if self._plan.text is not None:
                        pieces.append(text)
                    return found
                case _Naming():
                    text = self._name(self._state, text, found)
                case _Calling():
                    text = self._argue(self._state, text, found)
        return found

    def _name(self, state: _Naming, text: str, found: list[d.Delta]) -> str:
        line, end, rest = text.partition("\n")
        state.line += line
        if not end:
            return ""
        if state.line == self._plan.reply:
            self._state = _Replying()
            return rest
        offer = self._plan.callable.get(state.line)
        if offer is None:
            raise _broken("the decoder called what was not offered")
        self._state = _Calling(offer)
        if offer.kind == "custom":
            found.append(d.CustomBegun(offer.tool_name, namespace=offer.namespace))
        else:
            found.append(d.CallBegun(offer.name))
        return rest

    def _argue(self, state: _Calling, text: str, found: list[d.Delta]) -> str:
        if state.offer.kind == "custom":
            found.append(d.CustomDelta(text))
            return ""
        given, end, rest = text.partition("\n")
        if given:
            state.pieces.append(given)
            found.append(d.CallDelta(given))
        if end:
            self._check(state)
            self._state = _Naming(further=True)
        return rest

    def _check(self, state: _Naming | _Replying | _Calling) -> None:
        """JSON that is whole has to be valid."""
        match state:
            case _Naming(line=line, further=further):
                if line or not further:
                    raise _broken("the answer ended before it named anything")
                return
            case _Calling(offer=Offer(kind="custom")):
                return
            case _Calling(offer=offer, pieces=pieces):
                schema: JSON = arguments(offer).schema
            case _Replying(pieces=pieces):
                schema = self._plan.text
        if schema is not None and not valid("".join(pieces), schema):
            raise _broken("the answer does not fit its schema")


def _matcher(grammar: str) -> Matcher:
    from llguidance import LLMatcher

    matcher: Matcher = LLMatcher(byte_tokens(), grammar, log_level=0)
    return matcher


def _of(text: str, logprobs: list[Logprob] | None) -> list[Logprob] | None:
    """Those of the tokens that `text`, the end of a piece, is made of."""
    if logprobs is None:
        return None
    kept: list[Logprob] = []
    length = 0
    for entry in reversed(logprobs):
        if length >= len(text):
            break
        kept.append(entry)
        length += len(entry.token)
    return kept[::-1]


def _broken(what: str) -> Problem:
    return Problem(500, "model_error", f"The model's answer can't be used: {what}.")
