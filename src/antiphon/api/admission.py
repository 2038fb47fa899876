"""Admission: which requests may come in at all, before anything of them is read.

Knows nothing of keys or of what is asked. An open server trusts whoever reaches it, so it
makes sure that no web page and no proxy reaches it in somebody's name: the `Host` must name
this machine (DNS rebinding), another origin needs a setting, forwarded headers are refused.
Where keys are needed they protect the server; only the origin is looked at.
"""

from functools import lru_cache
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from antiphon.api.exchange import Exchange
from antiphon.core.problems import Problem

FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"})


class Admission(Struct, frozen=True):
    """What the settings let in.

    hosts
        names by which this machine may be called without a key, beside loopback's own.
    origins
        origins (`https://app.example`) of web pages that may call.
    any_address
        whether the server stands open beyond loopback: then any IP address is a good `Host`,
        since rebinding needs a name.
    """

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    any_address: bool = False

    def origin(self, exchange: Exchange) -> str | None:
        """The foreign origin that may read the answer, or None where there is none.

        Raises `Problem` 403 for a web page that may not call.
        """
        origin = exchange.header(b"origin")
        if origin is None or _same(origin, exchange.header(b"host")):
            return None
        if origin not in self.origins:
            raise Problem(
                403,
                "origin_not_allowed",
                "Requests of web pages from another origin are refused. Allow the origin with the setting "
                "'allowed_origins'.",
            )
        return origin

    def check_open(self, exchange: Exchange) -> None:
        """See that a request which needs no key comes from nobody else. Raises `Problem` 403."""
        forwarded = exchange.any_of(FORWARDED)
        if forwarded is not None:
            raise Problem(
                403,
                "forwarded_not_allowed",
                f"The header '{forwarded}' says that a proxy stands before this server, which is open to "
                "this machine only. Call it directly, or make a key.",
            )
        host = exchange.header(b"host")
        if host is None or not self._names_us(host):
            raise Problem(
                403,
                "host_not_allowed",
                "The 'Host' header does not name this machine. Use 127.0.0.1 or localhost, or allow the name with "
                "the setting 'allowed_hosts'.",
            )

    def _names_us(self, host: str) -> bool:
        name, kind = _meant(host)
        return kind == "loopback" or name in self.hosts or (kind == "address" and self.any_address)


@lru_cache(maxsize=64)  # to read an address takes longer than all else that is looked at
def _meant(host: str) -> tuple[str, Literal["loopback", "address", "name"]]:
    """What a `Host` header names, without its port, and what that is."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return "", "name"
    if name == "localhost" or name.endswith(".localhost"):
        return name, "loopback"
    try:
        return name, "loopback" if ip_address(name).is_loopback else "address"
    except ValueError:
        return name, "name"


def _same(origin: str, host: str | None) -> bool:
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc == host
