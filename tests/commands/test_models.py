import json
import os
from pathlib import Path

import pytest

from antiphon.commands.models import bytes_told, models
from antiphon.models import catalogue
from antiphon.models.catalogue import HubFile


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with the small model, as it looks once checked, and a file pulled by reference."""
    small = catalogue.find(catalogue.load().small)
    assert small is not None
    folder = catalogue.folder(tmp_path)
    other = catalogue.hub_path(HubFile("org/repo", "model.gguf"), folder)
    other.parent.mkdir(parents=True)
    other.write_bytes(b"GGUF")
    catalogue.write_mark(other, "0" * 64)
    path = folder / small.file
    path.touch()
    os.truncate(path, small.size)  # a hole of that length: takes no room
    catalogue.write_mark(path, small.sha256)
    return tmp_path


def test_a_person_sees_which_models_there_are_and_which_are_here(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models(data, as_json=False)
    _, default, small, pulled, *_ = capsys.readouterr().out.splitlines()
    assert default.startswith("* qwen2.5-coder-1.5b-instruct ") and "1.12 GB" in default and default.split()[-1] == "no"
    assert small.split()[0] == "smollm2-135m-instruct" and "Apache-2.0" in small and small.split()[-1] == "yes"
    assert pulled.split()[0] == "hf:org/repo:model.gguf"


def test_a_program_sees_the_same(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models(data, as_json=True)
    default, small, pulled = json.loads(capsys.readouterr().out)
    assert default["default"] is True and default["path"] is None and default["size"] == 1_117_320_768
    assert small["default"] is False and Path(small["path"]).is_file() and small["licence"] == "Apache-2.0"
    assert pulled["name"] == "hf:org/repo:model.gguf" and pulled["size"] == 4


@pytest.mark.parametrize(
    ("count", "told"), [(4, "0 kB"), (65_000, "65 kB"), (98_362_432, "98 MB"), (1_117_320_768, "1.12 GB")]
)
def test_bytes_for_a_person(count: int, told: str) -> None:
    assert bytes_told(count) == told
