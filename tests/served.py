"""The real server as a process, for tests that come in by the door.

Knows nothing of what is asked of it.
"""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ENGINE_THREADS = 1 if "PYTEST_XDIST_WORKER" in os.environ else None
"""Of the embedded engine: its threads wait for one another busily, so two tests at once get a core each."""
READY_WITHIN = 120.0
"""Seconds in which a server must be ready; it bounds a test that would hang, and measures nothing."""


@dataclass(frozen=True)
class Server:
    """A server that runs. `url` is its base, with `/v1`; `data` its own folder."""

    model: str
    port: int
    data: Path
    pid: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def wrote(self) -> str:
        """All that it has written, once it is quiet: a usual line may wait for others (`observe.logs`)."""
        told, until = self.log.read_text(errors="replace"), time.monotonic() + 5
        while time.monotonic() < until:
            time.sleep(0.2)
            before, told = told, self.log.read_text(errors="replace")
            if told == before:
                break
        return told


@contextmanager
def serving(model: str, data: Path, *options: str) -> Iterator[Server]:
    """A server of that model that keeps nothing, from the moment when it is ready. It is ended by its process id."""
    with running(model, data, "--ephemeral", *options) as (server, _):
        yield server


@contextmanager
def running(
    model: str, data: Path, *options: str, port: int | None = None, **environ: str
) -> Iterator[tuple[Server, subprocess.Popen[bytes]]]:
    """A server that keeps what it is told in `data`, and its process, which may be ended before this is left.

    It finds its settings there too. Without a model it has those of its upstreams only.
    """
    port = port or free_port()
    log = data / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command(model, data, port), *options],
            cwd=data,
            env=environment() | environ,
            stdout=output,
            stderr=output,
        )
    server = Server(model, port, data, process.pid, log)
    try:
        _wait(process, server)
        yield server, process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not end when told to:\n{server.wrote()[-2000:]}") from None


def command(model: str, data: Path, port: int) -> list[str]:
    """The command that serves."""
    return [
        *(sys.executable, "-m", "antiphon", "serve", "--port", str(port)),
        *(("--model", model) if model else ()),
        *("--data", str(data)),
    ]


def environment() -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANTIPHON_")}
    return kept if ENGINE_THREADS is None else kept | {"ANTIPHON_THREADS": str(ENGINE_THREADS)}


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], server: Server) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}:\n{server.wrote()[-2000:]}")
        if _ready(server.port):
            return
        time.sleep(0.05)
    raise AssertionError(f"the server was not ready after {READY_WITHIN} s:\n{server.wrote()[-2000:]}")


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
