"""The administration of a project's keys (`/organization/projects/{project_id}/api_keys…`).

Knows nothing of how a key is found again. Its text is told once, in the answer to its making. A key that is good for
the administration is made on the machine itself, never here.
"""

from msgspec import UNSET
from msgspec.structs import replace

from antiphon.access import keys
from antiphon.api.admin import answer, listed, project_of
from antiphon.api.exchange import Exchange
from antiphon.api.house import House
from antiphon.api.paging import Query
from antiphon.contract import administration as bodies
from antiphon.core.accounts import Key, Limits, Roll
from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.runs.ids import now


async def list_keys(house: House, exchange: Exchange, project_id: str) -> None:
    """`GET …/api_keys`: those that are not revoked; with `include_revoked=true` all."""
    query = Query(exchange.scope["query_string"])
    query.only("limit", "after", "include_revoked")
    revoked = query.flag("include_revoked")
    await project_of(house, project_id)
    every = sorted((await house.store.roll()).keys, key=lambda one: (one.created_at, one.id))
    found = [one for one in every if one.project == project_id and (revoked or one.revoked_at is None)]
    await answer(exchange, listed([bodies.key_object(one, now()) for one in found], query))


async def create_key(house: House, exchange: Exchange, project_id: str) -> None:
    """`POST …/api_keys`: the answer alone tells the key's text, as `value`."""
    body = bodies.create_key(await exchange.body(house.max_body))
    async with house.changing:
        project = await project_of(house, project_id)
        if project.archived_at is not None:
            raise Problem(400, "project_archived", f"The project '{project.id}' is archived: it gets no keys.")
        made = keys.made(house.key_secret, keys.Draft(name="", project=project_id), now())
        key = _changed(made.key, body, await house.store.roll())
        await house.store.keep_key(key)
    await answer(exchange, bodies.key_object(key, now(), made.text))


async def retrieve_key(house: House, exchange: Exchange, project_id: str, key_id: str) -> None:
    """`GET …/api_keys/{key_id}`."""
    await answer(exchange, bodies.key_object(await _key(house, project_id, key_id), now()))


async def update_key(house: House, exchange: Exchange, project_id: str, key_id: str) -> None:
    """`POST …/api_keys/{key_id}`: what the body names becomes other."""
    body = bodies.update_key(await exchange.body(house.max_body))
    async with house.changing:
        key = _changed(await _key(house, project_id, key_id), body, await house.store.roll())
        await house.store.keep_key(key)
    await answer(exchange, bodies.key_object(key, now()))


async def revoke_key(house: House, exchange: Exchange, project_id: str, key_id: str) -> None:
    """`DELETE …/api_keys/{key_id}`: it is good for nothing from the next request on."""
    async with house.changing:
        key = await _key(house, project_id, key_id)
        await house.store.keep_key(keys.revoked(key, now()))
    told: JSON = {"id": key_id, "object": "organization.project.api_key.deleted", "deleted": True}
    await answer(exchange, told)


async def rotate_key(house: House, exchange: Exchange, project_id: str, key_id: str) -> None:
    """`POST …/api_keys/{key_id}/rotate`: another key that is good for the same takes its place; it is revoked."""
    async with house.changing:
        old = await _key(house, project_id, key_id)
        if old.scope == "admin":
            raise _on_the_machine()
        if old.revoked_at is not None:
            raise Problem(400, "invalid_value", "This key is revoked; make a new one.", param="key_id")
        made, revoked = keys.rotated(house.key_secret, old, now())
        await house.store.keep_key(made.key)
        await house.store.keep_key(revoked)
    await answer(exchange, bodies.key_object(made.key, now(), made.text))


async def _key(house: House, project_id: str, key_id: str) -> Key:
    roll = await house.store.roll()
    key = next((one for one in roll.keys if one.id == key_id and one.project == project_id), None)
    if key is None:
        raise Problem(404, None, f"API key with id '{key_id[:80]}' not found.")
    return key


def _changed(key: Key, body: bodies.KeyBody, roll: Roll) -> Key:
    if body.scope == "admin" and key.scope != "admin":
        raise _on_the_machine()
    if isinstance(body.expires_at, int) and body.expires_at <= now():
        raise Problem(400, "invalid_value", "Invalid 'expires_at': it is not in the future.", param="expires_at")
    known = {project.id for project in roll.projects}
    for place, name in enumerate(body.projects or ()):
        if name not in known:
            message = f"Project with id '{name[:64]}' not found."
            raise Problem(400, "invalid_value", message, param=f"projects[{place}]")
    return replace(
        key,
        name=key.name if body.name is UNSET else body.name,
        scope=key.scope if body.scope is UNSET else body.scope,
        expires_at=key.expires_at if body.expires_at is UNSET else body.expires_at,
        projects=key.projects if body.projects is UNSET else body.projects or (),
        limits=key.limits if body.limits is UNSET else body.limits or Limits(),
    )


def _on_the_machine() -> Problem:
    return Problem(
        403,
        "admin_key_not_allowed",
        "A key for the administration is never made over HTTP. On the server's machine, run "
        "`antiphon keys create --scope admin`.",
    )
