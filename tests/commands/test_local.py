"""The server that `chat` starts: there while it is needed, gone afterwards, on its own where it fails."""

from pathlib import Path

import pytest

from antiphon.commands import local
from antiphon.commands.client import Trouble


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_DATA", str(tmp_path))


def test_it_serves_and_is_gone_afterwards() -> None:
    with local.server("scripted") as client:
        assert client.models() == ["scripted"]
    with pytest.raises(Trouble, match="no answer"):
        client.models()


def test_one_that_ends_before_it_listens(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ANTIPHON_PORT", "none")  # the flag wins over it
    monkeypatch.setenv("ANTIPHON_SLOTS", "none")
    with pytest.raises(Trouble, match="ended with status"), local.server("scripted"):
        pass
    assert "ANTIPHON_SLOTS" in capfd.readouterr().err
