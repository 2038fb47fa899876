"""A client of the Responses API: asks a server for its models, and reads an answer as it is streamed.

Knows nothing of terminals. It blocks; an exception in the reader, such as Ctrl-C, closes the connection,
which is how a server learns that the answer is no longer wanted.
"""

import contextlib
import http.client
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

_OK = range(200, 201)
_ANY = range(100, 600)


class Trouble(Exception):
    """The server could not be reached, or refused; the message is for the person who asked."""


class Refused(Trouble):
    """The server answered, with another status than was hoped for."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status


class Usage(Struct):
    """What a turn took, in tokens."""

    input_tokens: int = 0
    output_tokens: int = 0


class Cut(Struct):
    """Why a response is incomplete."""

    reason: str = ""


class Fault(Struct):
    """An error as the API tells it."""

    message: str = ""


class Answer(Struct):
    """The parts of a response that a conversation needs. `output` is kept as it came, to be sent back."""

    status: str = ""
    output: list[Any] = []
    usage: Usage | None = None
    incomplete_details: Cut | None = None
    error: Fault | None = None


class Told(Struct):
    """An event of the stream: its `type`, and what this client reads of it."""

    type: str = ""
    delta: Any = ""
    response: Answer | None = None
    error: Fault | None = None
    message: str = ""


class _Refusal(Struct):
    error: Fault


class _Readiness(Struct):
    detail: str = ""


class _Model(Struct):
    id: str


class _Models(Struct):
    data: list[_Model]


def frames(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each server-sent event. Lines may end in LF or CRLF; comments and other fields are passed over."""
    data: list[bytes] = []
    for raw in lines:
        line = raw.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []


class Client:
    """Speaks to the server at a base URL such as http://127.0.0.1:8484/v1, and shows it the key, where there is one."""

    def __init__(self, url: str, key: str | None = None) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            port = parts.port
        except ValueError as error:
            raise Trouble(f"{url} is no http or https address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Trouble(f"{url} is no http or https address.")
        self._head = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self.url = parts.geturl().rstrip("/")
        self._secure = parts.scheme == "https"
        self._host, self._port, self._path = parts.hostname, port, parts.path.rstrip("/")

    def models(self) -> list[str]:
        """The names that the server serves, the default first. Raises `Trouble`."""
        with self._ask("GET", f"{self._path}/models", timeout=10) as answer:
            return [model.id for model in self._decode(answer.read(), _Models).data]

    def loading(self) -> str | None:
        """What a server that can't answer yet says of it; None where it can. Raises `Trouble`."""
        with self._ask("GET", f"{self._path.removesuffix('/v1')}/readyz", timeout=10, known=_ANY) as answer:
            body = answer.read()
            if answer.status != 503:  # a server that isn't ours may have no such path
                return None
            detail: str = self._decode(body, _Readiness).detail
            return detail

    def respond(self, model: str, instructions: str | None, items: Sequence[Any]) -> Generator[Told]:
        """Ask for a response to the items and yield its events as they come. Raises `Trouble`."""
        request = {"model": model, "input": items, "stream": True, "store": False}
        if instructions:
            request["instructions"] = instructions
        with self._ask("POST", f"{self._path}/responses", body=msgspec.json.encode(request)) as answer:
            try:
                for data in frames(answer):
                    if data == b"[DONE]":
                        return
                    yield self._decode(data, Told)
            except (OSError, http.client.HTTPException) as error:
                raise Trouble(f"{self.url} broke off: {error}") from error

    @contextlib.contextmanager
    def _ask(
        self, method: str, path: str, *, body: bytes | None = None, timeout: float | None = None, known: range = _OK
    ) -> Iterator[http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=timeout)
        try:
            try:
                connection.request(method, path, body, self._head)
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise Trouble(f"no answer from {self.url}: {error}") from error
            if answer.status not in known:
                raise Refused(self._why(answer), answer.status)
            yield answer
        finally:
            connection.close()

    def _why(self, answer: http.client.HTTPResponse) -> str:
        try:
            return msgspec.json.decode(answer.read(), type=_Refusal).error.message
        except msgspec.MsgspecError:
            return f"{self.url} answered {answer.status} {answer.reason}"

    def _decode(self, body: bytes, kind: type[Any]) -> Any:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError as error:
            raise Trouble(f"{self.url} does not speak the Responses API: {error}") from error
