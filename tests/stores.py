"""A store whose commits can be held back or made to fail.

Knows nothing of who writes. What is kept is kept by the store in memory.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from antiphon.core.ports import Chunk, Opening
from antiphon.core.problems import Problem
from antiphon.core.response import Response
from antiphon.store.memory import MemoryStore

Write = Callable[[], Awaitable[None]]


def full() -> Problem:
    """What a store says that has no room."""
    return Problem(503, "store_unavailable", "The disk is full.", retry_after=1)


class ReinedStore(MemoryStore):
    """`hold` keeps writes waiting until `commit`; the kinds of write in `failing` fail. `wrote` counts what came."""

    def __init__(self) -> None:
        super().__init__()
        self.holding = False
        self.failing: set[str] = set()
        self.wrote: list[str] = []
        self._waiting: deque[tuple[asyncio.Future[None], Write]] = deque()

    @property
    def waiting(self) -> int:
        """How many writes wait."""
        return len(self._waiting)

    def hold(self) -> None:
        """From now on nothing is committed."""
        self.holding = True

    async def commit(self, count: int | None = None) -> None:
        """Commit the oldest `count` writes that wait; all of them without it, and hold no more."""
        if count is None:
            self.holding = False
        while self._waiting and count != 0:
            future, write = self._waiting.popleft()
            try:
                await write()
                future.set_result(None)
            except Exception as fault:  # noqa: BLE001  it is handed on to whoever wrote
                future.set_exception(fault)
            count = None if count is None else count - 1

    def open(self, opening: Opening) -> Awaitable[None]:
        return self._write("open", lambda: super(ReinedStore, self).open(opening))

    def append(self, project: str, response_id: str, epoch: int, chunk: Chunk) -> Awaitable[None]:
        return self._write("append", lambda: super(ReinedStore, self).append(project, response_id, epoch, chunk))

    def close(self, project: str, epoch: int, response: Response, chunk: Chunk | None) -> Awaitable[None]:
        return self._write("close", lambda: super(ReinedStore, self).close(project, epoch, response, chunk))

    def _write(self, kind: str, write: Write) -> Awaitable[None]:
        self.wrote.append(kind)
        if not (self.holding or kind in self.failing):
            return write()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if kind in self.failing:
            future.set_exception(full())
        else:
            self._waiting.append((future, write))
        return future
