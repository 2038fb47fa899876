"""A web server on 127.0.0.1 that says exactly the bytes that a test wants."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Say = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Origin:
    """`asked` are the heads of the requests so far, as they came; `came` is set with the first."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.came = asyncio.Event()
        self.left = asyncio.Event()  # set when a client went while it was spoken to
        self.port = 0

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}/picture.png?signature=secret"


def answer(body: bytes, *headers: str, status: str = "200 OK") -> Say:
    """A whole answer with a true length, unless a header says another."""
    told = list(headers)
    if not any(header.lower().startswith("content-length:") for header in headers):
        told.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([f"HTTP/1.1 {status}", *told, "", ""]).encode()

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(head + body)
        await writer.drain()

    return say


def redirect(location: str, status: str = "302 Found") -> Say:
    return answer(b"elsewhere", f"Location: {location}", status=status)


@asynccontextmanager
async def origin(*says: Say) -> AsyncIterator[Origin]:
    """A server that gives each client the next answer, the last one again and again."""
    server = Origin()
    following = list(says)
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(task := asyncio.current_task())  # type: ignore[arg-type]  # a handler runs in a task
        task.add_done_callback(talks.discard)  # type: ignore[union-attr]  # as above
        # A cancelled handler must end well: asyncio's streams would call it a fault.
        with suppress(ConnectionError, asyncio.CancelledError):
            server.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            server.came.set()
            try:
                await (following.pop(0) if len(following) > 1 else following[0])(writer)
            except ConnectionError:
                server.left.set()
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks)
        await listening.wait_closed()
