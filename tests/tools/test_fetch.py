"""Fetching, from real servers on loopback: what comes, what is refused, and what is cut."""

import asyncio
import gzip
import zlib

import pytest

from antiphon.core.ports import Fetched, Fetcher
from antiphon.core.problems import Problem
from antiphon.tools.fetch import FetchLimits, WebFetcher, resolved
from tests.tools.origin import Origin, Say, answer, origin, redirect

pytestmark = pytest.mark.anyio

SMALL = FetchLimits(size=100_000, seconds=20)
PARAM = "input[0].content[1].image_url"


async def fetched(fetcher: Fetcher, url: str) -> Fetched:
    return await fetcher.fetch(url, "image", param=PARAM)


async def refused(fetcher: Fetcher, url: str, code: str = "invalid_image_url") -> str:
    """The message of the refusal."""
    with pytest.raises(Problem) as caught:
        await fetched(fetcher, url)
    problem = caught.value
    assert (problem.status, problem.code, problem.param) == (400, code, PARAM)
    assert "secret" not in problem.message
    with pytest.raises(Problem) as caught:
        await fetcher.fetch(url, "file", param="input[0].content[0].file_url")
    assert (caught.value.code, caught.value.param) == ("invalid_value", "input[0].content[0].file_url")
    return problem.message


def allowing(*servers: Origin) -> WebFetcher:
    return WebFetcher([server.place for server in servers], SMALL)


async def test_what_stands_there_is_given_with_its_type_and_address() -> None:
    async with origin(answer(b"\x89PNG", "Content-Type: Image/PNG; charset=x")) as server:
        found = await fetched(allowing(server), server.url)
    assert found == Fetched("image/png", b"\x89PNG", server.url)


async def test_nothing_of_the_clients_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with origin(answer(b"a", "Set-Cookie: name=value; Path=/"), answer(b"b")) as server:
        fetcher = allowing(server)
        await fetched(fetcher, server.url)
        await fetched(fetcher, server.url)
    heads = [line.partition(":")[0].lower() for line in server.asked[1].splitlines()[1:] if line]
    assert set(heads) == {"host", "accept", "accept-encoding", "user-agent", "connection"}


LOCAL = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/",
    "http://[fe80::1%25lo]:{port}/",
]


@pytest.mark.parametrize("url", LOCAL)
async def test_private_and_local_addresses_are_refused_however_they_are_written(url: str) -> None:
    async with origin(answer(b"internal")) as server:
        await refused(WebFetcher(limits=SMALL), url.format(port=server.port))
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "picture.png",
        "ftp://example.org/picture.png",
        "file:///etc/passwd",
        "http://",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://user@example.org/",
        "http://user:pass@example.org/",
        "http://[::1/",
        "http://example.org/" + "a" * 9000,
    ],
)
async def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    await refused(WebFetcher(limits=SMALL), url)


async def test_a_refusal_says_which_setting_would_allow_it() -> None:
    message = await refused(WebFetcher(limits=SMALL), "http://LOCALHOST:1/secret")
    assert "fetch_allowed" in message and "'localhost:1'" in message


async def test_a_redirect_to_a_port_that_is_not_allowed_is_refused() -> None:
    async with origin(answer(b"internal")) as inner, origin(redirect(inner.url)) as first:
        await refused(allowing(first), first.url)
    assert len(first.asked) == 2 and inner.asked == []


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://user:secret@127.0.0.1/", "", "http://169.254.169.254/", "//[::1]:1/"]
)
async def test_each_hop_is_checked_like_the_first(location: str) -> None:
    async with origin(redirect(location)) as server:
        await refused(allowing(server), server.url)


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
)
async def test_redirects_are_followed_where_they_may_lead(status: str) -> None:
    async with origin(answer(b"here")) as last, origin(redirect("/picture2", status), redirect(last.url)) as first:
        found = await fetched(allowing(first, last), first.url)
    assert found.data == b"here" and found.url == last.url
    assert first.asked[1].startswith("GET /picture2 ")


async def test_redirects_come_to_an_end() -> None:
    async with origin(redirect("/again")) as server:
        await refused(allowing(server), server.url, "failed_to_download_image")
    assert len(server.asked) == 2 * 6


class Names:
    """A resolver whose answers change: each call takes the next, the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.calls += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def loopback_is_public(address: str) -> bool:
    """In these tests the one address that can be reached stands for the public internet."""
    return address == "127.0.0.1"


def rebinding(names: Names) -> WebFetcher:
    return WebFetcher((), SMALL, resolve=names, may_reach=loopback_is_public)


async def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with origin(answer(b"public")) as server:
        found = await fetched(rebinding(names), f"http://rebinding.test:{server.port}/")
    assert found.data == b"public" and names.calls == 1
    assert f"Host: rebinding.test:{server.port}" in server.asked[0]


async def test_a_name_that_turns_private_is_refused_at_the_next_hop() -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with origin(redirect("/again")) as server:
        with pytest.raises(Problem) as caught:
            await fetched(rebinding(names), f"http://rebinding.test:{server.port}/")
    assert caught.value.code == "invalid_image_url" and names.calls == 2 and len(server.asked) == 1


@pytest.mark.parametrize("mixed", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "::1"]])
async def test_a_name_that_is_public_and_private_at_once_is_refused(mixed: list[str]) -> None:
    async with origin(answer(b"public")) as server:
        await refused(rebinding(Names(mixed)), f"http://mixed.test:{server.port}/")
    assert server.asked == []


async def test_a_name_that_leads_nowhere_is_a_failed_download() -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError

    for resolve in (nowhere, Names([])):
        fetcher = WebFetcher((), SMALL, resolve=resolve)
        await refused(fetcher, "http://nowhere.test/", "failed_to_download_image")


async def test_the_machines_resolver_gives_each_address_once() -> None:
    assert await resolved("127.0.0.1", 80) == ["127.0.0.1"]


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oh No", "204 No Content", "304 Not Modified"])
async def test_any_status_but_200_is_a_failed_download(status: str) -> None:
    async with origin(answer(b"", status=status)) as server:
        message = await refused(allowing(server), server.url, "failed_to_download_image")
    assert status[:3] in message


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 10_000)
        await writer.drain()


async def endless_chunks(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        await writer.drain()


async def told_five(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nxxxxx")
    while True:
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"x" * 10_000)


@pytest.mark.parametrize("say", [endless, endless_chunks])
async def test_a_server_that_sends_for_ever_is_cut(say: Say) -> None:
    async with origin(say) as server:
        await refused(allowing(server), server.url, "image_file_too_large")
        await asyncio.wait_for(server.left.wait(), 20)


async def test_a_server_that_lies_about_its_length_is_cut() -> None:
    async with origin(told_five) as server:
        assert (await fetched(allowing(server), server.url)).data == b"xxxxx"
        await asyncio.wait_for(server.left.wait(), 20)
    async with origin(answer(b"x" * 10_000, "Content-Length: 5")) as server:
        await refused(allowing(server), server.url, "failed_to_download_image")


async def test_a_length_that_is_too_large_is_refused_before_the_body_comes() -> None:
    async with origin(answer(b"", "Content-Length: 100001")) as server:
        await refused(allowing(server), server.url, "image_file_too_large")


async def test_a_length_that_promises_more_than_comes_is_a_failed_download() -> None:
    async with origin(answer(b"half", "Content-Length: 8")) as server:
        await refused(allowing(server), server.url, "failed_to_download_image")


async def test_what_is_just_as_large_as_allowed_is_taken() -> None:
    async with origin(answer(b"x" * SMALL.size)) as server:
        assert len((await fetched(allowing(server), server.url)).data) == SMALL.size


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def slow_loris(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def slow_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def slow_redirects(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.1)
    await redirect("/again")(writer)


@pytest.mark.parametrize("say", [silent, slow_loris, slow_body, slow_redirects])
async def test_a_server_that_is_slow_is_left(say: Say) -> None:
    limits = FetchLimits(size=100_000, seconds=0.3)
    async with origin(say) as server:
        await refused(WebFetcher([server.place], limits), server.url, "failed_to_download_image")


async def test_a_resolver_that_is_slow_is_left() -> None:
    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(3600)
        return []

    fetcher = WebFetcher((), FetchLimits(seconds=0.1), resolve=slow)
    await refused(fetcher, "http://slow.test/", "failed_to_download_image")


async def test_whoever_stops_waiting_stops_the_fetch() -> None:
    async with origin(slow_body) as server:
        task = asyncio.ensure_future(fetched(allowing(server), server.url))
        await asyncio.wait_for(server.came.wait(), 20)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await asyncio.wait_for(server.left.wait(), 20)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_what_comes_packed_is_inflated_and_counted_so(encoding: str, pack: object) -> None:
    assert callable(pack)
    header = f"Content-Encoding: {encoding}"
    async with origin(answer(pack(b"x" * SMALL.size), header)) as server:
        assert (await fetched(allowing(server), server.url)).data == b"x" * SMALL.size
    async with origin(answer(pack(bytes(50_000_000)), header)) as server:
        await refused(allowing(server), server.url, "image_file_too_large")


async def test_several_gzip_streams_in_a_row_are_one_body() -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"two")
    async with origin(answer(body, "Content-Encoding: gzip")) as server:
        assert (await fetched(allowing(server), server.url)).data == b"one two"
    async with origin(answer(gzip.compress(bytes(90_000)) * 2, "Content-Encoding: gzip")) as server:
        await refused(allowing(server), server.url, "image_file_too_large")


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"not gzip", "gzip"),
        (gzip.compress(b"x" * 500)[:-9], "gzip"),
        (b"", "gzip"),
        (b"x", "br"),
        (b"x", "gzip, gzip"),
    ],
    ids=["not packed", "cut", "empty", "unknown", "twice"],  # a packed body names its second: two processes must agree
)
async def test_a_packing_that_is_broken_or_unknown_is_a_failed_download(body: bytes, encoding: str) -> None:
    async with origin(answer(body, f"Content-Encoding: {encoding}")) as server:
        await refused(allowing(server), server.url, "failed_to_download_image")


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000])
async def test_what_does_not_speak_http_is_a_failed_download(words: bytes) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        await writer.drain()

    async with origin(say) as server:
        await refused(allowing(server), server.url, "failed_to_download_image")


async def test_nobody_listens() -> None:
    async with origin(answer(b"")) as server:
        fetcher = allowing(server)
    await refused(fetcher, server.url, "failed_to_download_image")
