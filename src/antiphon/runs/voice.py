"""The voice of a run: what the model says, on its way to the emitter.

Knows nothing of how a model was asked. Calls become the items of the tools that were offered,
and behind each thought comes its sealed form where there is to be one.
"""

from collections.abc import Iterable, Sequence

from antiphon.core.calls import Translator
from antiphon.core.deltas import Delta
from antiphon.core.offers import Offer
from antiphon.core.reasoning import Sealing


class Voice:
    """Serves one turn. `most` bounds the calls."""

    def __init__(self, offers: Sequence[Offer], most: int | None, sealing: Sealing) -> None:
        self._translator = Translator(offers, most) if offers else None
        self._sealing = sealing

    def feed(self, deltas: Iterable[Delta]) -> Iterable[Delta]:
        """The deltas to emit for some that the model spoke."""
        if self._translator is not None:
            deltas = self._translator.feed(deltas)
        return self._sealing.feed(deltas)

    def finish(self) -> list[Delta]:
        """What is left when the model has said all that it wanted."""
        found = self._translator.finish() if self._translator is not None else []
        return [*self._sealing.feed(found), *self._sealing.finish()]
