"""Codex CLI, the program itself, over HTTP and over a WebSocket: what someone at its prompt would notice (clients.md).

It is set up by `antiphon connect codex`, and by nothing else.
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from antiphon.commands import connect
from tests.clients import node
from tests.clients.packages import Unavailable
from tests.clients.sdk import script
from tests.clients.tee import Tee, tee
from tests.served import Server, running, serving
from tests.tools.test_pictures import PNG

QUIET = ("analytics.enabled=false", "check_for_update_on_startup=false", "web_search='disabled'")
NOWHERE = "http://127.0.0.1:9"
"""Where Codex finds nobody: all but what goes to this machine is sent there."""


@dataclass(frozen=True)
class Codex:
    """The program, set up for a server. `transport` is http or websocket; `line` keeps what it said."""

    command: list[str]
    transport: str
    home: Path
    folder: Path
    line: Tee
    server: Server
    key: dict[str, str]

    def run(self, *arguments: str) -> list[dict[str, Any]]:
        """What `codex exec` tells of a turn, event for event, where all went well and the server refused nothing."""
        began = datetime.now(UTC).isoformat()[:26]
        code, events = self.ended(*arguments)
        assert (code, events[-1]["type"]) == (0, "turn.completed"), events
        refused = [line for line in self.server.wrote().splitlines() if '"code":"' in line]
        assert not [line for line in refused if json.loads(line)["timestamp"] > began]  # usual lines are written later
        return events

    def ended(self, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        """What `codex exec` ends with, and what it tells of a turn, event for event."""
        sockets = str(self.transport == "websocket").lower()
        settings = [*QUIET, f"model_providers.antiphon.supports_websockets={sockets}"]
        done = subprocess.run(
            [
                *(*self.command, "exec", *arguments, "--json", "--skip-git-repo-check"),
                *(option for setting in settings for option in ("-c", setting)),
            ],
            cwd=self.folder,
            env=_environment(self.home) | self.key,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert events, done.stderr
        return done.returncode, events


def _environment(home: Path) -> dict[str, str]:
    """The environment of someone who has only Codex's own settings."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE)
    local = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1")
    return {"PATH": os.environ["PATH"], "HOME": str(home), "CODEX_HOME": str(home)} | proxies | local


@contextmanager
def connected(
    program: list[str], transport: str, server: Server, folder: Path, key: str | None = None
) -> Iterator[Codex]:
    """Codex as `antiphon connect codex --write` sets it up."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    shown = {} if key is None else {"ANTIPHON_API_KEY": key}
    with tee(server.port) as line, pytest.MonkeyPatch.context() as patch:
        for name, value in {"CODEX_HOME": str(home), **shown}.items():
            patch.setenv(name, value)
        assert connect.run("codex", connect.Wanted(line.url), write=True, as_json=True) == 0
        yield Codex(program, transport, home, work, line, server, shown)


def items(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The items of a kind that were completed."""
    return [one["item"] for one in events if one["type"] == "item.completed" and one["item"]["type"] == kind]


def text(events: list[dict[str, Any]]) -> str:
    """The last that was said."""
    told: str = items(events, "agent_message")[-1]["text"]
    return told


@pytest.fixture(scope="module")
def program() -> list[str]:
    try:
        found = node.find(node.CODEX)
    except Unavailable as reason:
        pytest.skip(str(reason))
    return [found.program, str(found.script("codex"))]


@pytest.fixture(scope="module")
def front(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server before that of the scripted model, which is served under names that Codex has its own ways with."""
    folder = tmp_path_factory.mktemp("codex_front")
    models = "".join(
        f'[models."{name}"]\nupstreams = ["up"]\nmodel = "scripted"\n' for name in ("gpt-5.5", "gpt-6-sol")
    )
    (folder / "antiphon.toml").write_text(f'[upstreams.up]\nurl = "{server.url}"\nkind = "responses"\n{models}')
    with running("", folder, "--ephemeral") as (front, _):
        yield front


@pytest.fixture(scope="module", params=["http", "websocket"])
def codex(
    request: pytest.FixtureRequest, program: list[str], server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Codex]:
    with connected(program, request.param, server, tmp_path_factory.mktemp("codex")) as codex:
        yield codex


def test_a_text(codex: Codex) -> None:
    events = codex.run("Hello there, how are you?")
    assert text(events) == "Hello there, how are you?"
    assert events[-1]["usage"]["output_tokens"] == 5


def test_a_call_runs_and_its_output_comes_back(codex: Codex) -> None:
    call = {"name": "exec_command", "arguments": {"cmd": "echo quack > made.txt; cat made.txt"}}
    turns = [[{"reasoning": "A file, then."}, {"call": call}], [{"text": "It says: "}, {"tell": "output"}]]
    events = codex.run(json.dumps({"turns": turns}), "--sandbox", "danger-full-access")
    (ran,) = items(events, "command_execution")
    assert (ran["aggregated_output"], ran["exit_code"], ran["status"]) == ("quack\n", 0, "completed")
    assert (codex.folder / "made.txt").read_text() == "quack\n"
    assert text(events).startswith("It says: ") and "quack" in text(events)


def test_it_resumes(codex: Codex) -> None:
    first = codex.run("The duck is called Ann.")
    events = codex.run("resume", first[0]["thread_id"], script({"tell": "prompt"}))
    assert events[0]["thread_id"] == first[0]["thread_id"]
    said = [part["text"] for item in json.loads(text(events))["items"] for part in item.get("content", [])]
    assert said.count("The duck is called Ann.") == 2  # its prompt, and the answer


def test_a_schema(codex: Codex, tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    told = json.loads(text(codex.run(script({"tell": "prompt"}), "--output-schema", str(file))))
    assert (told["text"]["format"]["type"], told["text"]["format"]["schema"]) == ("json_schema", schema)


def test_a_picture(codex: Codex, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(PNG)
    told = json.loads(text(codex.run(script({"tell": "prompt"}), "--image", str(file))))
    (seen,) = [part for item in told["items"] for part in item.get("content", []) if part["type"] == "input_image"]
    assert base64.b64decode(seen["image_url"].partition(",")[2])[:8] == PNG[:8]


def test_its_own_compaction(codex: Codex) -> None:
    before = len(codex.line.asked())
    thread = codex.run("FACT the duck is called Ann")[0]["thread_id"]
    codex.run("resume", thread, "What now?", "-c", "model_auto_compact_token_limit=2000")
    told = json.loads(text(codex.run("resume", thread, script({"tell": "prompt"}))))
    compactions = [body for body in codex.line.asked()[before:] if "CONTEXT CHECKPOINT COMPACTION" in json.dumps(body)]
    assert compactions
    said = [part["text"] for item in told["items"] for part in item.get("content", [])]
    assert not [one for one in said if "CONTEXT CHECKPOINT" in one]
    assert [one for one in said if "summary" in one and one.endswith("FACT the duck is called Ann")]


def test_what_is_sent(codex: Codex) -> None:
    """Over a WebSocket a warm-up first, and then only what is new; over HTTP everything, each time."""
    before = len(codex.line.asked())
    call = {"name": "exec_command", "arguments": {"cmd": "true"}}
    codex.run(json.dumps({"turns": [[{"call": call}], [{"text": "done"}]]}), "--sandbox", "danger-full-access")
    *warm, first, second = codex.line.asked()[before:]
    assert second["input"][-1]["type"] == "function_call_output"
    if codex.transport == "websocket":
        assert [(one["generate"], one["store"]) for one in warm] == [(False, False)]
        assert None is not first["previous_response_id"] != second["previous_response_id"]
        assert len(second["input"]) == 1
    else:
        assert warm == [] and second["input"][: len(first["input"])] == first["input"]


CALLS = {
    "gpt-5.5": {"name": "apply_patch", "input": "*** Begin Patch\n*** Add File: {file}\n+quack\n*** End Patch\n"},
    "gpt-6-sol": {
        "name": "exec",
        "namespace": "functions",
        "input": "text((await tools.exec_command({cmd: 'echo quack > {file}; cat {file}'})).output)",
    },
}


@pytest.mark.parametrize("model", CALLS)
def test_the_ways_it_has_with_models_that_it_knows(codex: Codex, front: Server, model: str) -> None:
    """One has a free-form tool with a grammar, the other its tools in an item of the input, under a namespace."""
    file = f"{model}.txt"
    call = CALLS[model] | {"input": CALLS[model]["input"].replace("{file}", file)}
    turns = [[{"custom": call}], [{"text": "It says: "}, {"tell": "output"}]]
    base = f"model_providers.antiphon.base_url='{front.url}'"
    ways = ("--sandbox", "danger-full-access", "--model", model, "-c", base)
    events = codex.run(json.dumps({"turns": turns}), *ways)
    assert (codex.folder / file).read_text() == "quack\n"
    assert text(events).startswith("It says: ") and ("quack" in text(events) or f"A {file}" in text(events))


@pytest.mark.parametrize("before", [[], [{"text": "So far."}]], ids=["at once", "in the middle"])
def test_a_full_context_is_told_for_what_it_is(codex: Codex, before: list[Any]) -> None:
    fault = {"status": 400, "code": "context_length_exceeded", "message": "Too long."}
    code, events = codex.ended(script(*before, {"fail": fault}))
    assert (code, events[-1]["type"]) == (1, "turn.failed")
    assert "ran out of room in the model's context window" in events[-1]["error"]["message"]


def test_a_key_is_shown_over_both(program: list[str], tmp_path: Path) -> None:
    key = "sk-of-the-tests-0123456789"
    with serving("scripted", tmp_path, "--admin-key", key) as server:
        for transport in ("http", "websocket"):
            folder = tmp_path / transport
            folder.mkdir()
            with connected(program, transport, server, folder, key) as codex:
                assert text(codex.run("Hello.")) == "Hello."
                assert key not in (codex.home / "config.toml").read_text()


def test_without_websockets_it_falls_back_at_once(program: list[str], tmp_path: Path) -> None:
    with serving("scripted", tmp_path, "--no-websocket") as server:
        with connected(program, "websocket", server, tmp_path) as codex:
            code, events = codex.ended("Hello.")
        asked = [line for line in server.wrote().splitlines() if '"path":"/v1/responses"' in line]
    assert (code, text(events)) == (0, "Hello.")
    assert ['"status":426' in line for line in asked] == [True, False]
