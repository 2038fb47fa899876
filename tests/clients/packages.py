"""Where clients' packages are kept, each in a folder of its own: fetched once, by one process at a time.

Knows nothing of what is fetched, nor with which tool.
"""

import fcntl
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(os.environ.get("ANTIPHON_TEST_CLIENTS") or Path(__file__).parents[2] / ".clients")
PATIENCE = 600
"""Seconds that fetching may take."""
TRUSTED = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where machines keep the authorities that they trust. Node doesn't look there by itself, as pip does."""

_failed: dict[str, str] = {}
"""What could not be fetched, and why: once is enough in a process, since who can't reach a registry waits long."""


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
    what = " ".join(command[-2:])
    if what not in _failed:
        try:
            done = subprocess.run(
                command, env=_environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            _failed[what] = f"not within {PATIENCE} s"
        else:
            if done.returncode == 0:
                return
            _failed[what] = done.stderr.strip()[-300:]
    raise Unavailable(f"{what} could not be fetched: {_failed[what]}")


def _environment() -> dict[str, str]:
    """The environment, in which Node trusts whom the machine trusts."""
    found = (path for path in (ssl.get_default_verify_paths().cafile, *TRUSTED) if path and Path(path).is_file())
    trusted = next(found, None)
    return ({"NODE_EXTRA_CA_CERTS": trusted} if trusted else {}) | os.environ
