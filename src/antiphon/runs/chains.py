"""Chains: responses that only one connection knows, for those that go on from them (protocol §7).

Knows nothing of connections, nor of the store: what is kept there is not kept here.
"""

from collections import OrderedDict

from msgspec import Struct

from antiphon.core.items import Item
from antiphon.core.response import Response
from antiphon.core.wire import pack
from antiphon.runs.run import Run

MOST = 16
"""How many responses a connection may go on from."""


class Chain(Struct, frozen=True):
    """All that was said up to the end of a response, and its size in bytes, nearly."""

    items: list[Item]
    size: int


class Chains:
    """The latest responses of a connection, as long as all of them together have at most `largest` bytes."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._known: OrderedDict[str, Chain] = OrderedDict()
        self._size = 0

    def before(self, response_id: str | None) -> list[Item] | None:
        """What stands before the input of a response that goes on from that one; None where it is not known here."""
        chain = self._known.get(response_id or "")
        return None if chain is None else chain.items

    def keep(self, run: Run, response: Response, size: int) -> None:
        """Know a response that was not stored; `size` is how many bytes its input and its output add."""
        parent = self._known.get(run.request.previous_response_id or "")
        before = len(pack(run.before)) if parent is None else parent.size
        chain = Chain([*run.before, *run.request.input, *response.output], before + size)
        self._known[run.id] = chain
        self._size += chain.size
        while len(self._known) > MOST or self._size > self._largest:
            self._forget(next(iter(self._known)))

    def forget(self, response_id: str | None) -> None:
        """Know a response no more, if it was known at all: a turn that went on from it has failed."""
        if response_id is not None and response_id in self._known:
            self._forget(response_id)

    def _forget(self, response_id: str) -> None:
        self._size -= self._known.pop(response_id).size
