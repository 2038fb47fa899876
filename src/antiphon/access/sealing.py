"""Sealing: bytes that a client carries and can neither read nor change (protocol §8.6).

Knows nothing of what is sealed; all that it takes to open a blob is the secret, so that a restarted
server, or another one under the same secret, can do it.

A blob is URL-safe base64 without padding of: a version byte, 24 random bytes, the AES-256-GCM text
with its tag. The first half of the random bytes makes a key of its own out of the server's, the other
half is the nonce: so there is no number of blobs after which a nonce must be feared to come twice.
"""

import base64
import binascii
import hashlib
import hmac
import os
from typing import TYPE_CHECKING

import msgspec

from antiphon.access.secret import derived
from antiphon.core.problems import Problem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
LONGEST = 10 * 1024 * 1024
"""Characters of the longest blob (protocol §2.1, `encrypted_content`)."""

_RANDOM = 24
_TAG = 16
_OVERHEAD = len(VERSION) + _RANDOM + _TAG


class SecretSealer:
    """Satisfies the `Sealer` port, under a key that is derived from the server's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = derived(secret, "sealing")

    def seal(self, project: str, kind: str, plaintext: bytes) -> str:
        """A blob that opens for the same project and kind only. Raises `Problem` 500 for one beyond `LONGEST`."""
        if (_OVERHEAD + len(plaintext)) * 4 > LONGEST * 3:
            raise Problem(500, "server_error", f"What is to be sealed exceeds the bound of {LONGEST} characters.")
        random = os.urandom(_RANDOM)
        box = self._box(random)
        return _text(VERSION + random + box.encrypt(random[12:], plaintext, _bound_to(project, kind)))

    def open(self, project: str, kind: str, text: str, *, param: str) -> bytes:
        """What was sealed.

        Raises `Problem` 400 `invalid_encrypted_content` at `param` for whatever is not a whole blob of this
        secret, project and kind. The same words for every reason: which one it was is nobody's business.
        """
        opened = self._opened(project, kind, text)
        if opened is None:
            raise Problem(
                400,
                "invalid_encrypted_content",
                f"The encrypted content in '{param}' could not be opened: it is not whole, or it was not made by "
                "this server for this project. Leave the item out, or send its content in plain text.",
                param=param,
            )
        return opened

    def _opened(self, project: str, kind: str, text: str) -> bytes | None:
        from cryptography.exceptions import InvalidTag

        blob = _bytes(text)
        if blob is None or len(blob) < _OVERHEAD or blob[:1] != VERSION:
            return None
        random, sealed = blob[1 : 1 + _RANDOM], blob[1 + _RANDOM :]
        try:
            return self._box(random).decrypt(random[12:], sealed, _bound_to(project, kind))
        except InvalidTag:
            return None

    def _box(self, random: bytes) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(hmac.new(self._key, VERSION + random[:12], hashlib.sha256).digest())


def _bound_to(project: str, kind: str) -> bytes:
    """What is authenticated beside the text; JSON, so that no two pairs look alike."""
    return msgspec.json.encode([project, kind])


def _text(blob: bytes) -> str:
    return base64.urlsafe_b64encode(blob).rstrip(b"=").decode()


def _bytes(text: str) -> bytes | None:
    """The bytes of a blob's text; None for text that `_text` does not give, so that a blob has one form."""
    if len(text) > LONGEST or not text.isascii():
        return None
    try:
        blob = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    return blob if _text(blob) == text else None
