"""The store in memory, for tests and `--ephemeral`: it forgets with the process, and before that the oldest.

Knows nothing of runs or of HTTP.
"""

from collections import OrderedDict

from antiphon.core.ports import Chunk, Opening
from antiphon.core.response import Response


class MemoryStore:
    """Keeps at most `capacity` responses; the one kept first goes first."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._responses: OrderedDict[tuple[str, str], Response] = OrderedDict()

    async def open(self, opening: Opening) -> None:
        """Keep a response that begins."""
        self._responses[opening.project, opening.response.id] = opening.response
        while len(self._responses) > self._capacity:
            self._responses.popitem(last=False)

    async def close(self, project: str, epoch: int, response: Response, chunk: Chunk | None) -> None:
        """Keep the end."""
        self._responses[project, response.id] = response

    async def get(self, project: str, response_id: str) -> Response | None:
        """The response as it was kept last, or None."""
        return self._responses.get((project, response_id))
