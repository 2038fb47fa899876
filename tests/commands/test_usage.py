"""`antiphon usage`, as a person meets it."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.commands.ran import ran, refused, said
from tests.store.accounts import a_key, a_project, charged, settled
from tests.store.folder import running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two projects, three days, and a row that is open."""
    folder = tmp_path / "data"

    async def fill() -> None:
        async with running(folder) as store:
            await store.keep_project(a_project(id="proj_1", name="Ducks"))
            await store.keep_key(a_key(id="key_1", name="mine", project="proj_1"))
            for number in range(6):
                project = "proj_1" if number < 4 else "default"
                row = charged(
                    f"r{number}",
                    project=project,
                    key="key_1" if number < 4 else "",
                    model="m" if number % 2 else "n",
                    opened_at=time.time() - 86_400 * (number % 3),
                )
                await store.charge(row)
                await store.settle(project, settled(f"r{number}", estimated=number == 0, output_tokens=1000))
            await store.charge(charged("open", opened_at=time.time()))

    asyncio.run(fill())
    return folder


def rows(data: Path, *options: str, since: str = "9d") -> "list[dict[str, object]]":
    found: list[dict[str, object]] = json.loads(said("usage", "--json", "--since", since, *options, data=data))
    return found


def test_sums_by_each_thing(data: Path) -> None:
    one, two = rows(data)
    assert one == {
        "responses": 2,
        "estimated": 0,
        "input_tokens": 14,
        "cached_tokens": 6,
        "output_tokens": 2000,
        "reasoning_tokens": 10,
        "cost": 1.0,
        "project": "default",
    }
    assert (two["project"], two["responses"], two["estimated"], two["cost"]) == ("proj_1", 4, 1, 2.0)
    assert {(row["model"], row.get("key", ""), row["responses"]) for row in rows(data, "--by", "model,key")} == {
        ("m", "key_1", 2),
        ("n", "key_1", 2),
        ("m", "", 1),
        ("n", "", 1),
    }
    days = rows(data, "--by", "day")
    assert [row["responses"] for row in days] == [2, 2, 2]
    assert [row["day"] for row in days] == sorted(str(row["day"]) for row in days)
    assert sum(int(str(row["responses"])) for row in rows(data, "--by", "day", since="36h")) == 4
    assert rows(data, "--until", "8d") == []


def test_a_table_for_a_person(data: Path) -> None:
    table = [line.split("  ") for line in said("usage", "--since", "9d", "--by", "key,project", data=data).splitlines()]
    told = [[cell.strip() for cell in line if cell.strip()] for line in table]
    assert told == [
        ["PROJECT", "KEY", "RESPONSES", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST", "ESTIMATED"],
        ["default", "(none)", "2", "14", "6", "2,000", "10", "1.0000", "0"],
        ["Ducks", "mine sk-12345…", "4", "28", "12", "4,000", "20", "2.0000", "1"],
        ["all", "6", "42", "18", "6,000", "30", "3.0000", "1"],
    ]


def test_this_month_is_told_where_no_time_is_given(data: Path) -> None:
    month = time.strftime("%Y-%m-01", time.gmtime())
    assert said("usage", "--json", data=data) == said("usage", "--json", "--since", month, data=data)


def test_what_can_not_be_told_is_one_line(data: Path) -> None:
    assert "some of day, project, key, model" in refused("usage", "--by", "project,colour", data=data)
    assert "30d" in refused("usage", "--since", "yesterday", data=data)
    assert "no database in" in refused("usage", data=data.parent / "nowhere")
    ended = ran("usage", "--until", "2001-01-01", data=data)
    assert ended.returncode == 0 and ended.stderr == "Nothing was used in that time.\n"
