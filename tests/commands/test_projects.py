"""`antiphon projects`, as a person meets it."""

import json
from pathlib import Path

import pytest

from tests.commands.ran import ran, refused, said

UNLIMITED = dict.fromkeys(("requests_per_minute", "requests_per_day", "tokens_per_minute", "concurrent_runs"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def listed(data: Path) -> "dict[str, dict[str, object]]":
    return {row["name"]: row for row in json.loads(said("projects", "list", "--json", data=data))}


def test_a_project_is_made_and_changed_where_something_is_said(data: Path) -> None:
    name = said("projects", "create", "Ducks", "--tokens-per-minute", "9000", "--budget-soft", "1.5", data=data)
    made = listed(data)["Ducks"]
    assert (made["id"], made["limits"]) == (name, UNLIMITED | {"tokens_per_minute": 9000})
    assert made["budget"] == {"soft": 1.5, "hard": None} and made["archived_at"] is None
    told = said("projects", "set", "Ducks", "--requests-per-minute", "60", "--budget-hard", "2", data=data)
    assert told == "Ducks: 60 requests/min, 9,000 tokens/min; warned beyond 1.5 a month; refused beyond 2 a month."
    said("projects", "set", name, "--tokens-per-minute", "none", "--budget-soft", "none", data=data)
    said("projects", "set", name, "--contract", "openai", "--log-content", data=data)
    said("projects", "set", name, "--for-model", "m", "--concurrent-runs", "2", data=data)
    changed = listed(data)["Ducks"]
    assert changed["limits"] == UNLIMITED | {"requests_per_minute": 60}
    assert changed["models"] == {"m": UNLIMITED | {"concurrent_runs": 2}}
    assert (changed["budget"], changed["contract"], changed["log_content"]) == (
        {"soft": None, "hard": 2},
        "openai",
        True,
    )
    said("projects", "set", name, "--for-model", "m", "--concurrent-runs", "none", data=data)
    said("projects", "set", name, "--contract", "none", "--no-log-content", data=data)
    changed = listed(data)["Ducks"]
    assert (changed["models"], changed["contract"], changed["log_content"]) == ({}, None, False)


def test_an_archived_project_is_told_last(data: Path) -> None:
    said("projects", "create", "Old", data=data)
    assert "is archived" in said("projects", "archive", "Old", data=data)
    since = listed(data)["Old"]["archived_at"]
    said("projects", "archive", "Old", data=data)
    assert listed(data)["Old"]["archived_at"] == since is not None
    said("keys", "create", data=data)
    said("projects", "create", "New", data=data)
    table = [line.split() for line in said("projects", "list", data=data).splitlines()]
    assert [row[1] for row in table[1:]] == ["default", "New", "Old"]
    assert table[1][-1] == "1"


def test_what_can_not_be_done_is_one_line(data: Path) -> None:
    assert "no database in" in refused("projects", "list", data=data)
    said("projects", "create", "Ducks", data=data)
    assert "already" in refused("projects", "create", "Ducks", data=data)
    assert "already" in refused("projects", "create", "default", data=data)
    assert "needs a name" in refused("projects", "create", " ", data=data)
    assert "can't be archived" in refused("projects", "archive", "default", data=data)
    assert "antiphon projects list" in refused("projects", "set", "Geese", "--requests-per-day", "1", data=data)
    for wrong in (("--requests-per-day", "0"), ("--requests-per-day", "many"), ("--budget-hard", "-1")):
        ended = ran("projects", "set", "Ducks", *wrong, data=data)
        assert ended.returncode != 0 and "Traceback" not in ended.stderr


def test_a_servers_model_is_not_taken_for_the_limits(data: Path) -> None:
    said("projects", "create", "Ducks", data=data)
    ended = ran("projects", "set", "Ducks", "--requests-per-day", "1", data=data, ANTIPHON_FOR_MODEL="m")
    assert ended.returncode == 0
    assert listed(data)["Ducks"]["models"] == {}
