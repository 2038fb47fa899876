"""A server whose upstreams are set up badly: it serves those that work, tells a line of each other, and no key."""

import asyncio
import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from antiphon.models.upstream import Kind
from tests.models.test_probe import self_signed
from tests.served import Server, environment, free_port, running
from tests.upstreams.behaviours import ending, head, refusing, sending, speaking
from tests.upstreams.fake import Asked, Behaviour, Line, faking
from tests.upstreams.speech import SPEECH, SPOKEN

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret-4711"
FILE_KEY = "sk-from-a-file-0815"
LISTED = {"object": "list", "data": [{"id": "hello"}, {"id": "other"}]}
LEAKS = ("400", "401", "404", "429", "500", "in the stream", "in the whole", "as a page")

SETTINGS = """
[upstreams.good]
url = "{good}"
kind = "responses"
key_env = "GOOD_KEY"
[upstreams.leaky]
url = "{leaky}"
kind = "chat"
key_file = "leaky.key"
[upstreams.locked]
url = "{locked}"
kind = "chat"
key_env = "GOOD_KEY"
[upstreams.untrusted]
url = "{untrusted}"
kind = "chat"
[upstreams.gone]
url = "http://127.0.0.1:{gone}/v1"
kind = "chat"
[upstreams.own]
url = "http://127.0.0.1:{port}/v1"
[upstreams.keyless]
url = "{good}"
key_env = "NOT_SET"
[upstreams.nowhere]
url = "nowhere"

[models.lost]
upstreams = ["unknown"]
{leaks}
"""


def leaking(asked: Asked) -> Behaviour:
    """Whatever is asked, the key is in what is answered."""
    told = f"no: {asked.headers.get('authorization')}"
    error = {"error": {"message": told, "code": None, "param": told}}
    frame = f"data: {json.dumps(error)}\n\n".encode()
    match asked.body and asked.body["model"]:
        case "in the stream":
            return ending(SPEECH["chat"], SPOKEN["chat"], frame)
        case "in the whole":
            return refusing(200, error)
        case "as a page":
            return refusing(502, f"<html>{told}</html>")
        case str(status):
            return refusing(int(status), error)
        case _:
            return refusing(500, error)


async def leak(asked: Asked, line: Line) -> None:
    await leaking(asked)(asked, line)


def good(kind: Kind) -> Behaviour:
    """An upstream that works, and looks at who asks."""

    async def behave(asked: Asked, line: Line) -> None:
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        listing = sending(head(content_type="application/json") + json.dumps(LISTED).encode())
        await (listing if asked.path == "models" else speaking(SPEECH[kind]))(asked, line)

    return behave


async def locked(asked: Asked, line: Line) -> None:
    await refusing(401, {"error": {"message": f"Incorrect key: {asked.headers['authorization']}"}})(asked, line)


def ask(server: Server, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """Status, and all that was told, heads included."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        headers = {"content-type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, f"{answer.headers}\n{answer.read().decode()}"
    finally:
        connection.close()


def command(folder: Path, *words: str) -> str:
    """All that a command says."""
    told = subprocess.run(
        [sys.executable, "-m", "antiphon", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment() | {"GOOD_KEY": KEY},
        timeout=60,
        check=False,
    )
    return told.stdout + told.stderr


def lines(server: Server) -> dict[str, tuple[str, str]]:
    """State and detail of each upstream, as the log has them; one line each."""
    told = [json.loads(line) for line in server.wrote().splitlines() if line.startswith("{")]
    found = [(one["upstream"], (one["state"], one["detail"])) for one in told if one["event"] == "upstream"]
    assert len(found) == len(dict(found)), found
    return dict(found)


async def test_those_that_work_are_served_and_the_rest_is_told_in_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "leaky.key").write_text(f"{FILE_KEY}\n")
    (tmp_path / "tls").mkdir()
    async with (
        faking(good("responses")) as works,
        faking(leak) as leaky,
        faking(locked) as shut,
        faking(good("chat"), self_signed(tmp_path / "tls")) as untrusted,
    ):
        port = free_port()
        settings = SETTINGS.format(
            good=works.url,
            leaky=leaky.url,
            locked=shut.url,
            untrusted=untrusted.url,
            gone=free_port(),
            port=port,
            leaks="".join(f'[models."m {name}"]\nupstreams = ["leaky"]\nmodel = "{name}"\n' for name in LEAKS),
        )
        (tmp_path / "antiphon.toml").write_text(settings)
        everything = await asyncio.to_thread(started, tmp_path, port)
    leaks = [everything[max(0, place - 200) : place] for key in (KEY, FILE_KEY) if (place := everything.find(key)) >= 0]
    assert leaks == []


def started(folder: Path, port: int) -> str:
    """Start the server, look, ask for everything that may go wrong; gives all that was told anywhere."""
    with running("", folder, port=port, GOOD_KEY=KEY) as (server, _):
        told = lines(server)
        assert {name: state for name, (state, _) in told.items()} == {
            "good": "ready",
            "leaky": "failing",
            "locked": "unusable",
            "untrusted": "unusable",
            "gone": "failing",
            "own": "unusable",
        }
        assert told["good"][1] == "has hello, other"
        assert told["locked"][1] == "refused this server's key (status 401)"
        assert told["untrusted"][1].startswith("can't be trusted: TLS: ")
        assert told["gone"][1] == "can't be reached: Connection refused"
        assert told["own"][1] == "is this server itself"
        wrote = server.wrote().splitlines()
        for mistake in ("NOT_SET is not set", "'nowhere' is no address", "There is no upstream 'unknown'"):
            assert len([line for line in wrote if mistake in line and "antiphon.toml:" in line]) == 1, mistake
        everything = [ask(server, "GET", "/v1/models")]
        assert '"hello"' in everything[0][1]
        status, text = ask(server, "POST", "/v1/responses", {"model": "hello", "input": "hi"})
        assert status == 200 and '"completed"' in text
        for name in LEAKS:
            for stream in (True, False):
                body = {"model": f"m {name}", "input": "hi", "stream": stream}
                everything.append(ask(server, "POST", "/v1/responses", body))
                assert "[key]" in everything[-1][1] or name in ("401", "as a page"), everything[-1]
        everything += [ask(server, "GET", path) for path in ("/metrics", "/readyz", "/v1/openapi.json")]
        commands = [command(folder, "upstreams", "--port", str(port)), command(folder, "upstreams", "--json")]
        commands.append(command(folder, "config", "check", "antiphon.toml"))
        assert "good" in commands[0] and "NOT_SET" in commands[2]
    kept = [
        path.read_bytes().decode("latin-1") for path in folder.iterdir() if path.is_file() and path.suffix != ".key"
    ]
    return "\n".join([*(text for _, text in everything), *commands, *kept, server.wrote()])
