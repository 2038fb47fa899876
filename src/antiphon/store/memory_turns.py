"""Turns in memory: items, and the chains that reach them.

Knows nothing of responses or conversations. Whatever nothing reaches any more is freed by
Python itself: a turn points to what came before it, and the index of ids points weakly.
"""

import weakref
from collections.abc import Iterator, Sequence

from antiphon.core.items import Item
from antiphon.core.wire import pack, unpack_item
from antiphon.store.rules import outward


class Kept:
    """An item that is kept once, however many turns hold it. Its JSON is a value of its own."""

    __slots__ = ("__weakref__", "id", "json")

    def __init__(self, id: str, json: bytes) -> None:
        self.id = id
        self.json = json

    def item(self) -> Item:
        """The item, a new one each time."""
        return unpack_item(self.json)


class Turn:
    """One response's items, and what it was made from: another turn, or what a conversation held then."""

    __slots__ = ("before", "inputs", "outputs")

    def __init__(self, before: "Turn | Sequence[Kept]", inputs: list[Kept]) -> None:
        self.before = before
        self.inputs = inputs
        self.outputs: list[Kept] = []

    def inherited(self) -> list[Kept]:
        """Everything before this turn's own input, oldest first."""
        chain: list[list[Kept]] = []
        before = self.before
        while isinstance(before, Turn):
            chain += [before.outputs, before.inputs]
            before = before.before
        return [*before, *(kept for part in reversed(chain) for kept in part)]

    def newest_first(self) -> Iterator[Kept]:
        """Everything up to and including this turn, newest first."""
        yield from reversed([*self.inherited(), *self.inputs, *self.outputs])


class Items:
    """The kept items by their outward ids, each id's newest last; it keeps none of them itself."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], list[weakref.ref[Kept]]] = {}

    def newest(self, project: str, id: str) -> Kept | None:
        """The newest item of that id that something still reaches."""
        known = self._known.get((project, id))
        return known[-1]() if known else None

    def of(self, project: str) -> list[Kept]:
        """Every item of a project that something reaches."""
        known = [ones for (owner, _), ones in self._known.items() if owner == project]
        return [kept for ones in known for one in ones if (kept := one()) is not None]

    def keep(self, project: str, items: Sequence[Item]) -> list[Kept]:
        """Items as they are kept: the known one where id and content equal the newest of that id."""
        return [self._keep(project, outward(item), pack(item)) for item in items]

    def _keep(self, project: str, id: str, json: bytes) -> Kept:
        newest = self.newest(project, id)
        if newest is not None and newest.json == json:
            return newest
        kept, key = Kept(id, json), (project, id)
        self._known.setdefault(key, []).append(weakref.ref(kept, lambda gone: self._forget(key, gone)))
        return kept

    def _forget(self, key: tuple[str, str], gone: "weakref.ref[Kept]") -> None:
        known = self._known[key]
        known.remove(gone)
        if not known:
            del self._known[key]
