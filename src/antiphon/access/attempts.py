"""Attempts: who has shown wrong keys too often, and whose address a request comes from.

Knows nothing of keys: of each it sees the digest only.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from antiphon.core.problems import Problem

FAILURES, SECONDS = 20, 60
"""How many wrong keys an address may show, and within how long."""
REMEMBERED = 10_000
"""Addresses with failures, and pairs of address and good key, of which no more are kept; the oldest go first."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Attempts:
    """Failures by address, in a window that slides. `clock` gives seconds.

    A good key goes on to work from where it worked before, whoever else sits behind the same address.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._good: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def check(self, address: str, digest: bytes) -> None:
        """Raises `Problem` 429 where the address has failed too often, unless this key was good from there before."""
        if not self._failures:
            return
        failures = self._failures.get(_household(address))
        if failures is None or len(failures) < FAILURES or (address, digest) in self._good:
            return
        wait = failures[0] + SECONDS - self._clock()
        if wait > 0:
            raise Problem(
                429,
                "too_many_attempts",
                f"Too many wrong API keys came from this address. Try again in {math.ceil(wait)} s.",
                retry_after=wait,
            )

    def failed(self, address: str, digest: bytes) -> None:
        """A key that came from there was wrong."""
        self._good.pop((address, digest), None)
        household = _household(address)
        failures = self._failures.setdefault(household, deque(maxlen=FAILURES))
        failures.append(self._clock())
        self._failures.move_to_end(household)
        _bound(self._failures)

    def worked(self, address: str, digest: bytes) -> None:
        """A key that came from there was good."""
        pair = address, digest
        if pair not in self._good:
            self._good[pair] = None
            _bound(self._good)


class Proxies:
    """The proxies that are believed when they say for whom they ask: addresses and networks.

    Raises `ValueError`, which names it, for one that is neither.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted: tuple[Network, ...] = tuple(ip_network(one.strip(), strict=False) for one in trusted)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """The address that a request comes from: the peer's, or that which the trusted among its proxies tell.

        `forwarded` are the values of `X-Forwarded-For`, in order. What an untrusted address says is not believed, so
        it is the rightmost untrusted; an entry that is no address ends the search at the one who wrote it.
        """
        if not (self._trusted and forwarded):
            return peer
        address = peer
        for entry in reversed(",".join(forwarded).split(",")):
            found = _parsed(address)
            told = _parsed(_bare(entry))
            if found is None or not self._trusts(found) or told is None:
                break
            address = str(told)
        return address

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _bare(entry: str) -> str:
    """An entry without its port: some proxies write `1.2.3.4:5678`, or `[2001:db8::1]:5678`."""
    entry = entry.strip()
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _household(address: str) -> str:
    """What is counted as one: an IPv4 address, or the /64 of an IPv6 one, which a single machine has for itself."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, 64), strict=False))
    return address if found is None else str(found)


def _bound(kept: OrderedDict[str, deque[float]] | OrderedDict[tuple[str, bytes], None]) -> None:
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
