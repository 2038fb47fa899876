"""The servers that are measured: starts each before the fake upstream, and ends it by its process id.

Knows nothing of figures. A server that can't be had or does not answer raises Missing, with the reason and the
remedy in one line; the others are measured all the same.
"""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from bench.proxy.load import SCENARIOS, Target
from bench.proxy.tools import CACHE, Missing, built
from tests.served import environment, free_port

AGENTIC = "0.9.0"
"""The version of agentic-api that is fetched from the package index."""
READY_WITHIN = 30.0
"""Seconds in which a server must answer its first request."""

NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream fake {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port}; keepalive_requests 1000000;
    location / {{
      proxy_pass http://fake; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


class Yard:
    """Where they run: a folder, and the stack that ends them all. The fake upstream runs from the start."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.upstream = self.serve("fakeup", lambda port: [built("fakeup"), port], "chat")

    @cached_property
    def between(self) -> Target:
        """The Antiphon that speaks Responses to agentic-api; it keeps nothing, and is not counted."""
        return self.antiphon("between", "--ephemeral")

    def antiphon(self, name: str, *options: str) -> Target:
        """An Antiphon before the fake upstream, in a folder of its own."""
        names = sorted({scenario.model for scenario in SCENARIOS.values()})
        config = [f'[upstreams.fake]\nurl = "http://127.0.0.1:{self.upstream.port}/v1"\nkind = "chat"\n']
        config += [f'[models.{name}]\nupstreams = ["fake"]\n' for name in names]
        self.folder(name).joinpath("antiphon.toml").write_text("".join(config))
        command = [sys.executable, "-m", "antiphon", "serve", "--data", "data", "--log-level", "warning", *options]
        return self.serve(name, lambda port: [*command, "--port", port], "responses")

    def folder(self, name: str) -> Path:
        """A server's own folder."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def serve(
        self, name: str, command: Callable[[int], list[object]], api: str, extra: dict[str, str] | None = None
    ) -> Target:
        """Start a server and wait until it has answered a request. Raises Missing, with what it wrote last."""
        port = free_port()
        folder = self.folder(name)
        process = self._stack.enter_context(started(list(map(str, command(port))), folder, extra or {}))
        target = Target(port, process.pid, api)
        until, said = time.monotonic() + READY_WITHIN, "nothing"
        while time.monotonic() < until and process.poll() is None:
            said = asked(target)
            if not said:
                return target
            time.sleep(0.05)
        wrote = (folder / "log").read_text(errors="replace").strip().splitlines()
        if process.returncode is not None:
            raise Missing(f"{name} ended with {process.returncode}: {wrote[-1] if wrote else 'it wrote nothing'}")
        raise Missing(f"{name} answered no request in {READY_WITHIN:.0f} s: {said}")


@contextmanager
def started(command: list[str], folder: Path, extra: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in that folder, writing to `log` there; ended when this is left. Its own session keeps Ctrl-C to us."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment() | extra, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def asked(target: Target) -> str:
    """Ask once; what stood in the way, empty where the answer was 200."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=10)
    try:
        body = json.dumps(target.body(SCENARIOS["ns1"]))
        connection.request("POST", target.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        read = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
    return "" if answer.status == 200 else f"{answer.status} {read[:200].decode(errors='replace')}"


def nginx(yard: Yard) -> Target:
    """A bare proxy: nginx with one process, no translation, no log."""
    program = shutil.which("nginx", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/usr/local/sbin")))
    if program is None:
        raise Missing("nginx is not here: apt-get install nginx-light")
    folder = yard.folder("nginx")
    config = folder / "nginx.conf"

    def command(port: int) -> list[object]:
        config.write_text(NGINX.format(folder=folder, port=port, upstream=yard.upstream.port))
        return [program, "-c", config, "-e", "stderr"]

    return yard.serve("nginx", command, "chat")


def agentic(yard: Yard, name: str) -> Target:
    """The server of agentic-api, behind it an Antiphon, since its upstream has to speak Responses."""
    program = fetched()
    folder = yard.folder(name)
    # No setting of whoever runs this, and no key of theirs.
    own = {"AGENTIC_API_HOME": str(folder), "HOME": str(folder), "OPENAI_API_KEY": "none", "DATABASE_URL": ""}
    command = [program, "--llm-api-base", f"http://127.0.0.1:{yard.between.port}", "--skip-llm-ready-check"]
    command += ["--db-url", f"sqlite://{folder}/agentic.db?mode=rwc", "--gateway-host", "127.0.0.1", "--gateway-port"]
    return yard.serve(name, lambda port: [*command, port], "responses", own)


def fetched() -> Path:
    """The program of agentic-api, installed once into a virtual environment of its own. Raises Missing."""
    home = CACHE / f"agentic-api-{AGENTIC}"
    program = home / "bin" / "agentic-server"
    if program.exists():
        return program
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        home,
        "install",
        "--quiet",
    ]
    commands: list[list[str | Path]] = [
        [sys.executable, "-m", "venv", "--without-pip", "--clear", home],
        [*pip, "--only-binary", ":all:", f"agentic-api=={AGENTIC}"],
    ]
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        except subprocess.TimeoutExpired:
            raise Missing(f"agentic-api {AGENTIC} could not be fetched in 300 s") from None
        if done.returncode:
            why = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise Missing(f"agentic-api {AGENTIC} can't be installed: {''.join(why)}")
    return program


class Contender(Struct, frozen=True):
    """A row: a server, and how it is asked. `start` gives the running server, or raises Missing."""

    key: str
    name: str
    start: Callable[[Yard], Target]
    store: bool | None = None


CONTENDERS = {
    one.key: one
    for one in (
        Contender("direct", "direct hit", lambda yard: yard.upstream),
        Contender("nginx", "nginx, bare proxy", nginx),
        Contender("antiphon", "Antiphon, store:false", lambda yard: yard.antiphon("antiphon"), store=False),
        Contender("antiphon-stored", "Antiphon, stored", lambda yard: yard.antiphon("antiphon-stored"), store=True),
        Contender("agentic-api", "agentic-api, store:false", lambda yard: agentic(yard, "agentic-api"), store=False),
        Contender(
            "agentic-api-stored", "agentic-api, stored", lambda yard: agentic(yard, "agentic-api-stored"), store=True
        ),
    )
}
