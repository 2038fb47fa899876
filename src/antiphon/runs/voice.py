"""The voice of a run: what the model says, on its way to the emitter.

Knows nothing of how a model was asked. Calls become the items of the tools that were offered,
and behind each thought comes its sealed form where the client asks for it.
"""

from collections.abc import Iterable, Sequence

from antiphon.core.calls import Translator
from antiphon.core.deltas import Delta
from antiphon.core.offers import Offer
from antiphon.core.reasoning import Seal, Sealing


class Voice:
    """Serves one turn. `seal` is None where thoughts are not to be sealed; `most` bounds the calls."""

    def __init__(self, offers: Sequence[Offer], most: int | None, seal: Seal | None) -> None:
        self._translator = Translator(offers, most) if offers else None
        self._sealing = Sealing(seal) if seal is not None else None

    def feed(self, deltas: Iterable[Delta]) -> Iterable[Delta]:
        """The deltas to emit for some that the model spoke."""
        if self._translator is not None:
            deltas = self._translator.feed(deltas)
        if self._sealing is not None:
            deltas = self._sealing.feed(deltas)
        return deltas

    def finish(self) -> list[Delta]:
        """What is left when the model has said all that it wanted."""
        found = self._translator.finish() if self._translator is not None else []
        if self._sealing is not None:
            found = [*self._sealing.feed(found), *self._sealing.finish()]
        return found
