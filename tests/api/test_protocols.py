"""Uvicorn's protocols as they are served: a request comes to an end. How WebSockets are left, `test_websocket` asks."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from websockets.asyncio.client import connect

from antiphon.api import protocols
from tests.asgi import until
from tests.asking import ask
from tests.served import Server

MIB = 1024 * 1024
POST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\n"


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ",
        b"GET /v1/responses HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nX-Long: ",
        b"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ",
    ],
    ids=["header", "handshake", "trailer"],
)
def test_a_head_without_an_end_is_read_no_further(server: Server, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(begun)
        taken = 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while taken < 64 * MIB:
                connection.sendall(b"x" * MIB)
                taken += MIB
        assert taken < 64 * MIB


def test_a_long_head_is_read(server: Server) -> None:
    headers = {f"X-Filler-{number}": "x" * 1000 for number in range(90)}
    assert ask(server, "GET", "/v1/models", headers=headers).status == 200


async def echo(scope: dict[str, object], receive: object, send: object) -> None:
    """An app that reads a body, takes its time as the path says, and says what it read; or the same of a message."""
    assert callable(receive) and callable(send)
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        said = await receive()
        await send({"type": "websocket.send", "text": said["text"]})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def impatient(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The port of a server that waits for 0.3 seconds."""
    monkeypatch.setattr(protocols, "PATIENCE", 0.3)
    config = uvicorn.Config(
        echo,  # type: ignore[arg-type]  # its types are as loose as uvicorn's are long
        port=0,
        http=protocols.Http,
        ws=protocols.WebSockets,
        lifespan="off",
        log_config=None,
    )
    served = uvicorn.Server(config)
    task = asyncio.create_task(served.serve())
    await until(lambda: served.started)
    yield served.servers[0].sockets[0].getsockname()[1]
    served.should_exit = True
    await task


async def told(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """All that a server says to some bytes, up to when it closes; the client says nothing more, and stays."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(pause)
    said = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return said


@pytest.mark.anyio
@pytest.mark.parametrize("begun", [b"POST / HT", POST, POST + b"ab"], ids=["head", "body", "rest"])
async def test_a_request_that_stands_still_is_ended(impatient: int, begun: bytes) -> None:
    assert (await told(impatient, begun)).startswith(b"HTTP/1.1 408 ")
    said = await told(impatient, POST + b"abc", begun)
    assert said.startswith(b"HTTP/1.1 200 ") and b"\r\n\r\nabcHTTP/1.1 408 " in said


@pytest.mark.anyio
async def test_a_connection_over_which_nothing_comes_is_closed(impatient: int) -> None:
    assert await told(impatient) == b""


@pytest.mark.anyio
async def test_a_request_that_goes_on_is_waited_for(impatient: int) -> None:
    slowly = [POST[place : place + 16] for place in range(0, len(POST), 16)]
    said = await told(impatient, *slowly, b"a", b"b", b"c", POST[:-2], pause=0.2)
    assert b"\r\n\r\nabcHTTP/1.1 408 " in said


@pytest.mark.anyio
async def test_a_whole_request_is_answered_however_long_that_takes(impatient: int) -> None:
    said = await told(impatient, POST.replace(b"/ ", b"/slow ") + b"abc", b"GET ")
    assert b"\r\n\r\nabcHTTP/1.1 408 " in said


@pytest.mark.anyio
async def test_a_kept_connection_and_a_socket_may_be_silent(impatient: int) -> None:
    said = await told(impatient, POST + b"abc", POST + b"abc", b"GET ", pause=0.7)
    assert said.count(b"HTTP/1.1 200 ") == 2
    async with connect(f"ws://127.0.0.1:{impatient}/") as socket_:
        await asyncio.sleep(0.7)
        await socket_.send("still here")
        assert await socket_.recv() == "still here"
