"""The seam over HTTP: what goes out, whose fault it is that nothing comes back, and what is left behind.

Deadlines, refusals and cut answers stand in `test_chat` and `test_responses`, no connection in `test_probe`.
"""

import asyncio
import gzip
import zlib
from typing import Any

import pytest
from aiohttp import web

from antiphon.models.http import Http, json_of
from antiphon.models.upstream import Upstream, UpstreamFault
from tests.models.http_upstream import Stand, standing, streaming

LONG = b"[" + b"0," * 1_999_999 + b"0]"

pytestmark = pytest.mark.anyio


async def echo(request: web.Request, body: Any) -> web.StreamResponse:
    names = ("Host", "Authorization", "Content-Type", "Accept-Encoding", "X-Antiphon-Servers")
    told = {name.lower(): request.headers.get(name) for name in names}
    return web.json_response({"method": request.method, "url": str(request.rel_url), "body": body} | told)


async def answered(stand: Stand, path: str, body: bytes | None, *passed: str, **fields: Any) -> Any:
    http = Http("me")
    upstream = stand.upstream(**fields)
    try:
        asking = http.get(upstream, path) if body is None else http.post(upstream, path, body, passed)
        return await json_of(upstream, await asking)
    finally:
        await http.close()


async def test_what_goes_out() -> None:
    async with standing(echo) as stand:
        host = stand.url.split("/")[2]
        assert await answered(stand, "a/b", b'{"x": 1}', "you", key="sk-1") == {
            "method": "POST",
            "url": "/v1/a/b",
            "body": {"x": 1},
            "host": host,
            "authorization": "Bearer sk-1",
            "content-type": "application/json",
            "accept-encoding": "identity",
            "x-antiphon-servers": "you,me",
        }
        told = await answered(stand, "../ä b%20c?q=ü&r=1", None)
        assert (told["method"], told["url"]) == ("GET", "/%C3%A4%20b%20c?q=%C3%BC&r=1")
        assert (told["authorization"], told["content-type"], told["body"]) == (None, None, None)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://127.0.0.1:99999/v1", ""),
        ("http://ab..c/v1", ""),
        ("http://127.0.0.1:9/v1", "a\r\nX-Evil: 1"),
        ("http://127.0.0.1:9/v1", "schlüssel"),
    ],
)
async def test_what_can_be_no_address_or_key_is_the_upstreams_fault(url: str, key: str) -> None:
    http = Http()
    with pytest.raises(UpstreamFault) as caught:
        await http.post(Upstream(name="up", url=url, key=key), "x", b"{}")
    assert caught.value.elsewhere and not caught.value.retryable
    assert not key or key not in caught.value.message
    await http.close()


async def test_a_body_that_comes_packed_unasked() -> None:
    async def packed(request: web.Request, _: Any) -> web.StreamResponse:
        encoding = request.path.rpartition("/")[2]
        body = {"gzip": gzip.compress(LONG), "deflate": zlib.compress(LONG), "broken": b"\x1f\x8b no"}.get(
            encoding, b""
        )
        return web.Response(body=body, headers={"Content-Encoding": encoding.replace("broken", "gzip")})

    async with standing(packed) as stand:
        for encoding in ("gzip", "deflate"):
            assert await answered(stand, encoding, b"{}") == [0] * 2_000_000
        with pytest.raises(UpstreamFault, match="in a way that can't be read"):
            await answered(stand, "broken", b"{}")
        with pytest.raises(UpstreamFault, match="in an encoding that was not asked for, 'br'"):
            await answered(stand, "br", b"{}")


async def test_what_is_left_at_the_end_keeps_its_connection_and_what_goes_on_does_not() -> None:
    ports: list[int] = []

    async def noted(request: web.Request, body: Any) -> web.StreamResponse:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername")[1])
        return await streaming(b"a", 0.05, b"b", *([30.0] if body == {"long": 1} else []))(request, body)

    async with standing(noted) as stand:
        http = Http()
        for body in (b"{}", b"{}", b'{"long": 1}'):
            answer = await http.post(stand.upstream(), "x", body)
            assert await anext(answer) == b"a"
            answer.leave()
            await asyncio.sleep(0.2)
        async with asyncio.timeout(20):
            while not stand.left:  # noqa: ASYNC110  seen from outside
                await asyncio.sleep(0.05)
        assert len(set(ports)) == 1
        await http.close()


async def test_closing_breaks_off_what_is_read() -> None:
    async with standing(streaming(b"a", 30.0)) as stand:
        http = Http()
        answer = await http.post(stand.upstream(), "x", b"{}")
        reading = asyncio.ensure_future(answer.read())
        await asyncio.sleep(0.05)
        await http.close()
        with pytest.raises(UpstreamFault, match="broke off its answer"):
            await reading
