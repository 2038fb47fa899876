"""Fetching: what stands at an address that a request gives, from the public internet only.

Knows nothing of what is fetched, nor of who asks.

The rules of this file:
- http and https only, without credentials; nothing of the client's and no cookie goes along;
- a name is resolved once a hop, every address that it gives is checked, and only those are connected to:
  what a name resolves to afterwards changes nothing;
- each redirect is a hop like the first;
- size is counted as it comes, inflated, whatever the server says of it; time is counted over all hops.
"""

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from antiphon.core.ports import Fetched
from antiphon.core.problems import Problem
from antiphon.tools.addresses import public

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import ResolveResult
    from yarl import URL

Resolve = Callable[[str, int], Awaitable[Collection[str]]]
"""The IP addresses of a host name, for a port. Raises `OSError` where there are none."""

Wanted = Literal["image", "file"]

LONGEST_URL = 8192
_CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FetchLimits(Struct, frozen=True):
    """How much is fetched at most: bytes after inflating, seconds in all, redirects in a row."""

    size: int = 20 * 1024 * 1024
    seconds: float = 10.0
    redirects: int = 5


class _Codes(Struct, frozen=True):
    """The error codes for what is wanted (protocol §3.1): a bad address, a failed download, too many bytes."""

    url: str
    download: str
    size: str


_CODES = {
    "image": _Codes("invalid_image_url", "failed_to_download_image", "image_file_too_large"),
    "file": _Codes("invalid_value", "invalid_value", "invalid_value"),
}


async def resolved(host: str, port: int) -> list[str]:
    """The addresses that the machine's own resolver gives. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class WebFetcher:
    """Satisfies the `Fetcher` port.

    allowed
        `host:port` as they stand in addresses, which may be fetched from wherever they lead. IPv6 in brackets.
    resolve, may_reach
        how names are resolved, and which addresses may be reached where the host isn't in `allowed`.
    """

    def __init__(
        self,
        allowed: Collection[str] = (),
        limits: FetchLimits | None = None,
        *,
        resolve: Resolve = resolved,
        may_reach: Callable[[str], bool] = public,
    ) -> None:
        self._allowed = frozenset(entry.lower() for entry in allowed)
        self._limits = limits or FetchLimits()
        self._resolve = resolve
        self._may_reach = may_reach

    async def fetch(self, url: str, wanted: Wanted, *, param: str) -> Fetched:
        """What stands at `url`.

        Raises `Problem` 400 at `param`. For an image its code is `invalid_image_url` where the address is not to
        be fetched from, `failed_to_download_image` where that fails, `image_file_too_large`; for a file it is
        `invalid_value`. Messages name the host, never the whole address, which may hold a secret.
        """
        import aiohttp

        fetch = _Fetch(_CODES[wanted], param, self._limits)
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._follow(fetch, fetch.parsed(url))
        except TimeoutError:
            raise fetch.failed(f"did not come within {self._limits.seconds:g} seconds") from None
        except (aiohttp.ClientError, OSError) as fault:
            raise fetch.failed(f"could not be fetched ({type(fault).__name__})") from None

    async def _follow(self, fetch: "_Fetch", url: "URL") -> Fetched:
        for _ in range(self._limits.redirects + 1):
            fetch.host = _named(url)
            addresses = await self._addresses(fetch, url)
            async with AsyncExitStack() as stack:
                response = await _asked(stack, url, addresses)
                if response.status not in _REDIRECTS:
                    return await fetch.body(response)
                location = response.headers.get("Location", "")
            url = fetch.parsed(location, base=url)
        raise fetch.failed(f"was redirected more than {self._limits.redirects} times")

    async def _addresses(self, fetch: "_Fetch", url: "URL") -> Collection[str]:
        """The addresses to connect to, each of them checked."""
        host, port = url.raw_host or "", url.port or 0
        try:
            addresses = [host] if _is_address(host) else await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise fetch.failed("has a host whose name can't be resolved") from None
        if not addresses:
            raise fetch.failed("has a host whose name can't be resolved")
        if fetch.host not in self._allowed and not all(map(self._may_reach, addresses)):
            raise fetch.bad(
                "is not on the public internet. The server fetches from private and local addresses only where "
                f"its setting fetch_allowed lists them; there it would be '{fetch.host}'"
            )
        return addresses


class _Fetch:
    """One fetch: where it stands (`host`), and how its faults are told."""

    def __init__(self, codes: _Codes, param: str, limits: FetchLimits) -> None:
        self.host = ""
        self._codes = codes
        self._param = param
        self._limits = limits

    def bad(self, reason: str) -> Problem:
        """The address is not one to fetch from."""
        return self._problem(self._codes.url, reason)

    def failed(self, reason: str) -> Problem:
        """The download did not come to its end."""
        return self._problem(self._codes.download, reason)

    def large(self) -> Problem:
        """There is more than is taken."""
        return self._problem(self._codes.size, f"is larger than {self._limits.size} bytes")

    def parsed(self, text: str, base: "URL | None" = None) -> "URL":
        """The address to go to. Raises `Problem`."""
        from yarl import URL

        try:
            if not text or len(text) > LONGEST_URL:
                raise ValueError
            url = URL(text) if base is None else base.join(URL(text))
            if url.scheme not in {"http", "https"} or not url.raw_host or not url.port:
                raise ValueError
        except ValueError:
            where = "is no" if base is None else "leads to something that is no"
            raise self.bad(f"{where} http or https address of at most {LONGEST_URL} characters") from None
        if url.raw_user is not None or url.raw_password is not None:
            raise self.bad("holds a user name or password; credentials are not sent")
        return url

    async def body(self, response: "aiohttp.ClientResponse") -> Fetched:
        """The body, inflated. Raises `Problem` for any status but 200, and as soon as it is too large."""
        if response.status != 200:
            raise self.failed(f"could not be fetched: the server answered with status {response.status}")
        if (response.content_length or 0) > self._limits.size:
            raise self.large()
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"identity", "", "gzip", "x-gzip", "deflate"}:
            raise self.failed("came in a content encoding that was not asked for")
        inflater = None if encoding in {"identity", ""} else _Inflater(self._limits.size + 1)
        data, taken = bytearray(), 0
        async for chunk in response.content.iter_chunked(_CHUNK):
            taken += len(chunk)
            try:
                data += chunk if inflater is None else inflater.feed(chunk)
            except zlib.error:
                raise self.failed("came in a damaged content encoding") from None
            if max(taken, len(data)) > self._limits.size:
                raise self.large()
        if inflater is not None and not inflater.whole:
            raise self.failed("came in a damaged content encoding")
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Fetched(media_type, bytes(data), str(response.url))

    def _problem(self, code: str, reason: str) -> Problem:
        where = f" at '{self.host}'" if self.host else ""
        return Problem(400, code, f"What '{self._param}' points to{where} {reason}.", param=self._param)


class _Inflater:
    """Inflates gzip and zlib, of which there may be several in a row, but never more than `most` bytes in all."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._stream = zlib.decompressobj(47)  # 47: whichever of the two it is

    @property
    def whole(self) -> bool:
        """Whether it has come to an end."""
        return self._stream.eof

    def feed(self, data: bytes) -> bytes:
        """What comes of `data`; what goes beyond the bound is left where it is. Raises `zlib.error`."""
        found = []
        while data and self._left > 0:
            if self._stream.eof:
                self._stream = zlib.decompressobj(47)
            piece = self._stream.decompress(data, self._left)
            self._left -= len(piece)
            found.append(piece)
            data = self._stream.unused_data
        return b"".join(found)


async def _asked(stack: AsyncExitStack, url: "URL", addresses: Collection[str]) -> "aiohttp.ClientResponse":
    """The head of the answer, from one of the addresses and no other."""
    import aiohttp
    from aiohttp.abc import AbstractResolver

    class Pinned(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> "list[ResolveResult]":
            return [
                {
                    "hostname": host,
                    "host": address,
                    "port": port,
                    "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                    "proto": 0,
                    "flags": socket.AI_NUMERICHOST,
                }
                for address in addresses
            ]

        async def close(self) -> None:
            """Holds nothing."""

    connector = aiohttp.TCPConnector(resolver=Pinned(), use_dns_cache=False, force_close=True)
    session = await stack.enter_async_context(
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # the whole fetch is timed, over all hops
            auto_decompress=False,
            trust_env=False,  # no proxy and no .netrc: both would go around the check
        )
    )
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "antiphon"}
    return await stack.enter_async_context(session.get(url, allow_redirects=False, headers=headers))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _named(url: "URL") -> str:
    host = (url.raw_host or "").lower()
    return f"[{host}]:{url.port}" if ":" in host else f"{host}:{url.port}"
