"""No address that is not the public internet's passes for one."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.tools.addresses import public

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "172.32.0.1", "100.63.255.255", "2606:4700:4700::1111", "2a00::1"]

NOT_PUBLIC = [
    *["0.0.0.0"],  # noqa: S104  # an address to refuse, not one to listen on
    *["0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"],
    *["169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1"],
    *["198.18.0.1", "198.51.100.1", "203.0.113.7", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"],
    *["::", "::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b::8.8.8.8"],
    *["64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1"],
    *["fd00:ec2::254", "fe80::1", "fe80::1%lo", "2606:4700::1%eth0", "fec0::1", "ff02::1"],
    *["", "localhost", "127.1", "2130706433", "0x7f000001", "8.8.8.8 ", "8.8.8.8/32", "[::1]"],
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_is(address: str) -> None:
    assert not public(address)


@given(st.ip_addresses())
def test_nothing_is_public_that_python_knows_to_be_special(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if public(str(address)):
        assert address.is_global and not address.is_multicast and not address.is_reserved
