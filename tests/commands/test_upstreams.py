"""`antiphon upstreams` as a person meets it: a line each, and no key in any."""

import json
import subprocess
import sys
from pathlib import Path

from tests.served import Server, environment, free_port


def ended(folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "antiphon", "upstreams", *options]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False, env=environment() | environ
    )


def test_each_upstream_is_a_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "antiphon.toml").write_text(
        f'[upstreams.good]\nurl = "{server.url}"\nkey_env = "GOOD_KEY"\n'
        f'[upstreams.gone]\nurl = "http://127.0.0.1:{free_port()}/v1"\nkind = "chat"\n'
        '[upstreams.own]\nurl = "http://localhost:8484/v1"\nkind = "chat"\n'
        '[upstreams.bad]\nurl = "localhost"\n'
    )
    told = ended(tmp_path, GOOD_KEY="sk-secret")
    assert told.returncode == 1
    assert [line.split(None, 3) for line in told.stdout.splitlines()] == [
        ["good", "ready", "responses", "has scripted"],
        ["gone", "failing", "chat", "can't be reached: Connection refused"],
        ["own", "unusable", "chat", "is this server itself"],
    ]
    assert told.stderr.startswith("antiphon: antiphon.toml:11: 'localhost' is no address")
    assert told.stderr.count("\n") == 1
    assert "sk-secret" not in told.stdout + told.stderr


def test_the_quick_form_as_json_ends_with_0_when_all_is_well(server: Server, tmp_path: Path) -> None:
    told = ended(tmp_path, "--upstream", server.url, "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == [
        {
            "name": f"127.0.0.1:{server.port}",
            "url": server.url,
            "state": "ready",
            "kind": "responses",
            "detail": "has scripted",
            "models": ["scripted"],
        }
    ]


def test_nothing_to_ask(tmp_path: Path) -> None:
    told = ended(tmp_path)
    assert told.returncode == 1
    assert told.stderr == "antiphon: no upstream is set up: name one with --upstream, or in antiphon.toml.\n"
