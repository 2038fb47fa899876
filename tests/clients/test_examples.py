"""The programs in `examples/`, run as a reader would: each client's own, against the scripted model, which calls the
function that the program offers; one against the real default model, where that has been fetched."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from antiphon.commands import connect
from antiphon.models import catalogue
from tests.clients import node, venv
from tests.clients.packages import Unavailable
from tests.served import Server, environment, serving

EXAMPLES = Path(__file__).parents[2] / "examples"
CALL = {"call": {"name": "get_weather", "arguments": {"city": "Berlin"}}}
QUESTION = json.dumps({"turns": [[CALL], [{"text": "It is "}, {"tell": "output"}]]})
ANSWER = "It is 18 degrees in Berlin\n"
NOWHERE = "http://127.0.0.1:9"
"""Where nobody is: what does not go to this machine is sent there."""

T = TypeVar("T")


def had(find: Callable[[], T]) -> T:
    """What has to be fetched once."""
    try:
        return find()
    except Unavailable as reason:
        pytest.skip(str(reason))


def ran(server: Server, folder: Path, command: list[object], *paths: Path, **environ: str) -> str:
    """What a program prints, run in a folder that is its home too, with programs of other folders at hand."""
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"), str(folder))
    settings = {"ANTIPHON_URL": server.url, "ANTIPHON_MODEL": server.model}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE)
    here = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    path = os.pathsep.join([*map(str, paths), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment() | homes | proxies | here | settings | {"PATH": path} | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_node(server: Server, found: node.Node, example: str) -> str:
    """What an example in JavaScript prints; its first argument is the place of its file."""
    source = (EXAMPLES / example).read_text(encoding="utf-8")
    return found.run(source, example, QUESTION, ANTIPHON_URL=server.url, ANTIPHON_MODEL=server.model)


def by_shell(name: str, arguments: dict[str, str]) -> str:
    """A script that has a tool of that name run, without white space, which opencode would put into quotes."""
    turns = [[{"call": {"name": name, "arguments": arguments}}], [{"text": "It says: "}, {"tell": "output"}]]
    return json.dumps({"turns": turns}, separators=(",", ":")).replace(" ", "\\u0020")


def test_each_stands_in_the_readme() -> None:
    told = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [one.name for one in EXAMPLES.iterdir() if one.is_file() and one.name not in told] == ["README.md"]


def test_openai_python(server: Server, tmp_path: Path) -> None:
    assert ran(server, tmp_path, [sys.executable, EXAMPLES / "openai_python.py", QUESTION]) == ANSWER


def test_openai_node(server: Server) -> None:
    assert in_node(server, had(node.find), "openai_node.mjs") == ANSWER


def test_agents_sdk(server: Server, tmp_path: Path) -> None:
    python = had(lambda: venv.python("agents"))
    assert ran(server, tmp_path, [python, EXAMPLES / "agents_sdk.py", QUESTION]) == ANSWER


def test_codex(server: Server, tmp_path: Path) -> None:
    program = had(lambda: node.find(node.CODEX)).script("codex")
    question = by_shell("exec_command", {"cmd": "echo quack > duck.txt; cat duck.txt"})
    told = ran(
        server, tmp_path, ["sh", EXAMPLES / "codex_exec.sh", question], program.parent, SANDBOX="danger-full-access"
    )
    assert told.startswith("It says: ") and "quack" in told
    assert (tmp_path / "duck.txt").read_text() == "quack\n"


@pytest.mark.parametrize(
    ("name", "packages"),
    [("openai-node", node.OPENAI), pytest.param("ai-sdk", node.AI_SDK, marks=pytest.mark.soak)],
)
def test_clients_do_what_connect_prints_in_node(server: Server, name: str, packages: tuple[str, ...]) -> None:
    told = connect.printed(name, connect.Aim(server.url, server.model, keyed=False))
    assert had(lambda: node.find(packages)).run(told.text, **told.environment) == "Say hello.\n"


@pytest.mark.soak
@pytest.mark.parametrize("name", ["agents", "langchain"])
def test_clients_do_what_connect_prints_in_python(server: Server, tmp_path: Path, name: str) -> None:
    told = connect.printed(name, connect.Aim(server.url, server.model, keyed=False))
    command: list[object] = [had(lambda: venv.python(name)), "-c", told.text]
    assert ran(server, tmp_path, command, **told.environment) == "Say hello.\n"


@pytest.mark.soak
def test_clients_ai_sdk(server: Server) -> None:
    assert in_node(server, had(lambda: node.find(node.AI_SDK)), "ai_sdk.mjs") == ANSWER


@pytest.mark.soak
def test_clients_langchain(server: Server, tmp_path: Path) -> None:
    python = had(lambda: venv.python("langchain"))
    assert ran(server, tmp_path, [python, EXAMPLES / "langchain_chat.py", QUESTION]) == ANSWER


@pytest.mark.soak
def test_clients_llm(server: Server, tmp_path: Path) -> None:
    program = had(lambda: venv.python("llm"))
    assert ran(server, tmp_path, ["sh", EXAMPLES / "llm_chat.sh", QUESTION], program.parent) == ANSWER


@pytest.mark.soak
def test_clients_opencode(server: Server, tmp_path: Path) -> None:
    program = had(lambda: node.find(node.OPENCODE)).script("opencode")
    question = by_shell("bash", {"command": "echo quack > duck.txt; cat duck.txt", "description": "It quacks."})
    told = ran(server, tmp_path, ["sh", EXAMPLES / "opencode_run.sh", question], program.parent)
    assert "It says: quack" in told
    assert (tmp_path / "duck.txt").read_text() == "quack\n"


@pytest.fixture(scope="module")
def default_server(tmp_path_factory: pytest.TempPathFactory, default_models: Path) -> Iterator[Server]:
    """The real server over the default model, where that has been fetched."""
    data = tmp_path_factory.mktemp("default_server")
    (data / "models").symlink_to(default_models, target_is_directory=True)
    with serving(catalogue.load().default, data) as server:
        yield server


@pytest.mark.default_model
def test_the_weather(default_server: Server) -> None:
    """Two round trips and a schema: the call, the text that uses its result, a value of a class."""
    command = [sys.executable, str(EXAMPLES / "weather.py"), default_server.url, default_server.model]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    call, text, person = ran.stdout.splitlines()
    assert call == 'get_weather({"city": "Berlin"})'
    assert "18" in text and "Berlin" in text
    assert person == "name='Ada Lovelace' age=36"
