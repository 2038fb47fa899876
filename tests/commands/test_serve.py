"""`antiphon serve` as a person meets it: what it says first, and what it says when it can't."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.commands.serve import banner, taken
from antiphon.settings import Settings
from tests.served import Server, free_port


def test_it_says_where_it_is_and_what_to_try(server: Server) -> None:
    told = server.wrote()
    assert f"Antiphon at {server.url} " in told
    assert f"curl {server.url}/responses -H" in told
    assert "Model: scripted" in told


@pytest.mark.parametrize(("host", "named"), [("::1", "[::1]"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])  # noqa: S104  nothing listens there
def test_the_address_it_names_is_one_that_can_be_called(host: str, named: str) -> None:
    assert f"http://{named}:9000/v1" in banner(Settings(host=host, port=9000))


def test_a_port_that_is_in_use_is_one_clear_line(server: Server, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "antiphon", "serve", "--model", "scripted", "--ephemeral", "--port", str(server.port)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        f"antiphon: port {server.port} of 127.0.0.1 is in use: "
        "stop what listens there, or choose another with --port.\n"
    )


def test_an_address_that_is_not_this_machines() -> None:
    told = taken("192.0.2.1", 8484)  # reserved for documents: nobody has it
    assert told is not None
    assert told.startswith("can't listen on 192.0.2.1, port 8484: ")


def test_a_name_that_nobody_knows() -> None:
    told = taken("nowhere.invalid", 8484)
    assert told is not None
    assert told.startswith("can't listen on nowhere.invalid, port 8484: ")


def test_a_port_that_was_just_left_is_free() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listening:
        assert taken("127.0.0.1", port) is not None
        with socket.create_connection(("127.0.0.1", port)):
            listening.accept()[0].close()
    assert taken("127.0.0.1", port) is None
