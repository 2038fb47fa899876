"""Requests as bytes, and what came back: for tests that ask what no client would.

Knows nothing of what an answer should be, but for the shape of a refusal (protocol §6).
"""

import contextlib
import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.served import Server

JSON_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        assert self.headers["content-type"].partition(";")[0] == "application/json", self.headers
        return json.loads(self.body)


def ask(
    server: Server,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] = JSON_TYPE,
) -> Answer:
    """Send a request on a connection of its own. An iterable body goes out in chunks, without a length."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer before all is sent
            connection.request(method, path, body, dict(headers))
        return read(connection.getresponse())
    finally:
        connection.close()


def read(answer: http.client.HTTPResponse) -> Answer:
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def create(server: Server, body: Any) -> Answer:
    """`POST /v1/responses` with a body of JSON."""
    return ask(server, "POST", "/v1/responses", json.dumps(body).encode())


def check_refusal(answer: Answer) -> dict[str, Any]:
    """The error object of a refusal, whose shape is always the same."""
    assert 400 <= answer.status < 500, (answer.status, answer.body)
    assert answer.headers["x-request-id"].startswith("req_"), answer.headers
    told = answer.json()
    assert told.keys() == {"error"}, told
    error: dict[str, Any] = told["error"]
    assert error.keys() == {"message", "type", "param", "code"}, error
    assert isinstance(error["message"], str) and error["message"], error
    assert len(error["message"]) < 1000, error
    assert isinstance(error["type"], str), error
    for name in ("param", "code"):
        assert error[name] is None or isinstance(error[name], str), error
    assert "Traceback" not in error["message"] and 'File "' not in error["message"], error
    return error


def refused(answer: Answer) -> tuple[int, str | None, str | None]:
    """Status, code and param of a refusal."""
    error = check_refusal(answer)
    return answer.status, error["code"], error["param"]
