"""Uvicorn's protocols as they are served: a head comes to an end. How WebSockets are left, `test_websocket` asks."""

import contextlib
import socket

import pytest

from tests.asking import ask
from tests.served import Server

MIB = 1024 * 1024


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
