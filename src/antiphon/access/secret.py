"""The server's own secret: made at the first start, kept in the data folder, readable by its owner only.

Knows nothing of what is keyed with it; whoever uses it derives a key of its own.
"""

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
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = path.read_bytes()
        if len(found) != LENGTH:
            raise Problem(503, "store_unavailable", f"{path} is damaged: it should have {LENGTH} bytes.") from None
        return found
    with os.fdopen(descriptor, "wb") as file:
        made = secrets.token_bytes(LENGTH)
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    return made


def passing() -> bytes:
    """A secret that ends with the process."""
    return secrets.token_bytes(LENGTH)


def derived(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose: what is keyed for one can't be used for another."""
    return hmac.new(secret, purpose.encode(), hashlib.sha256).digest()
