"""A tee: passes on what a client and a server say to each other, and keeps what the client asked for.

Knows nothing of what is said but how requests stand in HTTP/1.1 and in WebSockets.
"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

END = b"\r\n\r\n"


@dataclass
class Tee:
    """A port that leads to another. `heard` is what each connection's client said, oldest connection first."""

    port: int
    heard: list[bytearray] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def asked(self) -> list[Any]:
        """The bodies of all that was asked for, over HTTP and over WebSockets."""
        return [body for said in list(self.heard) for body in bodies(bytes(said))]


@contextmanager
def tee(port: int) -> Iterator[Tee]:
    """A tee before the server at a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        found = Tee(door.getsockname()[1])
        threading.Thread(target=_answer, args=(door, port, found), daemon=True).start()
        yield found
        door.shutdown(socket.SHUT_RDWR)


def bodies(said: bytes) -> Iterator[Any]:
    """The JSON of each request that stands in what a client said on one connection."""
    head, _, rest = said.partition(END)
    if b"upgrade: websocket" in head.lower():
        yield from map(json.loads, _messages(head + END, rest))
        return
    while head:
        lines = [line.partition(b":") for line in head.split(b"\r\n")]
        length = next((int(value) for name, _, value in lines if name.lower() == b"content-length"), 0)
        if length:
            yield json.loads(rest[:length])
        head, _, rest = rest[length:].partition(END)


def _messages(handshake: bytes, rest: bytes) -> Iterator[bytes]:
    """The messages of a WebSocket's client."""
    protocol = ServerProtocol(extensions=[ServerPerMessageDeflateFactory()], max_size=None)
    protocol.receive_data(handshake)
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    protocol.receive_data(rest)
    text = b""
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode in (Opcode.TEXT, Opcode.CONT):
            text += bytes(frame.data)
            if frame.fin:
                yield text
                text = b""


def _answer(door: socket.socket, port: int, found: Tee) -> None:
    with suppress(OSError):  # the door is shut
        while True:
            client, _ = door.accept()
            said = bytearray()
            found.heard.append(said)
            threading.Thread(target=_join, args=(client, port, said), daemon=True).start()


def _join(client: socket.socket, port: int, said: bytearray) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        back = threading.Thread(target=_pass_on, args=(server, client, bytearray()), daemon=True)
        back.start()
        _pass_on(client, server, said)
        back.join()


def _pass_on(one: socket.socket, other: socket.socket, kept: bytearray) -> None:
    with suppress(OSError):  # either side may go at any time
        while data := one.recv(65536):
            kept += data
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
