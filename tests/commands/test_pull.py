import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.commands.pull import pull
from antiphon.models import catalogue
from tests.models.hub import Hub, serving

REF = "hf:org/repo:model.gguf"
CONTENT = os.urandom(3 << 20)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(monkeypatch) as hub:
        yield hub


def test_it_says_how_far_it_is_and_prints_the_path(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.files["org/repo/model.gguf"] = CONTENT
    pull(REF, tmp_path, as_json=False)
    told = capsys.readouterr()
    path = tmp_path / "models" / "hf" / "org" / "repo" / "model.gguf"
    assert told.out == f"{path}\n" and path.read_bytes() == CONTENT
    lines = told.err.splitlines()
    assert len(lines) <= 30 and f"{REF}: downloading from the model hub: 3 MB of 3 MB" in lines


def test_as_json_each_line_is_an_object(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.files["org/repo/model.gguf"] = CONTENT
    pull(REF, tmp_path, as_json=True)
    *progress, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert progress and all(line["type"] == "progress" and line["total"] == len(CONTENT) for line in progress)
    assert done["type"] == "done" and Path(done["path"]).read_bytes() == CONTENT and len(done["sha256"]) == 64


@pytest.mark.parametrize("shape", ["text", "json"])
def test_a_model_that_can_not_be_had(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: str) -> None:
    with pytest.raises(SystemExit) as ended:
        pull(REF, tmp_path, as_json=shape == "json")
    assert ended.value.code == 1
    told = capsys.readouterr()
    message = json.loads(told.out.splitlines()[-1])["message"] if shape == "json" else told.err.strip()
    assert message == f"{REF} could not be pulled. The model hub has no file model.gguf in org/repo."


def test_a_name_that_nobody_knows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        pull("gpt-99", tmp_path, as_json=False)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "'gpt-99'" in told and all(model.name in told for model in catalogue.load().models)
