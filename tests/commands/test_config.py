"""`antiphon config check` as a person meets it: each mistake with file and line, of flags' keys and of tables."""

from pathlib import Path

import pytest

from antiphon.cli import app


def checked(capsys: pytest.CaptureFixture[str], file: Path) -> tuple[int, list[str], str]:
    """What it ends with, and says."""
    with pytest.raises(SystemExit) as ended:
        app(["config", "check", str(file)])
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out.splitlines(), err


def test_every_mistake_has_its_line_and_its_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "antiphon.toml"
    file.write_text(
        "port = 70000\nslots = 2\nqeue = 3\n"
        '[upstreams.a]\nurl = "http://127.0.0.1:1/v1"\nwieght = 2\n'
        '[models.m]\nupstreams = ["b"]\n'
    )
    code, lines, _ = checked(capsys, file)
    assert code == 1
    assert [line.removeprefix(f"{file}:").partition(":")[0] for line in lines] == ["1", "3", "6", "8"]
    assert "70000" in lines[0] and "qeue" in lines[1]
    assert lines[2].endswith("There is no key 'wieght' here. Did you mean 'weight'?")
    assert lines[3].endswith("There is no upstream 'b'. There are: a.")


def test_a_file_without_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "antiphon.toml"
    file.write_text('port = 9000\nallowed_hosts = ["a"]\n[upstreams.a]\nurl = "http://127.0.0.1:1/v1"\n')
    assert checked(capsys, file) == (0, [f"{file}: nothing is wrong."], "")


def test_a_file_that_is_no_toml_or_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "antiphon.toml"
    file.write_text("port = 1\nport = = 2\n")
    code, (line,), _ = checked(capsys, file)
    assert code == 1 and line.startswith(f"{file}:2: This is no TOML: ")
    code, lines, said = checked(capsys, tmp_path / "absent.toml")
    assert (code, lines) == (1, []) and "No such file" in said
