"""Sockets: the WebSockets that are open, how long and how wide they may be, and how the server takes its leave.

Knows nothing of what is said over them.
"""

from collections.abc import Callable

from msgspec import Struct

from antiphon.core.problems import Problem


class Farewell(Struct, frozen=True):
    """Why the server ends a connection: the close code of RFC 6455 §7.4, and what is told before, if anything."""

    code: int
    problem: Problem | None = None


STOPPING = Farewell(1012)
"""The server stops: "service restart", on which clients connect again."""

End = Callable[[Farewell], None]
"""Ends a connection when what is in flight on it has ended."""


class Sockets:
    """`minutes` is how long a connection may last, `lanes` how many turns it may have in flight."""

    def __init__(self, minutes: float = 60, lanes: int = 1) -> None:
        self.minutes = minutes
        self.lanes = lanes
        self._open: set[End] = set()
        self._left = False

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def opened(self, end: End) -> None:
        """A connection has been opened."""
        self._open.add(end)
        if self._left:
            end(STOPPING)

    def closed(self, end: End) -> None:
        """It is closed."""
        self._open.discard(end)

    def leave(self) -> None:
        """End them all: no turn begins any more, and each closes when what it has in flight has ended."""
        self._left = True
        for end in list(self._open):
            end(STOPPING)

    def outlived(self) -> Farewell:
        """The end of a connection that has lasted as long as it may."""
        message = (
            f"This connection has reached its limit of {self.minutes:g} minutes. Connect again to go on; "
            "what was not answered has not been done."
        )
        return Farewell(1000, Problem(400, "websocket_connection_limit_reached", message))
