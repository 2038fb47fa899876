"""Addresses: which of them are the public internet's.

Knows nothing of names: whoever resolves one asks about each address that it gave.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NEVER_4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; some clouds' metadata stand there
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host, seen from its guests
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]

_UNICAST_6 = IPv6Network("2000::/3")
"""All that is given out; loopback, mapped and NAT64 addresses, unique-local, link-local and multicast lie outside."""

_NEVER_6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo and other protocols' own
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",
    )
]


def public(text: str) -> bool:
    """Whether an IP address belongs to the public internet, by the IANA registries of special-purpose addresses.

    No text that isn't an address does. One that holds an IPv4 address (mapped, 6to4, NAT64, Teredo) doesn't either.
    The lists are ours, for those of `ipaddress` differ between the versions of Python.
    """
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NEVER_4)
    return address.scope_id is None and address in _UNICAST_6 and not any(address in network for network in _NEVER_6)
