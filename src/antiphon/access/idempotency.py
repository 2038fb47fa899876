"""Idempotency: a request under an Idempotency-Key is done once (protocol §6.2).

Knows nothing of HTTP, nor of what the request asks for. A record is written before the work
begins; the fingerprint in it is keyed, so that it tells nothing of the request.
"""

import hashlib
import hmac
from collections.abc import Callable

import msgspec
from msgspec import Struct

from antiphon.core.items import JSON
from antiphon.core.ports import Record, Records
from antiphon.core.problems import Problem

GONE = b""
"""The body of a record whose answer was not kept (`store:false`)."""


class Replay(Struct, frozen=True):
    """The request was done before: here is the response's id, or the answer itself."""

    response_id: str | None
    body: bytes | None


class Ticket:
    """The right to do the work of a key; until `refused` or `over` a duplicate is told to wait."""

    def __init__(self, owner: "Idempotency", project: str, scope: str, key: str) -> None:
        self._owner = owner
        self._place = project, scope, key
        self.record = scope, key

    async def led_to(self, body: bytes) -> None:
        """Keep the answer, or `GONE`. A stored response fulfils its record itself (`Opening.record`)."""
        await self._owner.fulfil(self._place, body)

    async def refused(self) -> None:
        """The request was refused before it began: the key is free again."""
        await self._owner.withdraw(self._place)

    def over(self) -> None:
        """The work is done, and all that is kept of it is kept."""
        self._owner.active.pop(self._place, None)


class Idempotency:
    """Decides what becomes of a request with a key. `secret` keys the fingerprints."""

    def __init__(self, records: Records, secret: bytes, now: Callable[[], int]) -> None:
        self._records = records
        self._secret = secret
        self._now = now
        self.active: dict[tuple[str, str, str], bytes] = {}
        """Keys whose work is being done in this process, each with its fingerprint."""

    async def claim(self, project: str, scope: str, key: str, body: JSON) -> Ticket | Replay:
        """The right to do the work, or what it led to before. `body` is the request's decoded JSON.

        Raises `Problem` 409: `idempotency_in_progress` while the work is being done,
        `idempotency_key_conflict` where the key came with another body, or where its answer was not kept.
        """
        place = project, scope, key
        fingerprint = self._fingerprint(body)
        active = self.active.get(place)
        if active is not None:
            raise _in_progress() if hmac.compare_digest(active, fingerprint) else _conflict()
        self.active[place] = fingerprint
        try:
            known = await self._records.reserve(project, scope, key, Record(fingerprint, self._now()))
            if known is None:
                return Ticket(self, project, scope, key)
            if not hmac.compare_digest(known.fingerprint, fingerprint):
                raise _conflict()
            if known.body == GONE:
                raise _not_kept()
            if known.response_id is not None or known.body is not None:
                self.active.pop(place, None)
                return Replay(known.response_id, known.body)
        except BaseException:
            self.active.pop(place, None)
            raise
        return Ticket(self, project, scope, key)  # its work died with a process before anything was kept

    async def fulfil(self, place: tuple[str, str, str], body: bytes) -> None:
        """Keep what the work of a key led to."""
        await self._records.fulfil(*place, Record(self.active[place], self._now(), None, body))

    async def withdraw(self, place: tuple[str, str, str]) -> None:
        """Forget a key; only then may somebody else have it."""
        try:
            await self._records.withdraw(*place)
        finally:
            self.active.pop(place, None)

    def _fingerprint(self, body: JSON) -> bytes:
        return hmac.new(self._secret, msgspec.json.encode(body, order="sorted"), hashlib.sha256).digest()


def check_key(key: str) -> str:
    """The key, if it is 1 to 255 visible ASCII characters. Raises `Problem` 400."""
    if not (1 <= len(key) <= 255 and all("!" <= character <= "~" for character in key)):
        raise Problem(
            400, "invalid_value", "An Idempotency-Key has 1 to 255 visible ASCII characters.", param="Idempotency-Key"
        )
    return key


def _in_progress() -> Problem:
    return Problem(
        409,
        "idempotency_in_progress",
        "A request with this Idempotency-Key is being answered. Try again in a second.",
        retry_after=1,
        retry=True,
    )


def _conflict() -> Problem:
    return Problem(
        409,
        "idempotency_key_conflict",
        "This Idempotency-Key was used with another request body. Use a new key for a new request.",
        retry=False,
    )


def _not_kept() -> Problem:
    return Problem(
        409,
        "idempotency_key_conflict",
        "This request was answered before, with store:false, so that its answer was not kept. "
        "Use a new key to ask again.",
        retry=False,
    )
