"""The commands on accounts, as programs: each flag is explained, and nothing heavy is loaded for that."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = [
    *(("keys", name) for name in ("create", "list", "revoke", "rotate")),
    *(("projects", name) for name in ("create", "list", "set", "archive")),
    *((name,) for name in ("usage", "export", "purge")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_flag_is_explained(command: tuple[str, ...], tmp_path: Path) -> None:
    arguments = [sys.executable, "-X", "importtime", "-m", "antiphon", *command, "--help"]
    ended = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    flags = [line for line in ended.stdout.splitlines() if line.startswith("│ --")]
    assert any("--data" in line for line in flags)
    for line in flags:
        *_, explained = line.strip("│ ").split("  ")
        assert explained.strip()[:1].isupper(), line
    assert not {"antiphon.desk", "antiphon.app", "antiphon.commands.accounts", "sqlite3"} & {
        line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()
    }
