"""An upstream of a test's own making: a real HTTP server whose answers are given in the test.

Knows nothing of what the answers mean.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from antiphon.models.upstream import Kind, Upstream

Answering = Callable[[web.Request, Any], Awaitable[web.StreamResponse]]


class Stand:
    """A server that runs. `asked` is (path, body) of every request; `left` counts the clients that hung up."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, Any]] = []
        self.keys: list[str | None] = []
        self.servers: list[str | None] = []
        self.left = 0
        self.runner: web.AppRunner | None = None

    def upstream(self, name: str = "up", kind: Kind = "responses", **fields: Any) -> Upstream:
        return Upstream(name=name, url=self.url, kind=kind, **fields)

    async def stop(self) -> None:
        """Be killed: connections break, and there is nobody any more."""
        if self.runner is not None:
            runner, self.runner = self.runner, None
            await runner.cleanup()


@asynccontextmanager
async def standing(answering: Answering, port: int = 0) -> AsyncIterator[Stand]:
    """An upstream under `/v1` that answers so."""
    stand = Stand("")

    async def answer(request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw) if raw else None
        stand.asked.append((request.path.removeprefix("/v1/"), body))
        stand.keys.append(request.headers.get("authorization"))
        stand.servers.append(request.headers.get("x-antiphon-servers"))
        try:
            return await answering(request, body)
        except (asyncio.CancelledError, ConnectionError):
            stand.left += 1
            raise

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    stand.runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
    await stand.runner.setup()
    site = web.TCPSite(stand.runner, "127.0.0.1", port)
    await site.start()
    stand.url = f"http://127.0.0.1:{stand.runner.addresses[0][1]}/v1"
    try:
        yield stand
    finally:
        await stand.stop()


def event(kind: str, **members: Any) -> bytes:
    """A frame of a stream."""
    data = json.dumps({"type": kind} | members)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def said(text: str) -> bytes:
    return event("response.output_text.delta", delta=text)


END = event("response.completed", response={"status": "completed", "usage": {"input_tokens": 1, "output_tokens": 1}})


def streaming(*pieces: bytes | float, content_type: str = "text/event-stream") -> Answering:
    """Answers with these pieces, each in a write of its own; a number waits so many seconds."""

    async def answer(request: web.Request, _: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": content_type})
        await response.prepare(request)
        for piece in pieces:
            if isinstance(piece, bytes):
                await response.write(piece)
            else:
                await asyncio.sleep(piece)
        return response

    return answer


def refusing(status: int, message: str = "no", **headers: str) -> Answering:
    """Answers with an error."""

    async def answer(_: web.Request, __: Any) -> web.StreamResponse:
        return web.json_response({"error": {"message": message, "code": None}}, status=status, headers=headers)

    return answer


def in_turn(*answers: Answering) -> Answering:
    """Answers with the first, then the second, and on with the last."""
    left = list(answers)

    async def answer(request: web.Request, body: Any) -> web.StreamResponse:
        chosen = left.pop(0) if len(left) > 1 else left[0]
        return await chosen(request, body)

    return answer


def by_path(**answers: Answering) -> Answering:
    """Answers by the last word of the path; 404 for any other."""

    async def answer(request: web.Request, body: Any) -> web.StreamResponse:
        chosen = answers.get(request.path.rpartition("/")[2], refusing(404))
        return await chosen(request, body)

    return answer


def listing(*names: str, headers: Mapping[str, str] | None = None, **members: Any) -> Answering:
    """Answers with a list of models."""

    async def answer(_: web.Request, __: Any) -> web.StreamResponse:
        data = [{"id": name} | members for name in names]
        return web.json_response({"object": "list", "data": data}, headers=headers)

    return answer
