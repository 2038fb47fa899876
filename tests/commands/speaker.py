"""A server that plays given answers and remembers what it was asked, for what the real one can't be made to do."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BREAK = b""
"""In place of a frame: break the connection off."""
HANG = b"hang"
"""In place of a frame: say nothing more until the client has gone."""


class Speaker(ThreadingHTTPServer):
    """Answers the n-th POST with the n-th script, a list of frames; its models are `one` and `two`."""

    daemon_threads = True

    def __init__(self, scripts: Sequence[Sequence[bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.scripts = list(scripts)
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Request(BaseHTTPRequestHandler):
    server: Speaker

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._json(200, {"object": "list", "data": [{"id": "one"}, {"id": "two"}]})
        else:
            self._json(404, {"error": {"message": "There is no such path."}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        script = self.server.scripts[len(self.server.asked)]
        self.server.asked.append(json.loads(body))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for frame in script:
            if frame == HANG:
                self.connection.recv(1)  # returns when the client closes
                self.server.left.set()
            if frame in (HANG, BREAK):
                return
            self.wfile.write(frame)
            self.wfile.flush()

    def _json(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def speaking(*scripts: Sequence[bytes]) -> Iterator[Speaker]:
    """A speaker that runs."""
    with Speaker(scripts) as speaker:
        thread = threading.Thread(target=speaker.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield speaker
        finally:
            speaker.shutdown()
            thread.join()


def event(kind: str, **members: object) -> bytes:
    """An event as a frame."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def answer(*words: str, item: str = "msg_1") -> list[bytes]:
    """A whole answer of those words."""
    part = {"type": "output_text", "text": "".join(words), "annotations": []}
    message = {"type": "message", "id": item, "role": "assistant", "status": "completed", "content": [part]}
    response = {
        "status": "completed",
        "output": [message],
        "usage": {"input_tokens": 1, "output_tokens": len(words)},
    }
    return [
        event("response.created", response={"status": "in_progress", "output": [], "usage": None}),
        b": a comment\n\n",
        *(event("response.output_text.delta", delta=word) for word in words),
        event("response.completed", response=response),
        b"data: [DONE]\n\n",
    ]
