"""`antiphon connect` as a person meets it: what it prints, what it writes, and what it leaves alone."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from antiphon.cli import app
from antiphon.commands import connect
from tests.served import Server, environment, free_port, serving

FILES = {"codex": ".codex/config.toml", "llm": "extra-openai-models.yaml", "opencode": "opencode/opencode.json"}
KEY = "sk-of-the-tests-0123456789"


class Ran(NamedTuple):
    """What a command ended with, and said."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Ran]


@pytest.fixture
def ran(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`antiphon connect`, run by someone whose home is `tmp_path`."""
    for name in [name for name in os.environ if name.startswith("ANTIPHON_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CONFIG_HOME", "LLM_USER_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("CODEX_HOME", raising=False)

    def run(*options: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            app(["connect", *options])
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, *capsys.readouterr())

    return run


def read(file: Path) -> Any:
    """What a file of settings says."""
    text = file.read_text(encoding="utf-8")
    return {".toml": tomllib.loads, ".json": json.loads, ".yaml": yaml.safe_load}[file.suffix](text)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for a key."""
    with serving("scripted", tmp_path_factory.mktemp("keyed"), "--admin-key", KEY) as server:
        yield server


def test_alone_it_lists_the_clients(ran: Run, tmp_path: Path) -> None:
    told = ran()
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0].split()[:2] == ["NAME", "WHAT"]
    assert [line.split()[0] for line in lines[1:9]] == list(connect.known())
    assert str(tmp_path / FILES["codex"]) in told.stdout
    as_json = json.loads(ran("--json").stdout)
    assert list(as_json) == list(connect.known())
    assert as_json["opencode"]["file"] == str(tmp_path / FILES["opencode"])


def test_its_help_names_the_clients(ran: Run) -> None:
    told = ran("--help").stdout
    assert [name for name in connect.known() if name not in told] == []


@pytest.mark.parametrize("name", ["openai-python", "openai-node", "agents", "ai-sdk", "langchain"])
def test_an_sdk_gets_variables_and_a_few_lines(server: Server, ran: Run, tmp_path: Path, name: str) -> None:
    told = ran(name, "--url", server.url)
    assert told.returncode == 0, told.stderr
    head, _, program = told.stdout.partition("\n\n")
    assert f"export OPENAI_BASE_URL={server.url}" in head and "export OPENAI_API_KEY=none" in head
    assert '"scripted"' in program and "$" not in program
    assert told.stderr == ""
    if name in ("openai-python", "agents", "langchain"):
        compile(program, name, "exec")


def test_what_is_printed_for_python_runs(server: Server, ran: Run, tmp_path: Path) -> None:
    told = ran("openai-python", "--url", server.url, "--json")
    found = json.loads(told.stdout)
    done = subprocess.run(
        [sys.executable, "-c", found["text"]],
        env=environment() | found["environment"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("Say hello.\n", 0), done.stderr


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_printed_and_written_only_where_that_is_asked(
    server: Server, ran: Run, tmp_path: Path, name: str
) -> None:
    file = tmp_path / FILES[name]
    told = ran(name, "--url", server.url)
    assert told.returncode == 0, told.stderr
    assert told.stderr == f"This belongs in {file}; --write puts it there.\n"
    assert not file.exists()
    wrote = ran(name, "--url", server.url, "--write")
    assert (wrote.returncode, wrote.stdout) == (0, "")
    assert wrote.stderr.startswith(f"{file} is written. Try: ")
    assert file.read_text(encoding="utf-8") == told.stdout
    again = json.loads(ran(name, "--url", server.url, "--write", "--json").stdout)
    assert (again["wrote"], again["backup"], again["file"]) == (False, None, str(file))
    assert [one.name for one in file.parent.iterdir()].count(file.name) == 1


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("codex", '# mine\nmodel = "other"\n[mcp_servers.a]\ncommand = "a"\n'),
        ("llm", "# mine\n- model_id: other\n  model_name: other\n"),
        ("opencode", '{"theme": "dark", "provider": {"other": {"name": "Other"}}}'),
    ],
)
def test_what_stands_in_a_file_stays_and_is_copied_first(
    server: Server, ran: Run, tmp_path: Path, name: str, before: str
) -> None:
    file = tmp_path / FILES[name]
    file.parent.mkdir(exist_ok=True)
    file.write_text(before, encoding="utf-8")
    file.chmod(0o600)
    told = json.loads(ran(name, "--url", server.url, "--write", "--json").stdout)
    assert told["wrote"] and told["backup"] == f"{file}.bak"
    assert Path(told["backup"]).read_text(encoding="utf-8") == before
    assert file.stat().st_mode & 0o777 == 0o600
    after = read(file)
    match name:
        case "codex":
            assert after["mcp_servers"] == {"a": {"command": "a"}} and after["model"] == "scripted"
            assert after["model_providers"]["antiphon"]["base_url"] == server.url
        case "llm":
            assert [one["model_id"] for one in after] == ["other", "antiphon/scripted"]
        case "opencode":
            assert after["theme"] == "dark" and after["provider"]["other"] == {"name": "Other"}
            assert after["provider"]["antiphon"]["options"]["baseURL"] == server.url


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (b"// mine\n{}", "it is no JSON without comments"),
        (b'{"a": "\xff"}', "'utf-8' codec"),
        (b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "it is nested too deeply"),
        (b'{"a": "\\ud800"}', "it holds what can't be written again"),
        (b'{"a": 1e999}', "it holds what can't be written again"),
        (b'{"a": {"b": 1, "b": 2}}', "an object in it has a key twice"),
    ],
    ids=["comments", "encoding", "depth", "surrogate", "infinity", "twice"],
)
def test_a_file_that_cannot_be_merged_is_left_as_it_is(
    server: Server, ran: Run, tmp_path: Path, before: bytes, why: str
) -> None:
    file = tmp_path / FILES["opencode"]
    file.parent.mkdir()
    file.write_bytes(before)
    told = ran("opencode", "--url", server.url, "--write")
    assert told.returncode == 1
    assert told.stderr.startswith(f"antiphon: {file} is left as it is: {why}")
    assert file.read_bytes() == before and len(list(file.parent.iterdir())) == 1


def test_toml_that_is_nested_too_deeply_is_left_as_it_is(server: Server, ran: Run, tmp_path: Path) -> None:
    file = tmp_path / FILES["codex"]
    file.parent.mkdir()
    file.write_text("a = " + "[" * 50_000, encoding="utf-8")
    told = ran("codex", "--url", server.url, "--write")
    assert (told.returncode, "it is nested too deeply" in told.stderr) == (1, True)


def test_what_is_no_plain_file_is_left_as_it_is(server: Server, ran: Run, tmp_path: Path) -> None:
    file = tmp_path / FILES["codex"]
    file.parent.mkdir()
    file.symlink_to(file)
    told = ran("codex", "--url", server.url, "--write")
    assert (told.returncode, "a link that leads to itself" in told.stderr) == (1, True)
    file.unlink()
    os.mkfifo(file)
    told = ran("codex", "--url", server.url, "--write")
    assert (told.returncode, "it is no plain file" in told.stderr) == (1, True)
    assert file.is_fifo()


def test_lines_end_as_they_did(server: Server, ran: Run, tmp_path: Path) -> None:
    file = tmp_path / FILES["codex"]
    file.parent.mkdir()
    file.write_bytes(b'# mine\r\nmodel = "other"\r\n')
    assert ran("codex", "--url", server.url, "--write").returncode == 0
    wrote = file.read_bytes()
    assert wrote.startswith(b'# mine\r\nmodel = "scripted"\r\n')
    assert wrote.count(b"\r\n") == wrote.count(b"\n")
    assert not json.loads(ran("codex", "--url", server.url, "--write", "--json").stdout)["wrote"]


@pytest.mark.parametrize("name", connect.known())
def test_a_key_is_named_and_never_written(
    keyed: Server, ran: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write = ["--write"] if name in FILES else []
    monkeypatch.setenv("ANTIPHON_API_KEY", KEY)
    told = ran(name, "--url", keyed.url, *write)
    assert told.returncode == 0, told.stderr
    assert "The server asks for a key: " in told.stderr
    text = (tmp_path / FILES[name]).read_text(encoding="utf-8") if write else told.stdout
    assert ("api_key_name" if name == "llm" else "ANTIPHON_API_KEY") in text
    assert KEY not in text + told.stdout + told.stderr


def test_the_context_is_told_to_clients_that_make_room(server: Server, ran: Run, tmp_path: Path) -> None:
    told = {name: ran(name, "--url", server.url, "--context", "16000") for name in ("codex", "opencode", "llm")}
    assert tomllib.loads(told["codex"].stdout)["model_context_window"] == 16000
    model = json.loads(told["opencode"].stdout)["provider"]["antiphon"]["models"]["scripted"]
    assert model["limit"] == {"context": 16000, "output": 4096}
    assert told["llm"].returncode == 1
    assert told["llm"].stderr == "antiphon: llm has no setting for a model's context: leave --context out.\n"


def test_what_cannot_be_done_is_told(server: Server, keyed: Server, ran: Run, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/v1"
    for options, why in [
        (("emacs", "--url", server.url), "there is no client 'emacs'. There are: codex, "),
        (("codex", "--url", server.url, "--model", "x"), f"{server.url} has no model 'x'. It has: scripted."),
        (("langchain", "--url", server.url, "--write"), "LangChain has no file of settings: take what "),
        (("codex", "--url", server.url.removesuffix("/v1")), "There is nothing at '/models'. Most base URLs"),
        (("codex", "--url", nobody), f"no answer from {nobody}: [Errno"),
        (("codex", "--url", keyed.url), "This server needs an API key."),
    ]:
        told = ran(*options)
        assert (told.returncode, told.stdout) == (1, ""), told.stderr
        assert told.stderr.startswith(f"antiphon: {why}") and told.stderr.count("\n") == 1, told.stderr
    assert not list(tmp_path.iterdir())


def test_a_server_that_does_not_run_yet_is_taken_at_its_word(ran: Run, tmp_path: Path) -> None:
    told = ran("codex", "--url", f"http://127.0.0.1:{free_port()}/v1", "--model", "m")
    assert told.returncode == 0
    assert tomllib.loads(told.stdout)["model_providers"]["antiphon"]["env_key"] == "ANTIPHON_API_KEY"
    assert "the model is taken as it is named" in told.stderr
