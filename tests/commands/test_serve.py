"""`antiphon serve` as a person meets it: what it says first, and what it says when it can't."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.commands.serve import banner, taken, unusable
from antiphon.settings import Settings
from tests.served import Server, free_port, serving


def test_it_says_where_it_is_and_what_to_try(server: Server) -> None:
    told = server.wrote()
    assert f"Antiphon at {server.url} " in told
    assert f"curl {server.url}/responses -H" in told
    assert "Model: scripted" in told


@pytest.mark.parametrize(("host", "named"), [("::1", "[::1]"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])  # noqa: S104  nothing listens there
def test_the_address_it_names_is_one_that_can_be_called(host: str, named: str) -> None:
    assert f"http://{named}:9000/v1" in banner(Settings(host=host, port=9000))


def test_with_upstreams_it_names_them_and_no_model_that_it_will_not_load() -> None:
    told = banner(Settings(upstream=("http://127.0.0.1:8000/v1",)))
    assert "Upstreams: 127.0.0.1:8000 (http://127.0.0.1:8000/v1)" in told
    assert "Model:" not in told and "curl http://127.0.0.1:8484/v1/models" in told
    both = banner(Settings(upstream=("http://127.0.0.1:8000/v1",), model="scripted"))
    assert "Model: scripted" in both and "Upstreams:" in both


def test_a_mistake_in_the_file_is_a_line_and_the_rest_is_served(tmp_path: Path, server: Server) -> None:
    (tmp_path / "antiphon.toml").write_text(f'[upstreams.a]\nurl = "nowhere"\n[upstreams.b]\nurl = "{server.url}"\n')
    with serving("scripted", tmp_path) as started:
        told = started.wrote()
    assert told.startswith("antiphon: antiphon.toml:2: 'nowhere' is no address")
    assert f"Upstreams: b ({server.url})" in told


def refusal(folder: Path, *options: str) -> str:
    """What `antiphon serve` says when it can't, having said nothing else."""
    command = [
        sys.executable,
        "-m",
        "antiphon",
        "serve",
        *(() if "--model" in options else ("--model", "scripted")),
        *options,
    ]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    return ended.stderr


def test_a_port_that_is_in_use_is_one_clear_line(server: Server, tmp_path: Path) -> None:
    assert refusal(tmp_path, "--ephemeral", "--port", str(server.port)) == (
        f"antiphon: port {server.port} of 127.0.0.1 is in use: "
        "stop what listens there, or choose another with --port.\n"
    )


def test_a_model_that_is_nowhere_is_one_clear_line(tmp_path: Path) -> None:
    told = refusal(tmp_path, "--port", str(free_port()), "--model", "no/such.gguf")
    assert told.startswith("antiphon: there is no model 'no/such.gguf'"), told
    assert "smollm2-135m-instruct" in told
    assert "is not of the form" in refusal(tmp_path, "--port", str(free_port()), "--model", "hf:nothing")


def test_a_data_folder_that_can_not_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    data = tmp_path / "file" / "data"
    assert refusal(tmp_path, "--port", str(free_port()), "--data", str(data)) == (
        f"antiphon: can't keep data in {data}: Not a directory. Choose another folder with --data.\n"
    )


def test_a_secret_that_is_damaged_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    told = refusal(tmp_path, "--port", str(free_port()), "--data", str(tmp_path))
    assert told.startswith(f"antiphon: {tmp_path / 'secret'} is damaged")
    assert told.count("\n") == 1


def test_the_first_start_makes_the_data_folder_for_its_owner_only(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b"
    assert unusable(data) is None
    assert data.stat().st_mode & 0o777 == 0o700
    assert unusable(data) is None


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
