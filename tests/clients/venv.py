"""Virtual environments for clients in Python whose packages may be at odds with ours.

Knows nothing of what is run in them. What belongs into one stands, with all versions, in `environments/NAME.txt`:
renew it with `pip freeze` of a fresh environment, as CONTRIBUTING.md says of ours.
"""

import subprocess
import sys
from pathlib import Path

from tests.clients.packages import fetch, kept

LISTS = Path(__file__).with_name("environments")


def python(name: str) -> Path:
    """The interpreter of an environment. Raises `Unavailable` where a registry would be needed and can't be reached."""
    wanted = LISTS / f"{name}.txt"
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}\n"
    with kept(f"python-{name}", version + wanted.read_text(encoding="utf-8")) as (folder, there):
        program = folder / "bin" / "python"
        if not there:
            subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)], check=True)
            pip = [sys.executable, "-m", "pip", "--python", str(program), "--disable-pip-version-check", "install"]
            fetch([*pip, "--quiet", "--only-binary", ":all:", "--requirement", str(wanted)])
    return program
