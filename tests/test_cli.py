"""The command line, as a program."""

import subprocess
import sys
from pathlib import Path

import pytest

from antiphon import __version__


def antiphon(*arguments: str, folder: Path, program: str | None = None) -> "subprocess.CompletedProcess[str]":
    command = [program] if program else [sys.executable, "-m", "antiphon"]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_script_and_the_module_are_the_same(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("antiphon")
    for program in (None, str(script)):
        ended = antiphon("--version", folder=tmp_path, program=program)
        assert (ended.returncode, ended.stdout) == (0, f"{__version__}\n")


def test_help_lists_what_is_built_and_nothing_else(tmp_path: Path) -> None:
    ended = antiphon("--help", folder=tmp_path)
    listed = {line.split()[1] for line in ended.stdout.splitlines() if line.startswith("│ ") and line[2] != " "}
    commands = {"backup", "chat", "config", "connect", "models", "pull", "serve", "upstreams"}
    accounts = {"keys", "projects", "usage", "export", "purge"}
    assert listed == commands | accounts | {"--help", "--version"}


@pytest.mark.parametrize("command", ["serve", "chat", "connect", "pull", "models", "backup"])
def test_each_flag_is_explained(command: str, tmp_path: Path) -> None:
    ended = antiphon(command, "--help", folder=tmp_path)
    flags = [line for line in ended.stdout.splitlines() if line.startswith("│ --")]
    assert flags
    for line in flags:
        *_, explained = line.strip("│ ").split("  ")
        assert explained.strip()[:1].isupper(), line


def test_help_is_quick_because_nothing_heavy_is_imported(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "antiphon", "serve", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported = {
        line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")
    }
    assert "cyclopts" in imported
    assert not imported & {
        "xllamacpp",
        "llguidance",
        "huggingface_hub",
        "uvicorn",
        "starlette",
        "aiohttp",
        "antiphon.app",
    }


def test_pull_and_models_read_the_file_of_settings_but_ask_only_for_theirs(tmp_path: Path) -> None:
    data = tmp_path / "elsewhere"
    (tmp_path / "antiphon.toml").write_text(f"port = 9000\ndata = '{data}'\n")
    ended = antiphon("models", "--json", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "qwen2.5-coder-1.5b-instruct" in ended.stdout


def test_what_is_no_command(tmp_path: Path) -> None:
    ended = antiphon("sevre", folder=tmp_path)
    assert ended.returncode == 2
    assert "sevre" in ended.stderr
