"""Requests at the wrong place or in the wrong name: paths, methods, hosts, origins, proxies."""

import http.client

import pytest

from tests.asking import JSON_TYPE, Answer, ask, check_refusal, read, refused
from tests.served import Server


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v2/responses",
        "/v1/response",
        "/v1//responses",
        "/v1/nothing/at/all",
        "/v1/%00",
        "/v1/%ff",
        "/?a=b",
    ],
)
def test_an_unknown_path(server: Server, path: str) -> None:
    for method in ("GET", "POST"):
        assert refused(ask(server, method, path)) == (404, None, None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/responses"),
        ("PATCH", "/v1/responses"),
        ("PUT", "/v1/responses/resp_1"),
        ("POST", "/v1/models"),
        ("POST", "/v1/models/scripted"),
        ("POST", "/healthz"),
        ("DELETE", "/metrics"),
        ("PURGE", "/v1/responses"),
    ],
)
def test_a_method_that_is_not_possible(server: Server, method: str, path: str) -> None:
    answer = ask(server, method, path)
    assert refused(answer) == (405, "method_not_allowed", None)
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "name", ["resp_nothing", "x", "resp_" + "0" * 5000, "%00", "%F0%9F%A6%86", "..%2f..%2fetc", "resp_1%0d%0aa"]
)
def test_an_unknown_response(server: Server, name: str) -> None:
    answer = ask(server, "GET", f"/v1/responses/{name}")
    assert answer.status == 404
    check_refusal(answer)


def from_host(server: Server, host: str | None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.putrequest("GET", "/v1/models", skip_host=True)
        if host is not None:
            connection.putheader("Host", host)
        connection.endheaders()
        return read(connection.getresponse())
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:8484",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example#localhost",
        "evil.example@localhost.evil",
        "10.0.0.1",
        "0.0.0.0",  # noqa: S104  a name that is asked for, nothing that listens
        "[fe80::1]",
        "[",
    ],
)
def test_a_host_that_is_not_this_machine(server: Server, host: str | None) -> None:
    """A page of another name must not reach a server on loopback (DNS rebinding)."""
    answer = from_host(server, host)
    check_refusal(answer)
    assert answer.status in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST:1", "127.0.0.2:8484", "app.localhost"])
def test_a_host_that_is_this_machine(server: Server, host: str) -> None:
    assert from_host(server, host).status == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1", "file://"]
)
def test_another_origin(server: Server, origin: str) -> None:
    body = b'{"model": "scripted", "input": "a"}'
    answer = ask(server, "POST", "/v1/responses", body, JSON_TYPE | {"Origin": origin})
    assert refused(answer)[0] == 403
    assert "access-control-allow-origin" not in answer.headers
    preflight = ask(
        server, "OPTIONS", "/v1/responses", None, {"Origin": origin, "Access-Control-Request-Method": "POST"}
    )
    assert refused(preflight)[0] == 403
    assert "access-control-allow-origin" not in preflight.headers


def test_its_own_origin(server: Server) -> None:
    body = b'{"model": "scripted", "input": "a"}'
    origin = {"Origin": f"http://127.0.0.1:{server.port}"}
    assert ask(server, "POST", "/v1/responses", body, JSON_TYPE | origin).status == 200


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"])
def test_a_forwarded_request(server: Server, name: str) -> None:
    assert refused(ask(server, "GET", "/v1/models", None, {name: "127.0.0.1"}))[0] == 403
