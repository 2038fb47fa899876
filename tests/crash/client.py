"""One client of a server that is killed: what it asked, and all that it ever read of the answer.

Knows nothing of what should come; `verdict` judges.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

POLL = 0.05
"""Seconds between two looks at a response."""
ENDED = frozenset({"completed", "incomplete", "failed", "cancelled"})

GONE = (aiohttp.ClientError, ConnectionError, asyncio.TimeoutError)
"""What a client meets when its server is killed."""


@dataclass
class Asked:
    """A request and what was read of it.

    expected
        the texts of its output items in order, by their type; None where nobody can know them.
    raw
        all bytes of its streams: a broken one is resumed after the last whole event, so that
        they stand one after the other.
    answer
        the whole JSON of an answer that was not streamed.
    seen
        the finished items of the last snapshot that was polled; `over` where it was the last of all.
    """

    body: dict[str, Any]
    expected: list[tuple[str, str]] | None = None
    key: str | None = None
    follows: bool = False
    name: str | None = None
    raw: bytes = b""
    answer: dict[str, Any] | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    over: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def background(self) -> bool:
        return self.body.get("background") is True

    @property
    def streamed(self) -> bool:
        return self.body.get("stream") is True

    @property
    def reads(self) -> bool:
        """Whether somebody reads its events."""
        return self.streamed or self.follows

    @property
    def events(self) -> list[bytes]:
        """The whole frames that were read; `[DONE]` is one of them."""
        return frames(self.raw)

    @property
    def done(self) -> bool:
        """Whether the client knows how it ended."""
        if self.reads:
            return self.raw.endswith(b"data: [DONE]\n\n")
        return self.over or self.answer is not None

    def cut(self) -> None:
        """Forget the frame in whose middle the connection broke, as a client does."""
        self.raw = b"".join(frame + b"\n\n" for frame in self.events)


def frames(raw: bytes) -> list[bytes]:
    """The whole frames of a stream, without comments."""
    return [frame for frame in raw.split(b"\n\n")[:-1] if not frame.startswith(b":")]


class Client:
    """Asks one server, until it is killed."""

    def __init__(self, url: str) -> None:
        self._url = url + "/responses"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=120)
        )

    async def close(self) -> None:
        await self._session.close()

    async def create(self, asked: Asked) -> None:
        """Send the request and read its answer, as far as it comes."""
        headers = {"Idempotency-Key": asked.key} if asked.key else {}
        try:
            async with self._session.post(self._url, json=asked.body, headers=headers) as answer:
                if answer.status != 200:
                    asked.faults.append(f"the create gave {answer.status}: {(await answer.text())[:200]}")
                elif asked.streamed:
                    await self._read(asked, answer)
                else:
                    await self._take(asked, answer)
        except GONE:
            asked.cut()
            return
        if asked.background and not asked.streamed and asked.name is not None:
            await (self.follow(asked) if asked.follows else self.watch(asked))

    async def follow(self, asked: Asked) -> None:
        """Read its events from after the last that is known."""
        known = len(asked.events)
        query = {"stream": "true"} | ({"starting_after": str(known - 1)} if known else {})
        try:
            async with self._session.get(f"{self._url}/{asked.name}", params=query) as answer:
                if answer.status != 200:
                    asked.faults.append(f"the resumption gave {answer.status}: {(await answer.text())[:200]}")
                    return
                await self._read(asked, answer)
        except GONE:
            asked.cut()

    async def watch(self, asked: Asked) -> None:
        """Poll it to its end, and keep what the last snapshot showed as finished."""
        try:
            while True:
                status, response = await self.get(asked)
                if status != 200:
                    asked.faults.append(f"a poll gave {status}")
                    return
                asked.seen = response["output"]
                asked.over = response["status"] in ENDED
                if asked.over:
                    return
                await asyncio.sleep(POLL)
        except GONE:
            return

    async def get(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        """Its snapshot now."""
        async with self._session.get(f"{self._url}/{asked.name}") as answer:
            return answer.status, await answer.json()

    async def replay(self, asked: Asked, after: int | None = None) -> bytes:
        """All bytes of its stream, from the start or after an event."""
        query = {"stream": "true"} | ({} if after is None else {"starting_after": str(after)})
        async with self._session.get(f"{self._url}/{asked.name}", params=query) as answer:
            return await answer.read()

    async def again(self, asked: Asked) -> tuple[int, bool, bytes]:
        """The same request under the same key: status, whether it was replayed, the body."""
        headers = {"Idempotency-Key": asked.key or ""}
        async with self._session.post(self._url, json=asked.body, headers=headers) as answer:
            return answer.status, "Idempotency-Replayed" in answer.headers, await answer.read()

    async def _read(self, asked: Asked, answer: aiohttp.ClientResponse) -> None:
        async for piece in answer.content.iter_any():
            asked.raw += piece
            if asked.name is None and (read := asked.events):
                asked.name = json.loads(read[0].split(b"data: ", 1)[1])["response"]["id"]

    async def _take(self, asked: Asked, answer: aiohttp.ClientResponse) -> None:
        response = await answer.json()
        asked.name = response["id"]
        if not asked.background:
            asked.answer = response
