"""Readers on real sockets: one that hangs up, and one that does not read."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

from tests.asgi import WAIT, slow
from tests.asking import ask
from tests.served import Server


@contextlib.contextmanager
def asking(server: Server, body: dict[str, Any], *headers: str) -> Iterator[socket.socket]:
    """A connection on which a create was sent; it is cut, not closed, at the end."""
    raw = json.dumps({"model": "scripted"} | body).encode()
    head = ["POST /v1/responses HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    head += [f"Content-Length: {len(raw)}", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT) as connection:
        connection.sendall("\r\n".join(head).encode() + raw)
        yield connection


def id_in(connection: socket.socket) -> str:
    """The id of the response whose stream has begun."""
    got = b""
    while (found := re.search(rb'"id":"(resp_\w+)"', got)) is None:
        got += connection.recv(4096)
    return found[1].decode()


def ended(server: Server, name: str) -> str:
    """The status with which a response ends."""
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        status: str = ask(server, "GET", f"/v1/responses/{name}").json()["status"]
        if status not in ("queued", "in_progress"):
            return status
        time.sleep(0.01)
    raise AssertionError("it never ended")


def cancelled(server: Server) -> float:
    """How many responses were cancelled so far."""
    page = ask(server, "GET", "/metrics").body.decode()
    return sum(float(one) for one in re.findall(r'antiphon_responses_total{.*status="cancelled"} (\S+)', page))


def test_who_hangs_up_amid_a_stream_cancels_it(server: Server) -> None:
    with asking(server, {"input": slow(100_000), "stream": True}) as connection:
        name = id_in(connection)
    assert ended(server, name) == "cancelled"


def test_who_hangs_up_before_a_json_answer_cancels_it(server: Server) -> None:
    before = cancelled(server)
    with asking(server, {"input": slow(100_000)}):
        time.sleep(0.1)  # it runs; nothing outside tells of it
    until = time.monotonic() + WAIT
    while cancelled(server) == before:
        assert time.monotonic() < until, "it was not cancelled"
        time.sleep(0.01)


def test_a_run_under_a_key_or_in_the_background_outlives_its_connection(server: Server) -> None:
    with asking(server, {"input": slow(60), "stream": True}, f"Idempotency-Key: {time.time_ns()}") as connection:
        under_key = id_in(connection)
    with asking(server, {"input": slow(60), "stream": True, "background": True}) as connection:
        background = id_in(connection)
    assert ended(server, under_key) == ended(server, background) == "completed"


def test_who_does_not_read_holds_nobody_up(server: Server) -> None:
    """The run goes on to its end, others are answered, and the rest is there when it is read."""
    steps = json.dumps([{"text": "x" * 1000 + " ", "whole": True, "count": 4000}])
    with asking(server, {"input": steps, "stream": True}) as connection:
        name = id_in(connection)
        assert ended(server, name) == "completed"
        got = b""
        while b"data: [DONE]" not in got[-64:]:
            piece = connection.recv(2**20)
            assert piece, "the stream broke off"
            got += piece
    assert got.count(b"event: response.output_text.delta") >= 3990
