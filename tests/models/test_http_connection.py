"""Connections to servers that say exactly what a test gives them: what is read, when one is used again, what breaks."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from antiphon.models.http_connection import Broken, Connections, Origin, Reply

pytestmark = pytest.mark.anyio

HEAD = b"POST /v1 HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: 1\r\n\r\n"
CUT = CHUNKED.rpartition(b"0\r\n")[0]
TO_THE_END = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello"


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: the server runs on the one, commands on the other."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


class Talker:
    """A server that says `pieces` to each request, each in a write of its own, and then hangs up where `ends`."""

    def __init__(self, *pieces: bytes, ends: bool = False) -> None:
        self.pieces = pieces
        self.ends = ends
        self.port = 0
        self.connections: list[asyncio.StreamWriter] = []
        self.left = 0
        self.written = 0

    @property
    def origin(self) -> Origin:
        return Origin("127.0.0.1", self.port, tls=False)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(2)
                for piece in self.pieces:
                    writer.write(piece)
                    await writer.drain()
                    self.written += len(piece)
                    await asyncio.sleep(0.0005)
                if self.ends:
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            self.left += 1
        writer.close()


@asynccontextmanager
async def talking(talker: Talker, **options: Any) -> AsyncIterator[Connections]:
    server = await asyncio.start_server(talker.serve, "127.0.0.1", 0, **options)
    talker.port = server.sockets[0].getsockname()[1]
    connections = Connections()
    try:
        yield connections
    finally:
        connections.close(monotonic())
        await asyncio.sleep(0.01)
        server.close()


async def ask(connections: Connections, origin: Origin) -> Reply:
    return (await connections.get(origin, 5)).ask(HEAD, b"{}")


async def whole(reply: Reply, pieces: list[bytes] | None = None) -> bytes:
    pieces = [] if pieces is None else pieces
    await reply.begun()
    while piece := await reply.piece():
        pieces.append(piece)
    return b"".join(pieces)


async def until(wanted: Any) -> None:
    async with asyncio.timeout(10):
        while not wanted():  # noqa: ASYNC110  seen from outside
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    ("said", "ends", "used"),
    [
        (LENGTH, False, 1),
        (CHUNKED, False, 1),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH, False, 1),
        (LENGTH.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), False, 2),
        (LENGTH.replace(b"1.1", b"1.0"), False, 2),
        (TO_THE_END, True, 2),
    ],
    ids=["length", "chunked", "interim", "close", "old", "to the end"],
)
async def test_however_an_answer_is_framed_and_cut(*, size: int, said: bytes, ends: bool, used: int) -> None:
    talker = Talker(*(said[n : n + size] for n in range(0, len(said), size)), ends=ends)
    async with talking(talker) as connections:
        for _ in range(2):
            reply = await ask(connections, talker.origin)
            assert await whole(reply) == b"hello"
            assert (reply.status, reply.ended) == (200, True)
    assert len(talker.connections) == used


async def test_headers_are_known_by_small_letters_and_the_first_counts() -> None:
    talker = Talker(TO_THE_END, ends=True)
    async with talking(talker) as connections:
        reply = await ask(connections, talker.origin)
        await reply.begun()
        assert reply.headers == {"x-a": "1"}


@pytest.mark.parametrize(
    ("said", "told", "why"),
    [
        (b"", b"", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Le", b"", ""),
        (LENGTH[:-1], b"hell", ""),
        (CUT, b"hello", ""),
        (b"SSH-2.0-OpenSSH\r\n", b"", "does not speak HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", b"", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-A: a\r\n" * 10_000, b"", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000, b"", "does not speak HTTP"),
        (CUT + b"zz\r\n", b"hello", "does not speak HTTP"),
    ],
)
async def test_what_breaks_is_told_behind_what_was_said(said: bytes, told: bytes, why: str) -> None:
    talker = Talker(said, ends=True)
    async with talking(talker) as connections:
        reply = await ask(connections, talker.origin)
        data: list[bytes] = []
        with pytest.raises(Broken) as caught:
            await whole(reply, data)
        assert (b"".join(data), caught.value.why) == (told, why)
        assert not connections


async def test_who_asks_at_once_has_a_connection_of_its_own_and_all_are_used_again() -> None:
    talker = Talker(LENGTH)
    async with talking(talker) as connections:
        for _ in range(3):
            replies = [await ask(connections, talker.origin) for _ in range(4)]
            assert await asyncio.gather(*map(whole, replies)) == [b"hello"] * 4
        assert len(talker.connections) == 4
        connections.close(monotonic() + 1)
        assert not connections
        await until(lambda: talker.left == 4)


@pytest.mark.parametrize("unasked", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"], ids=["silent", "with a word"])
async def test_one_that_the_server_ends_while_it_rests_is_not_asked(unasked: bytes) -> None:
    talker = Talker(LENGTH)
    async with talking(talker) as connections:
        await whole(await ask(connections, talker.origin))
        talker.connections[0].write(unasked)
        talker.connections[0].close()
        await until(lambda: not connections)
        assert await whole(await ask(connections, talker.origin)) == b"hello"


async def test_what_comes_behind_an_answer_ends_the_connection() -> None:
    talker = Talker(LENGTH + LENGTH)
    async with talking(talker) as connections:
        for _ in range(2):
            assert await whole(await ask(connections, talker.origin)) == b"hello"
    assert len(talker.connections) == 2


async def test_an_answer_to_half_a_request_is_heard_and_ends_the_connection() -> None:
    talker = Talker(LENGTH.replace(b"200 OK", b"413 No"))
    async with talking(talker) as connections:
        head = HEAD.replace(b": 2", b": 50000000")
        reply = (await connections.get(talker.origin, 5)).ask(head, b"x" * 50_000_000)
        assert await whole(reply) == b"hello"
        assert reply.status == 413 and not connections


async def test_where_nobody_reads_the_server_has_to_wait() -> None:
    piece = b"x" * 1_000_000
    talker = Talker(b"HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\n", *[piece] * 60)
    async with talking(talker) as connections:
        reply = await ask(connections, talker.origin)
        await reply.begun()
        before = -1
        while before < talker.written:
            before = talker.written
            await asyncio.sleep(0.2)
        assert talker.written < 30_000_000
        assert len(await whole(reply)) == 60_000_000
        assert connections


async def test_the_rest_of_what_nobody_wants_passes_and_the_connection_stays() -> None:
    talker = Talker(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n", *[b"x" * 1_000_000] * 5)
    async with talking(talker) as connections:
        reply = await ask(connections, talker.origin)
        await reply.begun()
        reply.drop()
        await until(lambda: connections)
        assert reply.ended


@pytest.mark.parametrize("begun", [False, True])
async def test_who_breaks_off_closes_the_connection_and_wakes_whoever_waits(*, begun: bool) -> None:
    talker = Talker(*([LENGTH[:-1]] if begun else []))
    async with talking(talker) as connections:
        reply = await ask(connections, talker.origin)
        waiting = asyncio.ensure_future(whole(reply))
        await until(lambda: bool(reply.status) == begun)
        reply.abort()
        with pytest.raises(Broken):
            await waiting
        await until(lambda: talker.left)
        reply.abort()


async def test_an_answer_that_has_come_is_not_broken_off() -> None:
    talker = Talker(LENGTH)
    async with talking(talker) as connections:
        reply = await ask(connections, talker.origin)
        await until(lambda: reply.ended)
        reply.abort()
        assert await whole(reply) == b"hello"
        assert connections


async def test_a_name_with_several_addresses_leads_to_the_one_that_listens() -> None:
    talker = Talker(LENGTH)
    async with talking(talker) as connections:
        assert await whole(await ask(connections, Origin("localhost", talker.port, tls=False))) == b"hello"


async def test_a_server_whose_certificate_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    talker = Talker(CHUNKED)
    async with talking(talker, ssl=certified(tmp_path)) as connections:
        for _ in range(2):
            assert await whole(await ask(connections, Origin("127.0.0.1", talker.port, tls=True))) == b"hello"
        with pytest.raises(ssl.SSLError):
            await connections.get(Origin("localhost", talker.port, tls=True), 5)
    assert len(talker.connections) == 1


def certified(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS for 127.0.0.1, under a certificate of its own that it leaves in `cert.pem`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (folder / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    plain = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(plain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
