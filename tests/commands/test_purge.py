"""`antiphon purge`: a project leaves every file, and no other does."""

import asyncio
import json
from pathlib import Path

from tests.commands.ran import refused, said
from tests.conformance.test_store_holdings import exported, filled
from tests.served import running
from tests.store.folder import MARKER, files_with
from tests.store.folder import running as stored


def test_a_project_leaves_every_file_of_the_folder(tmp_path: Path) -> None:
    async def fill() -> None:
        async with stored(tmp_path / "data") as store:
            await filled(store, "p", MARKER)
            await filled(store, "q", "Archaeopteryx")

    async def look(project: str) -> "list[dict[str, object]]":
        async with stored(tmp_path / "data") as store:
            return await exported(store, project)

    data = tmp_path / "data"
    asyncio.run(fill())
    before = asyncio.run(look("q"))
    assert "--yes" in refused("purge", "p", data=data)
    assert files_with(data)
    assert f"{MARKER} is forgotten" in said("purge", "p", "--yes", data=data)
    assert files_with(data) == []
    assert asyncio.run(look("q")) == before
    assert "antiphon projects list" in refused("purge", "p", "--yes", data=data)


def test_the_default_project_is_emptied_and_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    said("keys", "create", data=data)
    said("projects", "set", "default", "--requests-per-day", "3", data=data)
    said("purge", "default", "--yes", data=data)
    [project] = json.loads(said("projects", "list", "--json", data=data))
    assert project["id"] == "default" and project["limits"]["requests_per_day"] is None
    assert json.loads(said("keys", "list", "--json", data=data)) == []


def test_beside_a_server_it_says_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with running("scripted", data):
        assert "Another server uses the data folder" in refused("purge", "default", "--yes", data=data)
    said("purge", "default", "--yes", data=data)
