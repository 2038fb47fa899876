"""Lanes: which of the turns that wait on a connection may begin (protocol §7).

Knows nothing of sockets or of what a turn is. Pure: it decides, and whoever asks acts.
"""

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Waiting(NamedTuple, Generic[T]):
    """What waits, in which lane, and its size in bytes. `None` is the lane of those that name none."""

    entry: T
    lane: str | None
    size: int


class Lanes(Generic[T]):
    """First come, first served within a lane; a lane has one in flight, and all lanes together `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy: set[str | None] = set()
        self._waiting: OrderedDict[int, Waiting[T]] = OrderedDict()
        self._count = 0
        self._size = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def size(self) -> int:
        """The bytes of those that wait."""
        return self._size

    def offer(self, entry: T, lane: str | None, size: int) -> None:
        """Let something wait."""
        self._count += 1
        self._waiting[self._count] = Waiting(entry, lane, size)
        self._size += size

    def take(self) -> Waiting[T] | None:
        """What may begin now, whose lane is busy from now on; None where nothing may."""
        if len(self._busy) >= self._most:
            return None
        place = next((n for n, one in self._waiting.items() if one.lane not in self._busy), None)
        if place is None:
            return None
        found = self._waiting.pop(place)
        self._size -= found.size
        self._busy.add(found.lane)
        return found

    def free(self, lane: str | None) -> None:
        """What was in flight in a lane has ended."""
        self._busy.discard(lane)
