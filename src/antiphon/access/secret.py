"""The server's own secret: made at the first start, kept in the data folder, readable by its owner only.

Knows nothing of what is keyed with it; whoever uses it derives a key of its own.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from antiphon.core.problems import Problem

LENGTH = 32


def kept_in(folder: Path) -> bytes:
    """The secret of a data folder, made where there is none. Raises `Problem` 503 for one that can't be used."""
    path = folder / "secret"
    found = path.read_bytes() if path.exists() else b""
    if not found:  # not there, or being made by another process at this moment
        found = _made(path)
    if len(found) != LENGTH:
        raise Problem(503, "store_unavailable", f"{path} is damaged: it should have {LENGTH} bytes.")
    return found


def _made(path: Path) -> bytes:
    """A new secret, or the one that another process made meanwhile: a server and a command may start at once."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found = file.read()
        if not found:
            found = secrets.token_bytes(LENGTH)
            file.write(found)
            file.flush()
            os.fsync(file.fileno())
        return found


def passing() -> bytes:
    """A secret that ends with the process."""
    return secrets.token_bytes(LENGTH)


def derived(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose: what is keyed for one can't be used for another."""
    return hmac.new(secret, purpose.encode(), hashlib.sha256).digest()
