"""A model hub on 127.0.0.1: it speaks as much of the hub's protocol as a download needs. Files are put into it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import ClassVar

import pytest


class Hub(ThreadingHTTPServer):
    """`files` by `ORG/REPO/FILE`; `asked` are the (method, path, Range) so far."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.closing = Event()
        self.silent = False  # takes connections and never answers
        self.breaks_after: int | None = None  # bytes of the next body, after which the connection is cut, once
        self.sum: str | None = None  # told instead of the true one

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def ranges(self) -> list[str | None]:
        """The Range of each body that was asked for."""
        return [range_ for method, _, range_ in self.asked if method == "GET"]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that stops reading is what some tests are about."""


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub
    commit: ClassVar = "a" * 40

    def log_message(self, *args: object) -> None:
        """Nothing on the terminal."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub = self.server
        hub.asked.append((self.command, self.path, self.headers.get("Range")))
        if hub.silent:
            hub.closing.wait(60)
            return
        org, repo, _, _, *file = self.path.strip("/").split("/")
        content = hub.files.get("/".join((org, repo, *file)))
        self.send_response(404 if content is None else 206 if "Range" in self.headers else 200)
        if content is None:
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("ETag", f'"{hub.sum or hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content) - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            end, hub.breaks_after = hub.breaks_after, None
            self.wfile.write(content[begin : None if end is None else begin + end])
            self.close_connection = end is not None


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that answers while the block runs, and that is the hub for whoever asks the environment."""
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        thread = Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        hub.closing.set()
        hub.shutdown()
        thread.join()
