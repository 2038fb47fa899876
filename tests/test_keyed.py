"""A server with keys, as a process: how it starts, that it stays keyed, and that nothing secret is on the disk."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from antiphon.app import App, StartError
from antiphon.settings import Settings
from tests.asking import JSON_TYPE, Answer, ask
from tests.served import Server, environment, free_port, running

ADMIN = "the-key-of-the-settings"
OTHERS = "hunter2-of-another-server"
MARK = "xylophone"
SAID = f"{MARK} quartz"
PROJECTS = "/v1/organization/projects"


def bearer(text: str) -> dict[str, str]:
    return JSON_TYPE | {"Authorization": f"Bearer {text}"}


def post(server: Server, path: str, body: Any, key: str = ADMIN, **headers: str) -> Answer:
    return ask(server, "POST", path, json.dumps(body).encode(), bearer(key) | headers)


def create(server: Server, key: str, **fields: Any) -> Answer:
    answer = post(server, "/v1/responses", {"model": "scripted"} | fields, key)
    assert answer.status == 200, answer.body
    return answer


def on_disk(server: Server) -> dict[str, bytes]:
    """All that the server has written, by file; its log is one of them."""
    return {str(path.relative_to(server.data)): path.read_bytes() for path in server.data.rglob("*") if path.is_file()}


def found(server: Server, word: str) -> set[str]:
    """The files in which a word stands, as it is or in hexadecimal digits."""
    forms = word.encode(), word.encode().hex().encode()
    return {name for name, data in on_disk(server).items() if any(form in data for form in forms)}


def test_no_key_and_no_marker_is_found_anywhere(tmp_path: Path) -> None:
    options = ("--admin-key", ADMIN, "--log-level", "debug")
    with running("scripted", tmp_path, *options) as (server, process):
        made = post(server, f"{PROJECTS}/default/api_keys", {"name": "k"}).json()
        key = made["value"]
        wrong = "sk-" + "w" * 43
        assert post(server, "/v1/responses", {}, wrong).status == 401
        fields = {"store": False, "instructions": SAID, "user": MARK, "metadata": {"a": MARK}}
        for stream in (False, True):
            answer = create(server, key, input=SAID, stream=stream, **fields)
            assert MARK.encode() in answer.body
        once = post(
            server, "/v1/responses", {"model": "scripted", "input": SAID} | fields, key, **{"Idempotency-Key": "1"}
        )
        assert once.status == 200
        broken = json.dumps([{"text": SAID}, {"fail": {"status": 500}}])
        assert create(server, key, input=broken, **fields).json()["status"] == "failed"
        for bad in ({"input": SAID, "temperature": MARK}, {"input": [{"role": MARK, "content": SAID}]}):
            assert post(server, "/v1/responses", {"model": "scripted"} | bad | fields, key).status == 400
        assert post(server, f"{PROJECTS}/default/api_keys/{made['id']}/rotate", {}).status == 200
        for word in (key, ADMIN, wrong, MARK):
            assert found(server, word) == set(), word
        assert "server.log" in found(server, made["id"]) | found(
            server, "request_id"
        )  # what is looked through is there
        assert "antiphon.db" in {name.removesuffix("-wal") for name in found(server, made["id"])}
        process.terminate()
        process.wait(30)
        for word in (key, ADMIN, wrong, MARK):
            assert found(server, word) == set(), word


def test_secrets_of_tools_are_neither_kept_nor_echoed(tmp_path: Path) -> None:
    mcp = {"type": "mcp", "server_label": "a", "server_url": "https://x.example", "authorization": OTHERS}
    headed = {"type": "mcp", "server_label": "b", "server_url": "https://x.example", "headers": {"X-Key": OTHERS}}
    brings = {"type": "additional_tools", "role": "developer", "tools": [mcp]}
    said = {"role": "user", "content": "a"}
    with running("scripted", tmp_path, "--log-level", "debug") as (server, _):
        for fields in ({}, {"stream": True}, {"background": True}, {"background": True, "stream": True}):
            answer = create(server, "", input=[brings, said], tools=[mcp, headed], **fields)
            assert OTHERS.encode() not in answer.body
            assert b'"authorization":"<redacted>"' in answer.body
            assert b'"X-Key":"<redacted>"' in answer.body
        conversation = post(server, "/v1/conversations", {"items": [brings, said]}, "").json()
        items = ask(server, "GET", f"/v1/conversations/{conversation['id']}/items")
        assert OTHERS.encode() not in items.body
        assert found(server, OTHERS) == set()
        assert found(server, "x.example")


def test_a_project_that_wants_it_has_its_words_in_the_log_and_no_other(tmp_path: Path) -> None:
    with running("scripted", tmp_path, "--admin-key", ADMIN, "--log-format", "json") as (server, _):
        keys = {}
        for name, wants in (("loud", True), ("quiet", False)):
            project = post(server, PROJECTS, {"name": name, "log_content": wants}).json()["id"]
            keys[name] = project, post(server, f"{PROJECTS}/{project}/api_keys", {"name": "k"}).json()["value"]
        create(server, keys["quiet"][1], input="quiet words", store=False)
        create(server, keys["loud"][1], input=SAID, instructions="be brief", store=False)
        until = time.monotonic() + 10
        while '"content"' not in server.wrote() and time.monotonic() < until:
            time.sleep(0.05)  # the line comes behind the answer
        lines = [json.loads(line) for line in server.wrote().splitlines() if line.startswith("{")]
        (told,) = [line for line in lines if line["event"] == "content"]
        assert told["project"] == keys["loud"][0]
        assert [item["content"][0]["text"] for item in told["prompt"]] == ["be brief", SAID]
        assert told["output"][0]["content"][0]["text"] == SAID
        assert "quiet words" not in server.wrote()
        assert sum(MARK in json.dumps(line) for line in lines) == 1


def test_once_keyed_it_stays_so(tmp_path: Path) -> None:
    with running("scripted", tmp_path, "--admin-key", ADMIN) as (server, _):
        made = post(server, f"{PROJECTS}/default/api_keys", {"name": "k"}).json()
        create(server, made["value"], input="a")
        path = f"{PROJECTS}/default/api_keys/{made['id']}"
        assert ask(server, "DELETE", path, headers=bearer(ADMIN)).status == 200
    with running("scripted", tmp_path, "--no-auth") as (server, _):
        for headers in ({}, bearer(made["value"]), bearer(ADMIN)):
            assert ask(server, "GET", "/v1/models", headers=headers).status == 401
            assert ask(server, "GET", "/metrics", headers=headers).status == 401
        for path in ("/healthz", "/readyz"):
            assert ask(server, "GET", path).status == 200
        assert "--no-auth does nothing" in server.wrote()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def settings(folder: Path, **fields: Any) -> Settings:
    return Settings(data=folder, model="scripted", host="0.0.0.0", **fields)  # noqa: S104  it starts; it doesn't listen


async def starts(wanted: Settings) -> bool:
    """Whether a server with these settings starts. Nothing listens."""
    app = App(wanted, lambda: None)
    try:
        await app.start()
    except StartError:
        return False
    finally:
        await app.stop()
    return True


@pytest.mark.anyio
async def test_an_address_that_others_reach_needs_keys_or_must_be_meant(tmp_path: Path) -> None:
    for number, fields in enumerate(({}, {"ephemeral": True})):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert not await starts(settings(folder, **fields))
        assert await starts(settings(folder, no_auth=True, **fields))
        assert not await starts(settings(folder, **fields))
        assert await starts(settings(folder, admin_key=ADMIN, **fields))
        assert await starts(settings(folder, **fields)) == (not fields)  # what is ephemeral forgets that as well


def refusal(folder: Path, *options: str, **more: str) -> str:
    command = [sys.executable, "-m", "antiphon", "serve", "--model", "scripted", "--data", str(folder)]
    command += ["--port", str(free_port()), *options]
    ended = subprocess.run(
        command, cwd=folder, env=environment() | more, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


def test_what_it_does_not_start_with_is_told_in_one_line(tmp_path: Path) -> None:
    told = refusal(tmp_path, "--host", "0.0.0.0")  # noqa: S104  it does not come to listen
    assert told.startswith("antiphon: 0.0.0.0 can be reached by others, and this server has no keys")
    assert told.count("\n") == 1
    for options, more in ((("--admin-key", "short-one"), {}), ((), {"ANTIPHON_ADMIN_KEY": "with a space in it"})):
        told = refusal(tmp_path, *options, **more)
        assert told.startswith("antiphon: the admin key can't be used")
        assert told.count("\n") == 1
        assert "short-one" not in told
        assert "space in it" not in told
    assert refusal(tmp_path, ANTIPHON_ADMIN_KEY="").startswith("antiphon: the admin key can't be used")


def test_the_admin_key_is_told_nowhere(tmp_path: Path) -> None:
    (tmp_path / "antiphon.toml").write_text(f'admin_key = "{ADMIN}"\nport = 8485\n')
    for words in (("serve", "--help"), ("config", "check"), ("config", "check", "antiphon.toml")):
        more = {"ANTIPHON_ADMIN_KEY": ADMIN}
        command = [sys.executable, "-m", "antiphon", *words]
        ended = subprocess.run(
            command, cwd=tmp_path, env=environment() | more, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert ADMIN not in ended.stdout + ended.stderr
    assert ADMIN not in repr(Settings(admin_key=ADMIN))
