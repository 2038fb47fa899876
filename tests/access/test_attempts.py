"""Wrong keys are counted by address, and the address is the client's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.access.attempts import FAILURES, REMEMBERED, SECONDS, Attempts, Proxies
from antiphon.core.problems import Problem
from tests.store.made import Clock


def failing(attempts: Attempts, address: str, times: int) -> None:
    for number in range(times):
        attempts.failed(address, b"wrong%d" % number)


def test_after_too_many_failures_an_address_waits_and_no_longer_than_it_must() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    failing(attempts, "10.0.0.1", FAILURES - 1)
    attempts.check("10.0.0.1", b"another")
    clock.now += 10
    failing(attempts, "10.0.0.1", 1)
    with pytest.raises(Problem) as found:
        attempts.check("10.0.0.1", b"another")
    assert found.value.status == 429 and found.value.code == "too_many_attempts"
    assert found.value.retry_after == SECONDS - 10
    attempts.check("10.0.0.2", b"another")
    clock.now += SECONDS - 10
    attempts.check("10.0.0.1", b"another")


def test_a_key_that_was_good_from_there_goes_on_to_work() -> None:
    attempts = Attempts(Clock())
    attempts.worked("10.0.0.1", b"good")
    failing(attempts, "10.0.0.1", FAILURES)
    attempts.check("10.0.0.1", b"good")
    attempts.failed("10.0.0.1", b"good")
    with pytest.raises(Problem):
        attempts.check("10.0.0.1", b"good")


def test_the_addresses_of_one_ipv6_network_count_as_one_and_mapped_ones_as_ipv4() -> None:
    attempts = Attempts(Clock())
    for number in range(FAILURES // 2):
        attempts.failed(f"2001:db8::{number:x}", b"wrong")
        attempts.failed("::ffff:10.0.0.1", b"wrong")
        attempts.failed("2001:db8::1:0:0:0", b"wrong")
        attempts.failed("10.0.0.1", b"wrong")
    for address in ("2001:db8::ffff", "10.0.0.1"):
        with pytest.raises(Problem):
            attempts.check(address, b"another")
    attempts.check("2001:db8:0:1::1", b"another")


def test_what_is_remembered_is_bounded() -> None:
    attempts = Attempts(Clock())
    failing(attempts, "10.9.9.9", FAILURES)
    for number in range(REMEMBERED):
        attempts.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", b"wrong")
    attempts.check("10.9.9.9", b"another")  # forgotten


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.7 , 192.168.7.7"], "203.0.113.7"),
        ("10.0.0.1", ["10.2.2.2, 10.3.3.3"], "10.2.2.2"),
        ("10.0.0.1", ["203.0.113.7:5678"], "203.0.113.7"),
        ("10.0.0.1", ["[2001:db8::7]:5678"], "2001:db8::7"),
        ("10.0.0.1", ["2001:DB8::7"], "2001:db8::7"),
        ("10.0.0.1", ["203.0.113.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("192.168.7.8", ["203.0.113.7"], "192.168.7.8"),
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("2001:db8:1::5", ["203.0.113.7"], "203.0.113.7"),
        ("", ["203.0.113.7"], ""),
    ],
)
def test_the_client_is_the_rightmost_that_no_trusted_proxy_vouches_for(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert Proxies(["10.0.0.0/8", " 192.168.7.7", "2001:db8:1::/48"]).client(peer, forwarded) == client


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert Proxies([]).client("127.0.0.1", ["203.0.113.7"]) == "127.0.0.1"


def test_what_is_no_address_is_named() -> None:
    with pytest.raises(ValueError, match=r"'proxy\.example'"):
        Proxies(["proxy.example"])


@given(st.text(max_size=60))
def test_no_header_breaks_it(header: str) -> None:
    assert isinstance(Proxies(["10.0.0.0/8"]).client("10.0.0.1", [header]), str)
