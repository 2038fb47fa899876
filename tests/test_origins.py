"""Web pages that may call: those whose origin a setting allows."""

from collections.abc import Iterator

import pytest

from tests.asking import JSON_TYPE, ask, refused
from tests.served import Server, serving

BODY = b'{"model": "scripted", "input": "a"}'
APP = "https://app.example"


@pytest.fixture(scope="module")
def allowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = ("--allowed-origins", APP, "--allowed-hosts", "box.example")
    with serving("scripted", tmp_path_factory.mktemp("allowing"), *options) as server:
        yield server


def test_an_allowed_origin_may_read_the_answer(allowing: Server) -> None:
    answer = ask(allowing, "POST", "/v1/responses", BODY, JSON_TYPE | {"Origin": APP})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["vary"] == "Origin"


def test_an_allowed_origin_may_read_a_refusal(allowing: Server) -> None:
    answer = ask(allowing, "POST", "/v1/responses", b"{", JSON_TYPE | {"Origin": APP})
    assert refused(answer) == (400, "invalid_json", None)
    assert answer.headers["access-control-allow-origin"] == APP


def test_an_allowed_origin_may_ask_first(allowing: Server) -> None:
    asks = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = ask(allowing, "OPTIONS", "/v1/responses", None, asks)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == APP
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize("origin", [f"{APP}.evil.example", "https://app.example:444", "http://app.example"])
def test_an_origin_that_looks_like_it_may_not(allowing: Server, origin: str) -> None:
    assert refused(ask(allowing, "POST", "/v1/responses", BODY, JSON_TYPE | {"Origin": origin}))[0] == 403


def test_an_allowed_name_is_a_good_host(allowing: Server) -> None:
    assert ask(allowing, "GET", "/v1/models", None, {"Host": "box.example"}).status == 200
    assert refused(ask(allowing, "GET", "/v1/models", None, {"Host": "other.example"}))[0] == 403
