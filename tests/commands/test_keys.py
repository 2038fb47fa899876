"""`antiphon keys`, alone and beside a server."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from antiphon.access import keys
from antiphon.access.secret import derived, kept_in
from antiphon.store.sqlite_folder import DATABASE
from tests.asking import create
from tests.commands.ran import ran, refused, said
from tests.served import running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def listed(data: Path, *options: str) -> "list[dict[str, object]]":
    rows: list[dict[str, object]] = json.loads(said("keys", "list", "--json", *options, data=data))
    return rows


def test_the_text_is_told_once_alone_and_kept_nowhere(data: Path) -> None:
    made = ran("keys", "create", "--name", "mine", "--expires", "30d", data=data)
    assert made.returncode == 0
    assert re.fullmatch(r"sk-[A-Za-z0-9_-]{43}\n", made.stdout)
    text = made.stdout.strip()
    assert "kept nowhere" in made.stderr and "asks everybody for a key" in made.stderr and text not in made.stderr
    assert "asks everybody" not in ran("keys", "create", data=data).stderr
    first, second = listed(data)
    assert (first["name"], first["shown"], first["state"]) == ("mine", text[:8] + "…", "good")
    assert (first["project"], first["scope"], first["projects"]) == ("default", "responses", [])
    assert isinstance(first["expires_at"], int) and abs(first["expires_at"] - time.time() - 30 * 86_400) < 300
    assert second["expires_at"] is None
    assert "digest" not in first
    for file in data.iterdir():
        assert text.encode() not in file.read_bytes() and text.encode()[9:] not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0, file
    digest = keys.digest(derived(kept_in(data), "keys"), text)
    assert len(digest) == 32 and (data / DATABASE).exists()


def test_a_key_works_in_the_projects_it_was_made_for(data: Path) -> None:
    ducks, geese = said("projects", "create", "Ducks", data=data), said("projects", "create", "Geese", data=data)
    options = ("--project", "Ducks", "--projects", geese, "--projects", "default", "--scope", "read")
    said("keys", "create", *options, "--requests-per-minute", "5", data=data)
    said("keys", "create", data=data)
    [row] = listed(data, "--project", "Ducks")
    assert (row["project"], row["projects"], row["scope"]) == (ducks, [geese, "default"], "read")
    assert row["limits"] == {
        "requests_per_minute": 5,
        "requests_per_day": None,
        "tokens_per_minute": None,
        "concurrent_runs": None,
    }
    table = said("keys", "list", data=data).splitlines()
    assert table[0].split()[:3] == ["ID", "KEY", "NAME"] and len(table) == 3
    assert "Ducks, Geese, default" in table[1] + table[2] and "5 requests/min" in table[1] + table[2]


def test_revoked_and_rotated_keys(data: Path) -> None:
    said("keys", "create", "--name", "one", "--scope", "admin", data=data)
    first = said("keys", "create", "--name", "two", "--expires", "2100-01-01", data=data)
    one, two = (str(row["id"]) for row in listed(data))
    assert "is revoked" in said("keys", "revoke", one, data=data)
    second = said("keys", "rotate", two, data=data)
    assert second.startswith("sk-") and second != first
    rows = {str(row["id"]): row for row in listed(data)}
    assert [rows.pop(name)["state"] for name in (one, two)] == ["revoked", "revoked"]
    [new] = rows.values()
    assert (new["name"], new["state"], new["shown"]) == ("two", "good", second[:8] + "…")
    assert new["expires_at"] == 4_102_444_800
    assert "was revoked already" in refused("keys", "rotate", two, data=data)
    assert "revoked" in said("keys", "revoke", one, data=data)


def test_what_can_not_be_done_is_one_line(data: Path) -> None:
    assert "no database in" in refused("keys", "list", data=data)
    assert "no database in" in refused("keys", "revoke", "key_1", data=data)
    assert not data.exists()
    said("projects", "create", "Old", data=data)
    said("projects", "archive", "Old", data=data)
    assert "antiphon keys list" in refused("keys", "revoke", "key_1", data=data)
    assert "antiphon projects list" in refused("keys", "create", "--project", "None", data=data)
    assert "archived" in refused("keys", "create", "--project", "Old", data=data)
    assert "in the past" in refused("keys", "create", "--expires", "2001-01-01", data=data)
    assert "30d" in refused("keys", "create", "--expires", "soon", data=data)
    assert ran("keys", "create", "--scope", "all", data=data).returncode != 0
    assert listed(data) == []
    (data / "secret").write_bytes(b"short")
    assert "damaged" in refused("keys", "create", data=data)


def test_settings_of_the_server_are_not_taken_for_flags(data: Path) -> None:
    (data.parent / "antiphon.toml").write_text('model = "scripted"\nname = "x"\nscope = "admin"\n')
    assert ran("keys", "create", data=data, ANTIPHON_PROJECT="nowhere", ANTIPHON_NAME="y").returncode == 0
    [row] = listed(data)
    assert (row["name"], row["scope"], row["project"]) == ("", "responses", "default")


def test_keys_are_made_while_a_server_is_written_to(data: Path) -> None:
    data.mkdir()
    with running("scripted", data) as (server, _), ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(create, server, {"model": "scripted", "input": f"{number}"}) for number in range(150)]
        texts = {said("keys", "create", "--name", f"{number}", data=data) for number in range(3)}
        assert all(one.result().status in (200, 401) for one in asked)  # 401 once there is a key
    assert len(texts) == 3 and [row["name"] for row in listed(data)] == ["0", "1", "2"]
