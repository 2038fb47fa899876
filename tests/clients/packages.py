"""Where clients' packages are kept, each in a folder of its own: fetched once, by one process at a time.

Knows nothing of what is fetched, nor with which tool.
"""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(os.environ.get("ANTIPHON_TEST_CLIENTS") or Path(__file__).parents[2] / ".clients")
PATIENCE = 600
"""Seconds that fetching may take."""


class Unavailable(Exception):
    """It could not be fetched; the message says why."""


@contextmanager
def kept(name: str, what: str) -> Iterator[tuple[Path, bool]]:
    """The folder of that name, and whether it has `what` already; when this is left, it has.

    Nobody else has the folder meanwhile: the tests run in two processes.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        folder, told = FOLDER / name, FOLDER / f"{name}.has"
        yield folder, folder.is_dir() and told.is_file() and told.read_text(encoding="utf-8") == what
        told.write_text(what, encoding="utf-8")


def fetch(command: list[str]) -> None:
    """Run what fetches. Raises `Unavailable` where a registry would be needed and can't be reached."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command[-2:])} could not be fetched: {done.stderr.strip()[-300:]}")
