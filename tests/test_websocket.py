"""WebSocket mode of the real server, with bare frames: what RFC 6455 and a client's library are left to see."""

import asyncio
import json
import os
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.asgi import WAIT, slow
from tests.asking import ask, refused
from tests.served import Server, running, serving
from tests.talk import TERMINAL, text, whole

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose sockets last two seconds, have two lanes, and are pinged all the time."""
    options = ("--websocket-minutes", "0.034", "--websocket-lanes", "2", "--heartbeat", "0.05", "--max-body-mib", "1")
    with serving("scripted", tmp_path_factory.mktemp("tight"), *options) as server:
        yield server


def address(server: Server) -> str:
    return f"ws://127.0.0.1:{server.port}/v1/responses"


async def create(connection: ClientConnection, input: Any, **fields: Any) -> None:
    await connection.send(json.dumps({"type": "response.create", "model": "scripted", "input": input} | fields))


async def turn(connection: ClientConnection) -> list[dict[str, Any]]:
    """The frames up to the end of a turn."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] not in TERMINAL:
        async with asyncio.timeout(WAIT):
            found.append(json.loads(await connection.recv()))
    return found


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_turns_compressed_and_not(server: Server, compression: str | None) -> None:
    async with connect(address(server), compression=compression) as connection:
        head = connection.response
        assert head is not None
        assert ("permessage-deflate" in head.headers.get("sec-websocket-extensions", "")) == (compression is not None)
        assert head.headers["x-request-id"].startswith("req_")
        for said in ("one two", "ü\u2028 " * 3000):
            await create(connection, said)
            assert text(whole(await turn(connection))) == said


async def test_a_warm_up_is_read_by_the_embedded_model(small_server: Server) -> None:
    """What goes on from it reads only what is new, though nothing of it was stored."""
    async with connect(address(small_server)) as connection:
        told = {"model": small_server.model, "store": False}
        instructions = "Answer briefly. " + "one two three four five six seven eight nine ten " * 8
        await create(connection, [], generate=False, instructions=instructions, **told)
        warm = whole(await turn(connection))
        assert (warm["output"], warm["usage"]["output_tokens"]) == ([], 0)
        await create(
            connection,
            "What is the sea?",
            instructions=instructions,
            max_output_tokens=4,
            previous_response_id=warm["id"],
            **told,
        )
        usage = whole(await turn(connection))["usage"]
        assert usage["input_tokens_details"]["cached_tokens"] > 0.9 * warm["usage"]["input_tokens"]


async def test_a_plain_get_and_a_server_that_takes_no_sockets(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    answer = ask(server, "GET", "/v1/responses", None, {})
    assert refused(answer) == (426, "upgrade_required", None)
    with serving("scripted", tmp_path_factory.mktemp("without"), "--no-websocket") as without:
        with pytest.raises(InvalidStatus) as found:
            await connect(address(without))
        assert found.value.response.status_code == 426
        assert json.loads(found.value.response.body)["error"]["code"] == "upgrade_required"
        assert ask(without, "POST", "/v1/responses", b'{"model": "scripted", "input": "a"}').status == 200


async def test_a_handshake_that_is_refused_says_why(server: Server) -> None:
    with pytest.raises(InvalidStatus) as found:
        await connect(address(server), origin="https://evil.example")  # type: ignore[arg-type]  # a NewType of theirs
    assert found.value.response.status_code == 403
    assert json.loads(found.value.response.body)["error"]["code"] == "origin_not_allowed"
    with pytest.raises(InvalidStatus) as missing:
        await connect(address(server).replace("/v1", "/infercom/v1"))
    assert missing.value.response.status_code == 404


async def test_a_message_beyond_the_bound_on_bodies_ends_the_connection(tight: Server) -> None:
    for compression in ("deflate", None):  # the bound counts what a message inflates to
        async with connect(address(tight), compression=compression) as connection:
            await create(connection, "x " * 2**19)
            with pytest.raises(ConnectionClosed) as closed:
                await turn(connection)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


def frame(opcode: int, payload: bytes) -> bytes:
    """A frame as a client sends it, masked with zeros; its payload has less than 64 KiB."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + b"\0\0\0\0" + payload


def shake_hands(server: Server) -> socket.socket:
    """A connection on which the server has switched protocols."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)
    key = b64encode(os.urandom(16)).decode()
    head = ["GET /v1/responses HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket"]
    head += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "Content-Type: application/json", "", ""]
    connection.sendall("\r\n".join(head).encode())
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        got += connection.recv(1)
    assert got.startswith(b"HTTP/1.1 101 ")
    return connection


def read_frames(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """The opcode and the payload of every frame that the server sends."""
    with connection.makefile("rb") as stream:
        while head := stream.read(2):
            length = head[1]
            if length >= 126:
                length = int.from_bytes(stream.read(2 if length == 126 else 8), "big")
            yield head[0] & 15, stream.read(length)


def test_frames_by_hand(server: Server) -> None:
    """A ping is answered amid a turn, a message may come in pieces, and a close is answered with a close."""
    with shake_hands(server) as connection:
        body = json.dumps({"type": "response.create", "model": "scripted", "input": "one two"}).encode()
        connection.sendall(bytes([0x01]) + frame(0, body[:20])[1:] + frame(9, b"hi") + frame(0, body[20:]))
        heard = read_frames(connection)
        assert next(heard) == (10, b"hi")
        events = []
        while not events or events[-1]["type"] not in TERMINAL:
            opcode, payload = next(heard)
            assert opcode == 1
            events.append(json.loads(payload))
        assert text(whole(events)) == "one two"
        connection.sendall(frame(8, (1000).to_bytes(2, "big")))
        assert next(heard) == (8, (1000).to_bytes(2, "big"))
        assert next(heard, None) is None


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(1, b"\xff"), 1007),
        (frame(3, b""), 1002),
        (bytes([0x81, 0x01]) + b"x", 1002),
        (frame(9, b"x" * 126), 1002),
    ],
    ids=["no UTF-8", "an unknown opcode", "not masked", "a ping too long"],
)
def test_frames_that_rfc_6455_forbids_end_the_connection(server: Server, sent: bytes, code: int) -> None:
    with shake_hands(server) as connection:
        connection.sendall(sent)
        opcode, payload = next(read_frames(connection))
        assert (opcode, int.from_bytes(payload[:2], "big")) == (8, code)
    assert ask(server, "GET", "/healthz").status == 200


def test_who_does_not_read_holds_nobody_up_and_misses_nothing(server: Server) -> None:
    steps = json.dumps([{"text": "x" * 1000 + " ", "whole": True, "count": 4000}])
    with shake_hands(server) as connection:
        body = json.dumps({"type": "response.create", "model": "scripted", "input": steps}).encode()
        connection.sendall(frame(1, body))
        heard = read_frames(connection)
        created = json.loads(next(heard)[1])
        wait_for_end(server, created["response"]["id"], "completed")
        kinds = []
        while not kinds or kinds[-1] not in TERMINAL:
            kinds.append(json.loads(next(heard)[1])["type"])
        assert kinds.count("response.output_text.delta") == 4000


def test_who_hangs_up_cancels_what_is_in_flight(server: Server) -> None:
    with shake_hands(server) as connection:
        body = json.dumps({"type": "response.create", "model": "scripted", "input": slow(100_000)}).encode()
        connection.sendall(frame(1, body))
        created = json.loads(next(read_frames(connection))[1])
    wait_for_end(server, created["response"]["id"], "cancelled")


def wait_for_end(server: Server, name: str, status: str) -> None:
    until = time.monotonic() + WAIT
    while (found := ask(server, "GET", f"/v1/responses/{name}").json()["status"]) == "in_progress":
        assert time.monotonic() < until, "it never ended"
        time.sleep(0.01)
    assert found == status


def test_a_silent_connection_is_pinged(tight: Server) -> None:
    with shake_hands(tight) as connection, closing(read_frames(connection)) as heard:
        assert [next(heard)[0] for _ in range(3)] == [9, 9, 9]  # without an answer to any


async def test_minutes_and_lanes_are_settings(tight: Server) -> None:
    async with connect(address(tight)) as connection:
        await create(connection, slow(100_000), stream_id="long")
        await create(connection, "short", stream_id="other")
        while (heard := json.loads(await connection.recv()))["type"] != "response.completed":
            pass
        assert heard["stream_id"] == "other"
    async with connect(address(tight)) as connection:
        assert (await turn(connection))[-1]["error"]["code"] == "websocket_connection_limit_reached"
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1000


async def test_a_server_that_stops_lets_a_turn_end_and_says_that_it_restarts(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running("scripted", tmp_path_factory.mktemp("stopping")) as (server, process):
        async with connect(address(server)) as idle, connect(address(server)) as busy:
            await create(busy, slow(100))
            await busy.recv()
            process.terminate()
            assert (await turn(busy))[-1]["type"] == "response.completed"
            for connection in (idle, busy):
                with pytest.raises(ConnectionClosed) as closed:
                    await connection.recv()
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
        assert process.wait(WAIT) == 0
