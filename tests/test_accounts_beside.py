"""A server, and beside it the commands on accounts: what they change holds from the next request on."""

import json
import time
from pathlib import Path
from typing import Any

from tests.asking import JSON_TYPE, Answer, ask
from tests.commands.ran import refused, said
from tests.served import Server, running
from tests.store.folder import files_with

MARKER = "Quetzalcoatlus"


def asked(server: Server, key: str | None, text: str = "hello", **headers: str) -> Answer:
    shown = {} if key is None else {"Authorization": f"Bearer {key}"}
    body = json.dumps({"model": "scripted", "input": text}).encode()
    return ask(server, "POST", "/v1/responses", body, JSON_TYPE | shown | headers)


def found(server: Server, key: str, name: str) -> int:
    return ask(server, "GET", f"/v1/responses/{name}", None, {"Authorization": f"Bearer {key}"}).status


def used(data: Path, responses: int) -> "dict[str, dict[str, Any]]":
    """The usage by project, once so many responses are counted: their rows are closed after their answers went out."""
    for _ in range(100):
        rows = {row["project"]: row for row in json.loads(said("usage", "--json", "--since", "1d", data=data))}
        if sum(row["responses"] for row in rows.values()) == responses:
            break
        time.sleep(0.05)
    return rows


def id_of(data: Path, name: str) -> str:
    [key] = [row for row in json.loads(said("keys", "list", "--json", data=data)) if row["name"] == name]
    return str(key["id"])


def test_a_key_opens_is_rotated_and_is_revoked_while_the_server_runs(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with running("scripted", data) as (server, _):
        assert asked(server, None).status == 200
        first = said("keys", "create", "--name", "one", data=data)
        assert asked(server, None).status == 401
        assert asked(server, first).status == 200
        other = said("keys", "create", "--name", "two", data=data)
        second = said("keys", "rotate", id_of(data, "one"), data=data)
        assert asked(server, first).status == 401
        assert asked(server, second).status == 200
        said("keys", "revoke", id_of(data, "two"), data=data)
        assert asked(server, other).status == 401
        assert asked(server, second).status == 200
        rows = json.loads(said("keys", "list", "--json", data=data))
        assert [row["state"] for row in rows] == ["revoked", "revoked", "good"]
        assert rows[2]["last_used_at"] is not None
        log = server.wrote()
    for text in (first, second, other):
        assert text not in log and files_with(data, text) == []
    with running("scripted", data) as (server, _):  # keyed for good
        assert asked(server, None).status == 401
        assert asked(server, second).status == 200


def test_what_holds_for_a_project_changes_while_the_server_runs(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with running("scripted", data) as (server, _):
        ducks = said("projects", "create", "Ducks", "--requests-per-minute", "2", data=data)
        key = said("keys", "create", "--project", "Ducks", "--projects", "default", data=data)
        assert [asked(server, key).status for _ in range(3)] == [200, 200, 429]
        assert asked(server, key, **{"X-Project-ID": "default"}).status == 200
        said("projects", "set", "Ducks", "--requests-per-minute", "none", data=data)
        assert asked(server, key).status == 200
        said("projects", "archive", ducks, data=data)
        assert asked(server, key).status == 403


def test_a_project_is_counted_exported_and_purged_and_the_other_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with running("scripted", data) as (server, _):
        ducks = said("projects", "create", "Ducks", data=data)
        mine, other = said("keys", "create", "--project", "Ducks", data=data), said("keys", "create", data=data)
        names = [asked(server, mine, MARKER).json()["id"] for _ in range(3)]
        kept = asked(server, other, "Archaeopteryx").json()["id"]
        assert found(server, other, names[0]) == 404 and found(server, mine, names[0]) == 200
        rows = used(data, 4)
        assert {project: row["responses"] for project, row in rows.items()} == {ducks: 3, "default": 1}
        assert all(row["output_tokens"] > 0 and row["estimated"] == 0 for row in rows.values())
        exported = [json.loads(line) for line in said("export", "Ducks", data=data).splitlines()]
        assert [row["response"]["id"] for row in exported if row["kind"] == "response"] == names
        usage = [(row["response_id"], row["status"]) for row in exported if row["kind"] == "usage"]
        assert usage == [(name, "completed") for name in names]
        assert "Another server" in refused("purge", "Ducks", "--yes", data=data)
        assert found(server, mine, names[0]) == 200
    assert files_with(data, MARKER)
    said("purge", "Ducks", "--yes", data=data)
    assert files_with(data, MARKER) == [] and all(files_with(data, name) in ([], ["server.log"]) for name in names)
    with running("scripted", data) as (server, _):
        assert asked(server, mine).status == 401
        assert found(server, other, kept) == 200 and found(server, other, names[0]) == 404
        assert list(used(data, 1)) == ["default"]
