"""`antiphon backup` beside a server that runs, and without one."""

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.asking import ask, create
from tests.served import Server, environment, running


def backup(file: Path, data: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "antiphon", "backup", str(file), "--data", str(data)]
    return subprocess.run(
        command, cwd=file.parent, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


def said(server: Server, text: str) -> str:
    """The id of a response that says it."""
    name: str = create(server, {"model": "scripted", "input": text}).json()["id"]
    return name


def test_a_copy_made_while_the_server_is_written_to(tmp_path: Path) -> None:
    data, other, copy = tmp_path / "data", tmp_path / "other", tmp_path / "copy.db"
    data.mkdir()
    other.mkdir()
    with running("scripted", data) as (server, _):
        before = [said(server, f"before {number}") for number in range(20)]
        conversation = json.loads(ask(server, "POST", "/v1/conversations", b"{}").body)["id"]
        with ThreadPoolExecutor(4) as pool:
            during = [pool.submit(said, server, f"during {number}") for number in range(100)]
            ended = backup(copy, data)
            names = [one.result() for one in during]
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"to {copy} (" in ended.stdout
    assert copy.stat().st_mode & 0o077 == 0
    shutil.copy(copy, other / "antiphon.db")
    with running("scripted", other) as (server, _):
        for number, name in enumerate(before):
            kept = ask(server, "GET", f"/v1/responses/{name}").json()
            assert kept["output"][0]["content"][0]["text"] == f"before {number}"
        assert ask(server, "GET", f"/v1/conversations/{conversation}").status == 200
        for name in names:  # whole or not at all
            answer = ask(server, "GET", f"/v1/responses/{name}")
            assert answer.status == 404 or answer.json()["status"] == "completed"
        following = create(server, {"model": "scripted", "input": "on", "previous_response_id": before[0]})
        assert following.json()["status"] == "completed"


def test_a_copy_of_what_a_killed_server_left(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    data.mkdir()
    other.mkdir()
    with running("scripted", data) as (server, process):
        name = said(server, "kept")
        os.kill(server.pid, signal.SIGKILL)
        process.wait()
    assert (data / "antiphon.db-wal").stat().st_size > 0
    assert backup(other / "antiphon.db", data).returncode == 0
    with running("scripted", other) as (server, _):
        assert ask(server, "GET", f"/v1/responses/{name}").json()["status"] == "completed"


def test_what_cannot_be_copied_is_one_clear_line(tmp_path: Path) -> None:
    empty, data = tmp_path / "empty", tmp_path / "data"
    empty.mkdir()
    data.mkdir()
    ended = backup(tmp_path / "copy", empty)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"antiphon: There is no database in {empty}.\n"
    with running("scripted", data) as (server, _):
        name = said(server, "kept")
        for own in ("antiphon.db", "antiphon.db-wal"):
            ended = backup(data / own, data)
            assert ended.returncode == 1 and ended.stderr.count("\n") == 1
        ended = backup(data, data)
        assert ended.returncode == 1 and ended.stderr.startswith("antiphon: ") and ended.stderr.count("\n") == 1
        assert ask(server, "GET", f"/v1/responses/{name}").status == 200
    assert not list(tmp_path.glob("*.part"))
