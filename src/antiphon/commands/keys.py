"""`antiphon keys`: API keys made, listed, revoked and rotated, on the machine itself.

Knows nothing of how a key is checked. The text of a key goes to standard output once, alone; all else that is said
of it goes beside it, to standard error.
"""

import sys
import time
from pathlib import Path

from msgspec import Struct

from antiphon.commands.accounts import (
    Refusal,
    day,
    done,
    key_of,
    limits_of,
    limits_told,
    minute,
    moment,
    plain,
    project_of,
    show,
    show_json,
)
from antiphon.commands.flags import NewKey
from antiphon.core.accounts import Key, Limits, Project, Roll


class Row(Struct):
    """A key as it is listed; `state` is good, expired or revoked. Times are unix seconds."""

    id: str
    shown: str
    name: str
    project: str
    projects: tuple[str, ...]
    scope: str
    state: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    limits: Limits


def create(data: Path, new: NewKey) -> None:
    """Make a key."""
    done(_create(data, new))


def revoke(data: Path, name: str) -> None:
    """Revoke a key."""
    done(_revoke(data, name))


def rotate(data: Path, name: str) -> None:
    """Make a key in the place of another, which is revoked."""
    done(_rotate(data, name))


def listed(data: Path, project: str | None, *, as_json: bool) -> None:
    """List the keys."""
    roll = done(_roll(data))
    names = {project.id: project.name for project in roll.projects}
    chosen = [key for key in roll.keys if project in (None, key.project, names.get(key.project))]
    rows = [_row(key, time.time()) for key in sorted(chosen, key=lambda key: (key.created_at, key.id))]
    if as_json:
        show_json(rows)
        return
    show(
        ("ID", "KEY", "NAME", "PROJECT", "SCOPE", "STATE", "CREATED", "EXPIRES", "LAST USED", "LIMITS"),
        (
            (
                row.id,
                row.shown,
                row.name,
                ", ".join(names.get(one, one) for one in (row.project, *row.projects)),
                row.scope,
                row.state,
                day(row.created_at),
                day(row.expires_at),
                minute(row.last_used_at),
                limits_told(row.limits),
            )
            for row in rows
        ),
    )


async def _create(data: Path, new: NewKey) -> None:
    from antiphon.desk import Draft, founded

    async with founded(data) as desk:
        roll = await desk.books.roll()
        project, *others = [_working(roll, name) for name in dict.fromkeys((new.project, *new.projects))]
        draft = Draft(
            name=new.name,
            project=project.id,
            projects=tuple(other.id for other in others if other.id != project.id),
            scope=new.scope,
            expires_at=_end(new.expires),
            limits=limits_of(new, Limits()),
        )
        made = desk.made(draft)
        await desk.books.keep_key(made.key)
        _told(made.text, made.key, project, first=not roll.keyed)


async def _rotate(data: Path, name: str) -> None:
    from antiphon.desk import opened

    async with opened(data) as desk:
        roll = await desk.books.roll()
        old = _good(roll, name)
        made, revoked = desk.rotated(old)
        await desk.books.keep_key(made.key)
        await desk.books.keep_key(revoked)
        print(f"{old.id} ({old.shown}) is revoked.", file=sys.stderr)
        _told(made.text, made.key, project_of(roll, old.project), first=False)


async def _revoke(data: Path, name: str) -> None:
    from antiphon.desk import opened

    async with opened(data) as desk:
        key = key_of(await desk.books.roll(), name)
        await desk.books.keep_key(desk.revoked(key))
        print(f"{key.id} ({key.shown}) is revoked: the next request with it is refused.")


async def _roll(data: Path) -> Roll:
    from antiphon.desk import opened

    async with opened(data) as desk:
        return await desk.books.roll()


def _working(roll: Roll, name: str) -> Project:
    """A project in which a key can work."""
    project = project_of(roll, name)
    if project.archived_at is not None:
        raise Refusal(f"The project {name!r} is archived: it gets no keys.")
    return project


def _good(roll: Roll, name: str) -> Key:
    """A key that can be rotated."""
    key = key_of(roll, name)
    if key.revoked_at is not None:
        raise Refusal(f"{name} was revoked already: make another with `antiphon keys create`.")
    return key


def _end(expires: str) -> int | None:
    """When a key ends that is to end so."""
    if expires == "never":
        return None
    now = time.time()
    end = int(moment(expires, now, 1))
    if end <= now:
        raise Refusal(f"{expires!r} is in the past: nobody could use the key.")
    return end


def _row(key: Key, now: float) -> Row:
    expired = key.expires_at is not None and key.expires_at <= now
    return Row(
        id=key.id,
        shown=key.shown,
        name=key.name,
        project=key.project,
        projects=key.projects,
        scope=key.scope,
        state="revoked" if key.revoked_at is not None else "expired" if expired else "good",
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
        limits=key.limits,
    )


def _told(text: str, key: Key, project: Project, *, first: bool) -> None:
    """The text alone to standard output, what is to be known of it beside it."""
    print(text, flush=True)
    until = "" if key.expires_at is None else f", until {minute(key.expires_at)} UTC"
    print(f"{key.id} works in the project {plain(project.name)} (scope {key.scope}{until}).", file=sys.stderr)
    print("Keep the text above: it is told this once, and kept nowhere.", file=sys.stderr)
    if first:
        print("From now on the server asks everybody for a key, also on this machine.", file=sys.stderr)
