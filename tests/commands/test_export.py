"""`antiphon export`, alone and beside a server."""

import asyncio
import json
from pathlib import Path

from tests.asking import ask, create
from tests.commands.ran import ran, refused, said
from tests.conformance.test_store_holdings import filled
from tests.served import running
from tests.store.folder import running as stored


def test_a_project_is_written_beside_a_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with running("scripted", data) as (server, _):
        name = create(server, {"model": "scripted", "input": "hello"}).json()["id"]
        ask(server, "POST", "/v1/conversations", b"{}")
        text = said("export", "default", data=data)
        told = said("export", "default", str(tmp_path / "copy"), data=data)
    rows = [json.loads(line) for line in text.splitlines()]
    kinds = [row["kind"] for row in rows]
    assert {"project", "response", "conversation"} <= set(kinds)
    [response] = [row for row in rows if row["kind"] == "response"]
    assert response["response"]["id"] == name and response["input"][0]["content"][0]["text"] == "hello"
    assert response["response"]["output"][0]["content"][0]["text"]
    assert (tmp_path / "copy").read_text().rstrip("\n") == text
    assert told.startswith(f"Wrote {len(rows)} rows to {tmp_path / 'copy'} (")
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0


def test_what_can_not_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"

    async def fill() -> None:
        async with stored(data) as store:
            await filled(store, "p", "Ducks")

    asyncio.run(fill())
    assert "antiphon projects list" in refused("export", "Swans", str(tmp_path / "copy"), data=data)
    assert "can't be written" in refused("export", "Ducks", str(tmp_path / "no" / "copy"), data=data)
    assert "can't be written" in refused("export", "Ducks", str(data), data=data)
    assert "no database in" in refused("export", "Ducks", data=tmp_path / "nowhere")
    assert [file.name for file in tmp_path.iterdir()] == ["data"]
    (tmp_path / "copy").write_text("old")
    assert ran("export", "Ducks", str(tmp_path / "copy"), data=data).returncode == 0
    assert len((tmp_path / "copy").read_text().splitlines()) > 10
