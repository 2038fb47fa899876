"""What is found out about an upstream, and in which words it is told."""

import asyncio
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web

from antiphon.models.http import Http
from antiphon.models.probe import Finding, Listed, kind_of, listed, points_to, probe
from antiphon.models.upstream import Upstream
from tests.models.http_upstream import Answering, by_path, listing, refusing, standing, streaming
from tests.served import free_port

pytestmark = pytest.mark.anyio


async def found(answering: Answering, **fields: str) -> Finding:
    http = Http()
    try:
        async with standing(answering) as stand:
            return await probe(stand.upstream(**fields), http)
    finally:
        await http.close()


async def test_its_models_and_their_context() -> None:
    finding = await found(by_path(models=listing("a", "b", max_model_len=4096, created=7)))
    assert (finding.state, finding.detail, finding.kind) == ("ready", "has a, b", "responses")
    assert finding.models == (Listed("a", 7, 4096), Listed("b", 7, 4096))


@pytest.mark.parametrize(
    ("answering", "state", "detail"),
    [
        (refusing(404), "ready", "has no list of models"),
        (refusing(401), "unusable", "refused this server's key (status 401)"),
        (refusing(403), "unusable", "refused this server's key (status 403)"),
        (refusing(503, "loading"), "failing", "loading"),
        (streaming(b"<html>", content_type="text/html"), "failing", "answered with something that is no JSON"),
        (listing(), "ready", "has no models"),
    ],
)
async def test_what_is_wrong_is_told_in_a_few_words(answering: Answering, state: str, detail: str) -> None:
    finding = await found(answering)
    assert (finding.state, finding.detail) == (state, detail)


async def test_one_that_is_not_there_or_can_not_be_trusted() -> None:
    http = Http()
    gone = await probe(Upstream(name="up", url=f"http://127.0.0.1:{free_port()}/v1"), http)
    assert (gone.state, gone.detail) == ("failing", "can't be reached: Connection refused")
    nowhere = await probe(Upstream(name="up", url="http://nowhere.invalid/v1"), http)
    assert nowhere.state == "failing" and "can't be found" in nowhere.detail
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    odd = await probe(Upstream(name="up", url=f"http://127.0.0.1:{port}/v1"), http)
    assert odd.state == "failing"
    server.close()
    await http.close()


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    context = self_signed(tmp_path)
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    http = Http()
    try:
        port = runner.addresses[0][1]
        finding = await probe(Upstream(name="up", url=f"https://127.0.0.1:{port}/v1"), http)
    finally:
        await http.close()
        await runner.cleanup()
    assert finding.state == "unusable" and finding.detail.startswith("can't be trusted: TLS: ")
    assert "\n" not in finding.detail


def self_signed(folder: Path, address: str = "127.0.0.1") -> ssl.SSLContext:
    """What a server shows: a certificate for that address, `cert.pem` in the folder, that nobody else vouches for."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
    (folder / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    plain = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(plain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_what_it_speaks_is_found_by_asking() -> None:
    async def kind(**paths: Answering) -> str:
        http = Http()
        async with standing(by_path(**paths)) as stand:
            found = await kind_of(stand.upstream(), http)
        await http.close()
        return found

    assert await kind(responses=refusing(400)) == "responses"
    assert await kind(completions=refusing(400)) == "chat"
    assert await kind(completions=refusing(422), responses=refusing(400)) == "chat"
    assert await kind() == "chat"


def test_listings_in_all_their_forms() -> None:
    assert listed({"data": [{"id": "a", "meta": {"n_ctx": 512}}, {"id": "a"}, {"id": 3}, "b", None]}) == (
        Listed("a"),
        Listed("b"),
    )
    assert listed({"models": [{"name": "a", "context_length": 9}]}) == (Listed("a", 0, 9),)
    assert listed([{"id": "a"}]) == (Listed("a"),)
    for bad in (None, "x", {}, {"data": 3}):
        assert listed(bad) == ()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8484/v1", "http://localhost:8484", "http://[::1]:8484/v1", "http://0.0.0.0:8484"]
)
def test_an_address_of_ones_own(url: str) -> None:
    assert points_to(url, "127.0.0.1", 8484) and points_to(url, "0.0.0.0", 8484)  # noqa: S104  compared, not listened on
    assert not points_to(url, "127.0.0.1", 8485) and not points_to("http://10.0.0.7:8484/v1", "127.0.0.1", 8484)
    assert points_to("http://10.0.0.7/v1", "10.0.0.7", 80)
