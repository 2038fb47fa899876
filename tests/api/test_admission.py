"""Which requests may come in: hosts, origins, forwarded headers, preflights."""

from typing import Any

import pytest

from antiphon.api.admission import Admission
from antiphon.api.exchange import Exchange
from antiphon.core.problems import Problem
from tests.asgi import Entry, serving

pytestmark = pytest.mark.anyio

MINE = Admission()
NAMED = Admission(hosts=frozenset({"duck.example"}), origins=frozenset({"https://app.example"}))
WIDE = Admission(any_address=True)


async def unused(*_: Any) -> Any:
    raise AssertionError("nothing of the body is read here")


def said(admission: Admission, **headers: str) -> str | None:
    """The code of the refusal, or the origin that may read."""
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    exchange = Exchange({"headers": pairs}, unused, unused)
    try:
        found = admission.origin(exchange)
        admission.check_open(exchange)
    except Problem as problem:
        return problem.code if problem.status == 403 else str(problem.status)
    return found


@pytest.mark.parametrize(
    ("admission", "host", "may"),
    [
        (MINE, "localhost", True),
        (MINE, "localhost:8484", True),
        (MINE, "LOCALHOST", True),
        (MINE, "app.localhost:1", True),
        (MINE, "127.0.0.1:8484", True),
        (MINE, "127.9.9.9", True),
        (MINE, "[::1]:8484", True),
        (MINE, "", False),
        (MINE, ":8484", False),
        (MINE, "evil.example", False),
        (MINE, "localhost.evil.example", False),
        (MINE, "127.0.0.1.evil.example", False),
        (MINE, "evil.example@localhost.evil", False),
        (MINE, "duck.example", False),
        (MINE, "192.168.1.2", False),
        (MINE, "[fe80::1]", False),
        (MINE, "[", False),
        (MINE, "2130706433", False),
        (NAMED, "duck.example:8484", True),
        (NAMED, "DUCK.example", True),
        (NAMED, "sub.duck.example", False),
        (WIDE, "192.168.1.2:8484", True),
        (WIDE, "[fe80::1]", True),
        (WIDE, "evil.example", False),
    ],
)
def test_hosts(admission: Admission, host: str, may: bool) -> None:  # noqa: FBT001  a row of the table
    assert said(admission, host=host) == (None if may else "host_not_allowed")


@pytest.mark.parametrize(
    ("admission", "origin", "answer"),
    [
        (MINE, "http://localhost:8484", None),
        (MINE, "https://localhost:8484", None),
        (MINE, "http://localhost", "origin_not_allowed"),
        (MINE, "http://localhost:1", "origin_not_allowed"),
        (MINE, "https://app.example", "origin_not_allowed"),
        (MINE, "null", "origin_not_allowed"),
        (MINE, "file://", "origin_not_allowed"),
        (MINE, "", "origin_not_allowed"),
        (NAMED, "https://app.example", "https://app.example"),
        (NAMED, "http://app.example", "origin_not_allowed"),
        (NAMED, "https://app.example.evil", "origin_not_allowed"),
    ],
)
def test_origins(admission: Admission, origin: str, answer: str | None) -> None:
    assert said(admission, host="localhost:8484", origin=origin) == answer


@pytest.mark.parametrize("name", ["forwarded", "x_forwarded_for", "x_forwarded_host", "x_forwarded_proto", "x_real_ip"])
def test_proxies(name: str) -> None:
    for admission in (MINE, NAMED, WIDE):
        assert said(admission, host="localhost", **{name: "127.0.0.1"}) == "forwarded_not_allowed"


def test_without_a_host() -> None:
    assert said(MINE) == "host_not_allowed"
    assert said(MINE, origin="http://localhost") == "origin_not_allowed"


async def test_an_allowed_origin_may_ask_and_read() -> None:
    async with serving(entry=Entry(NAMED)) as server:
        foreign = {"origin": "https://app.example"}
        preflight = await server.ask("OPTIONS", "/v1/responses", None, foreign)
        assert preflight.status == 204 and not preflight.body
        assert preflight.headers["access-control-allow-origin"] == "https://app.example"
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        for stream in (False, True):
            answer = await server.create("a", foreign, stream=stream)
            assert answer.headers["access-control-allow-origin"] == "https://app.example"
            assert answer.headers["vary"] == "Origin"
        refused = await server.ask("GET", "/v1/nothing", None, foreign)
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (404, "https://app.example")
        assert "access-control-allow-origin" not in (await server.create("a")).headers
        other = await server.ask("OPTIONS", "/v1/responses", None, {"origin": "https://evil.example"})
        assert other.error() == (403, "origin_not_allowed", None)
        assert "access-control-allow-origin" not in other.headers
