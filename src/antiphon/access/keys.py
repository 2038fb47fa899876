"""Keys: how the text of an API key is made, and what of it is kept.

Knows nothing of where a key is kept, nor of who may have one.
"""

import hashlib
import secrets
import time

from msgspec import Struct
from msgspec.structs import replace

from antiphon.core.accounts import Key, Limits, Scope

PREFIX = "sk-"
SHOWN = 8
"""How much of a text stays readable: five of its 43 random characters tell nobody the others."""


class Draft(Struct, frozen=True, kw_only=True):
    """What a new key is to be; its fields are those of `core.accounts.Key`."""

    name: str
    project: str
    projects: tuple[str, ...] = ()
    scope: Scope = "responses"
    expires_at: int | None = None
    limits: Limits = Limits()


class Made(Struct, frozen=True):
    """A key as it is kept, and its text, which is told this once and kept nowhere."""

    text: str
    key: Key


def made(secret: bytes, draft: Draft, now: int) -> Made:
    """A new key. `secret` is what `digest` is given; `now` is unix seconds."""
    text = PREFIX + secrets.token_urlsafe(32)
    key = Key(
        id=f"key_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}",  # grows with time, as all our ids
        digest=digest(secret, text),
        shown=shown(text),
        name=draft.name,
        project=draft.project,
        projects=draft.projects,
        scope=draft.scope,
        created_at=now,
        expires_at=draft.expires_at,
        limits=draft.limits,
    )
    return Made(text, key)


def rotated(secret: bytes, old: Key, now: int) -> tuple[Made, Key]:
    """Another key in the place of an old one, good for the same and as long; and the old one, revoked."""
    draft = Draft(
        name=old.name,
        project=old.project,
        projects=old.projects,
        scope=old.scope,
        expires_at=old.expires_at,
        limits=old.limits,
    )
    return made(secret, draft, now), revoked(old, now)


def revoked(key: Key, now: int) -> Key:
    """The key, not good any more; one that was revoked stays so since then."""
    return key if key.revoked_at is not None else replace(key, revoked_at=now)


def digest(secret: bytes, text: str) -> bytes:
    """The keyed hash by which a key is found: BLAKE2b's own (RFC 7693), of 32 bytes.

    `secret` is one that was derived for keys alone. An HMAC over OpenSSL costs six times as much (docs/log.md).
    """
    return hashlib.blake2b(text.encode(), key=secret, digest_size=32).digest()


def shown(text: str) -> str:
    """The beginning of a key's text, by which a person recognises it."""
    return text[:SHOWN] + "…"
