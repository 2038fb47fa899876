"""The store in memory, for tests and `--ephemeral`: it forgets with the process, and before that the oldest.

Knows nothing of runs or of HTTP.
"""

from collections import OrderedDict

from antiphon.core.response import Response


class MemoryStore:
    """Keeps at most `capacity` responses; the one kept first goes first."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._responses: OrderedDict[tuple[str, str], Response] = OrderedDict()

    async def put(self, project: str, response: Response) -> None:
        """Keep a response."""
        self._responses[project, response.id] = response
        while len(self._responses) > self._capacity:
            self._responses.popitem(last=False)

    async def get(self, project: str, response_id: str) -> Response | None:
        """The response as it was kept last, or None."""
        return self._responses.get((project, response_id))
