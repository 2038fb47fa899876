"""A server of one's own: started as a child process for as long as it is needed.

Knows nothing of what it is asked.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from antiphon.commands.client import Client, Trouble


@contextlib.contextmanager
def server(model: str | None) -> Iterator[Client]:
    """Serve on a free port of this machine, and end it afterwards; settings come from environment and file.

    Raises `Trouble` where it ends before it listens.
    """
    port = _free_port()
    command = [sys.executable, "-m", "antiphon", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--ephemeral", "--log-level", "error", "--contract", "openai", *(["--model", model] if model else [])]
    # A process group of its own: Ctrl-C is meant for the answer, not for the server.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        client = Client(f"http://127.0.0.1:{port}/v1")
        _await(child, port)
        yield client
    finally:
        _end(child)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(child: "subprocess.Popen[bytes]", port: int) -> None:
    while child.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise Trouble(f"the server ended with status {child.returncode} before it listened.")


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
