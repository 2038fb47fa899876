"""Servers whose upstreams lead in a circle: the request comes back refused, and it is said which upstream it is."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError, OpenAI

from tests.served import Server, environment, free_port, running

AROUND = """
[upstreams.next]
url = "http://127.0.0.1:{port}/v1"
kind = "responses"
[models.m]
upstreams = ["next"]
"""


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two servers, each of which has the other as its upstream."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    ports = [free_port(), free_port()]
    for folder, port in zip(folders, reversed(ports), strict=True):
        (folder / "antiphon.toml").write_text(AROUND.format(port=port))
    with (
        running("", folders[0], "--ephemeral", port=ports[0]) as (one, _),
        running("", folders[1], "--ephemeral", port=ports[1]) as (two, _),
    ):
        yield one, two


def refused(asking: Callable[..., Any], **asked: Any) -> tuple[int, str | None, str | None]:
    """Status, code and `x-should-retry` of a refusal."""
    with pytest.raises(APIStatusError) as caught:
        asking(model="m", input="hi", **asked)
    return caught.value.status_code, caught.value.code, caught.value.response.headers.get("x-should-retry")


def client(server: Server) -> OpenAI:
    return OpenAI(base_url=server.url, api_key="none", max_retries=0)


@pytest.mark.parametrize("asked", [{}, {"stream": True}, {"store": False}])
def test_a_request_that_comes_back_is_refused(circle: tuple[Server, Server], asked: dict[str, Any]) -> None:
    assert refused(client(circle[0]).responses.create, **asked) == (508, "upstream_cycle", "false")


def test_so_is_one_for_a_count(circle: tuple[Server, Server]) -> None:
    assert refused(client(circle[0]).responses.input_tokens.count) == (508, "upstream_cycle", "false")


def test_which_upstream_it_is_stands_in_a_line(circle: tuple[Server, Server]) -> None:
    told = upstreams(circle[0].data, "--port", str(circle[0].port))
    assert told == ["next", "unusable", "responses", "leads back to this server: the upstreams stand in a circle"]


def test_a_server_that_is_its_own_upstream_says_so_at_its_start(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "antiphon.toml").write_text(AROUND.format(port=port))
    with running("", tmp_path, "--ephemeral", port=port) as (server, _):
        assert '"unusable","detail":"is this server itself"' in server.wrote()
        assert refused(client(server).responses.create) == (508, "upstream_cycle", "false")
    assert upstreams(tmp_path, "--port", str(port))[3] == "is this server itself"


def upstreams(folder: Path, *options: str) -> list[str]:
    """The words of the one line that `antiphon upstreams` prints."""
    command = [sys.executable, "-m", "antiphon", "upstreams", *options]
    told = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment(), timeout=60, check=False
    )
    assert told.returncode == 1, told.stderr
    (line,) = told.stdout.splitlines()
    return line.split(None, 3)
