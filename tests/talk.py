"""A WebSocket to the ASGI app, without sockets: what a client says, and what it hears.

Knows nothing of RFC 6455. A reader can leave, and can be slow.
"""

import asyncio
import json
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from tests.asgi import WAIT, Rooms
from tests.grammar import check_stream
from tests.openapi import check_socket_error

TERMINAL = ("response.completed", "response.incomplete", "response.failed", "error")


class Talk:
    """One connection. `status` is 101 once it is open; `slow` holds the server's writes back while it is cleared."""

    def __init__(self, rooms: Rooms, headers: Mapping[str, str] | None = None, base: str = "/v1") -> None:
        sent = {"host": "localhost"} | dict(headers or {})
        scope: MutableMapping[str, Any] = {
            "type": "websocket",
            "client": (rooms.peer, 1),
            "path": f"{base}/responses",
            "raw_path": f"{base}/responses".encode(),
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        }
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.code: int | None = None
        self.slow = asyncio.Event()
        self.slow.set()
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._opened = asyncio.Event()
        self._gone = False
        self.said.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.get_running_loop().create_task(rooms.door(scope, self.said.get, self._take))
        self.task.add_done_callback(lambda _: self._opened.set())

    async def open(self) -> "Talk":
        """Wait for the server's answer to the handshake, and see that it is open."""
        async with asyncio.timeout(WAIT):
            await self._opened.wait()
        assert self.status == 101, (self.status, self.body)
        return self

    async def refusal(self) -> tuple[int, Any]:
        """The status and the code of a handshake that is refused."""
        await self.end()
        assert self.status != 101
        return self.status, json.loads(self.body)["error"]["code"]

    def say(self, frame: Any) -> None:
        """Send a frame: bytes as they are, text as it is, anything else as JSON."""
        if isinstance(frame, bytes):
            self.said.put_nowait({"type": "websocket.receive", "bytes": frame})
        else:
            text = frame if isinstance(frame, str) else json.dumps(frame)
            self.said.put_nowait({"type": "websocket.receive", "text": text})

    def create(self, input: Any, **fields: Any) -> None:
        """Send a `response.create`."""
        self.say({"type": "response.create", "model": "scripted", "input": input} | fields)

    async def hear(self) -> dict[str, Any]:
        """The next frame."""
        async with asyncio.timeout(WAIT):
            frame: dict[str, Any] = json.loads(await self.heard.get())
        return frame

    async def turn(self) -> list[dict[str, Any]]:
        """The frames up to the end of a turn."""
        found = [await self.hear()]
        while found[-1]["type"] not in TERMINAL:
            found.append(await self.hear())
        return found

    async def response(self) -> dict[str, Any]:
        """The response of the next turn, whose events are in the grammar."""
        return whole(await self.turn())

    async def ask(self, input: Any, **fields: Any) -> dict[str, Any]:
        """Send a create; its response."""
        self.create(input, **fields)
        return await self.response()

    async def error(self) -> tuple[int, str, str | None]:
        """Status, code and param of the next frame, which is a refusal."""
        return refused(await self.hear())

    def leave(self) -> None:
        """Hang up."""
        self._gone = True
        self.said.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def end(self) -> None:
        """Wait until the server is done with it."""
        async with asyncio.timeout(WAIT):
            await self.task

    async def _take(self, message: MutableMapping[str, Any]) -> None:
        await self.slow.wait()
        if self._gone or self.code is not None:
            raise ConnectionResetError
        match message["type"]:
            case "websocket.accept" | "websocket.http.response.start":
                assert self.status == 0
                self.status = message.get("status", 101)
                self.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
                self._opened.set()
            case "websocket.http.response.body":
                self.body += message["body"]
            case "websocket.send":
                assert self.status == 101
                self.heard.put_nowait(message["text"])
            case "websocket.close":
                self.code = message["code"]
            case other:
                raise AssertionError(other)


def whole(frames: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Hold a turn's events against the grammar; its response."""
    assert frames[-1]["type"] != "error", frames[-1]
    return check_stream([{key: value for key, value in frame.items() if key not in EXTRA} for frame in frames])


EXTRA = ("stream_id", "ignored_parameters")
"""Keys of frames that events over HTTP don't have."""


def refused(frame: dict[str, Any]) -> tuple[int, str, str | None]:
    """Status, code and param of a refusal, which is as Open Responses and OpenAI have it."""
    assert frame["type"] == "error", frame
    check_socket_error(frame)
    error = frame["error"]
    assert error["type"] and error["message"]
    return frame["status"], error["code"], error["param"]


def text(response: dict[str, Any]) -> str:
    """What a response says."""
    return "".join(part["text"] for item in response["output"] for part in item.get("content", ()) if "text" in part)
