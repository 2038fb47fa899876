"""Directory: who a request comes from, by the key that it shows, and what limits hold for them.

Knows nothing of HTTP but the values of five headers, and nothing of where keys and projects are kept.
"""

import asyncio
import hmac
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct

from antiphon.access.attempts import Attempts
from antiphon.access.keys import digest as digest_of
from antiphon.core.accounts import (
    DEFAULT_PROJECT,
    Key,
    Limits,
    Principal,
    Project,
    Quota,
    Roll,
    Roster,
    Scope,
)
from antiphon.core.problems import Problem

ADMIN = "admin"
"""The id that stands for the key of the settings (`ANTIPHON_ADMIN_KEY`), which is no row anywhere."""
USED = 60
"""Seconds between two notes of when a key was used last."""

_UNLIMITED = Limits()
_REACH: dict[Scope, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "responses": frozenset({"read", "responses"}),
    "admin": frozenset({"read", "responses", "admin"}),
}


class Shown(Struct, frozen=True):
    """What a request shows: the client's address, and headers as they came; None for one that is not there.

    authorization, admin_key
        `Authorization`, and `X-Admin-Key`, which is looked at where the first is no bearer's (contracts §B row 7).
    project_id, openai_project
        `X-Project-ID` and `OpenAI-Project`: the project that is asked for.
    """

    address: str = ""
    authorization: str | None = None
    admin_key: str | None = None
    project_id: str | None = None
    openai_project: str | None = None


class _View(Struct, frozen=True):
    """A roll, by what is looked for. `limiting` holds what `quotas` has found in it."""

    version: int
    by_digest: dict[bytes, Key]
    projects: dict[str, Project]
    quotas: dict[str, Quota]
    keyed: bool
    limiting: dict[tuple[str, str, str | None], list[Quota]] = {}


class Directory:
    """Keys and projects as they are now, whichever process changed them.

    secret
        keys the digests by which keys are found.
    admin
        the digest of the settings' admin key, or None.
    clock
        unix seconds.
    """

    def __init__(
        self, roster: Roster, secret: bytes, admin: bytes | None, attempts: Attempts, clock: Callable[[], float]
    ) -> None:
        self._roster = roster
        self._secret = secret
        self._admin = admin
        self._attempts = attempts
        self._clock = clock
        self._view = _View(-1, {}, {}, {}, keyed=True)  # until the roster was read, nobody comes in
        self._reading = asyncio.Lock()
        self._used: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Read the roster; from now on `keyed` is true to it. An admin key makes the server keyed for ever."""
        if self._admin is not None:
            await self._roster.mark_keyed()
        await self.refresh()

    async def stop(self) -> None:
        """Wait for what is still being noted."""
        await asyncio.gather(*self._notes)

    @property
    def keyed(self) -> bool:
        """Whether a key is needed: one was made or configured, at any time."""
        return self._view.keyed

    async def refresh(self) -> None:
        """Read the roster where it has changed. Raises `Problem` 503 where it can't be read."""
        if self._roster.version() == self._view.version:
            return
        async with self._reading:
            version = self._roster.version()  # before it is read, so that a change in between is seen next time
            if version == self._view.version:
                return
            roll = await self._roster.roll()
            self._view = _View(
                version,
                by_digest={key.digest: key for key in roll.keys},
                projects={project.id: project for project in roll.projects},
                quotas=_quotas(roll),
                keyed=roll.keyed or self._admin is not None,
            )

    async def principal(self, shown: Shown, contract: str | None = None) -> Principal:
        """Who asks. `contract` is the name of the one that is asked through, None outside of all.

        Raises `Problem` 401 `invalid_api_key` for no key or one that is not good (any more), 429 where wrong ones
        came from that address too often, 403 for a project that this key may not use, and 400 where two are asked
        for, or where the project is pinned to another contract.
        """
        await self.refresh()
        key = self._key(shown) if self._view.keyed else None
        project = self._project(key, _chosen(shown))
        if contract is not None and project.contract not in (None, contract):
            raise Problem(
                400,
                "contract_not_allowed",
                f"This project is bound to the contract '{project.contract}': use that one's base URL.",
            )
        if key is None:
            return Principal(project.id, log_content=project.log_content)
        return Principal(project.id, key.id, key.scope, project.log_content)

    def project(self, project_id: str) -> Project | None:
        """A project, or None where there is none."""
        return self._view.projects.get(project_id)

    def quotas(self, principal: Principal, model: str | None) -> list[Quota]:
        """What limits a principal: the key's, the project's, and where a model is named, the project's for that."""
        view, asked = self._view, (principal.key, principal.project, model)
        known = view.limiting.get(asked)
        if known is None:
            subjects = (principal.key, principal.project, f"{principal.project}/{model}")
            found = map(view.quotas.get, subjects if model is not None else subjects[:2])
            known = view.limiting[asked] = [quota for quota in found if quota is not None]
        return known

    def _key(self, shown: Shown) -> Key:
        """The key that is shown."""
        text = _text(shown)
        if text is None:
            raise _unauthorized("This server needs an API key. Send it as 'Authorization: Bearer sk-…'.")
        digest = digest_of(self._secret, text)
        self._attempts.check(shown.address, digest)
        try:
            key = self._known(digest)
        except Problem:
            self._attempts.failed(shown.address, digest)
            raise
        self._attempts.worked(shown.address, digest)
        self._note(key)
        return key

    def _known(self, digest: bytes) -> Key:
        """The key of a digest. Every comparison is of keyed digests, and takes the same time for all of a length."""
        if self._admin is not None and hmac.compare_digest(self._admin, digest):
            return _SETTINGS
        key = self._view.by_digest.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            raise _unauthorized("The API key is not one of this server's. Check it, or ask for a new one.")
        if key.revoked_at is not None:
            raise _unauthorized("This API key has been revoked. Ask for a new one.")
        if key.expires_at is not None and key.expires_at <= self._clock():
            raise _unauthorized("This API key has expired. Ask for a new one.")
        return key

    def _project(self, key: Key | None, chosen: str | None) -> Project:
        """The project that is worked in; `key` is None on an open server."""
        projects = self._view.projects
        if key is None:  # a project unknown here is meant for another service: the client's environment says it to all
            name = chosen if chosen in projects else DEFAULT_PROJECT
            allowed = True
        else:
            name = chosen or key.project
            allowed = key.scope == "admin" or name == key.project or name in key.projects
        project = projects.get(name)
        if project is None or not allowed:
            raise Problem(403, "project_not_allowed", "This API key may not use that project, or there is no such.")
        if project.archived_at is not None:
            raise Problem(403, "project_archived", f"The project '{project.id}' is archived: nobody works in it.")
        return project

    def _note(self, key: Key) -> None:
        """Have it noted when the key was used; nobody waits for that."""
        now = self._clock()
        if key is _SETTINGS or now - self._used.get(key.id, -USED) < USED:
            return
        self._used[key.id] = now
        task = asyncio.get_running_loop().create_task(_quietly(self._roster.used(key.id, int(now))))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)


def _quotas(roll: Roll) -> dict[str, Quota]:
    """Whatever has limits, by its subject."""
    found = [Quota(key.id, key.limits) for key in roll.keys]
    for project in roll.projects:
        found.append(Quota(project.id, project.limits))
        found += [Quota(f"{project.id}/{model}", limits) for model, limits in project.models.items()]
    return {quota.subject: quota for quota in found if quota.limits != _UNLIMITED}


def allow(principal: Principal, needed: Scope) -> None:
    """Raises `Problem` 403 where the principal's key is not good for what is asked."""
    if needed not in _REACH[principal.scope]:
        raise Problem(
            403,
            "insufficient_scope",
            f"This API key has the scope '{principal.scope}'; '{needed}' is needed here.",
        )


_SETTINGS = Key(id=ADMIN, digest=b"", shown="", name="", project=DEFAULT_PROJECT, scope="admin", created_at=0)


def _text(shown: Shown) -> str | None:
    """The text of the key that is shown, or None."""
    scheme, _, text = (shown.authorization or "").partition(" ")
    if scheme.lower() == "bearer" and text.strip():
        return text.strip()
    return (shown.admin_key or "").strip() or None


def _chosen(shown: Shown) -> str | None:
    """The project that is asked for, or None. Raises `Problem` 400 for two."""
    ours, theirs = shown.project_id or None, shown.openai_project or None
    if ours is not None and theirs is not None and ours != theirs:
        raise Problem(
            400,
            "invalid_value",
            "'X-Project-ID' and 'OpenAI-Project' name different projects. Send one of them.",
            param="X-Project-ID",
        )
    return ours or theirs


def _unauthorized(message: str) -> Problem:
    return Problem(401, "invalid_api_key", message)


async def _quietly(noting: Coroutine[Any, Any, None]) -> None:
    """A note that the store can't take now is taken at the next use."""
    try:
        await noting
    except Problem:
        return
