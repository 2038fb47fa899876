"""Keys over HTTP: told once, changed, revoked on the next request, rotated; none for the administration."""

import time
from typing import Any

import pytest

from antiphon.core.accounts import Limits, Project
from tests.asgi import Entry, Rooms, serving

pytestmark = pytest.mark.anyio

ADMIN = {"x-admin-key": "the-key-of-the-settings"}
ENTRY = Entry(admin_key=ADMIN["x-admin-key"])
KEYS = "/v1/organization/projects/default/api_keys"


async def made(server: Rooms, **fields: Any) -> dict[str, Any]:
    answer = await server.ask("POST", KEYS, {"name": "k"} | fields, ADMIN)
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json()
    return told


async def works(server: Rooms, text: str) -> bool:
    return (await server.create("a", {"authorization": f"Bearer {text}"})).status == 200


async def test_a_key_is_told_once() -> None:
    async with serving(entry=ENTRY) as server:
        told = await made(server, limits={"tokens_per_minute": 100_000})
        text = told.pop("value")
        assert text.startswith("sk-")
        assert len(text) == 46
        assert told["redacted_value"].startswith(text[:8])
        assert (told["scope"], told["project_id"], told["owner_project_access"]) == ("responses", "default", "active")
        assert (await server.ask("GET", f"{KEYS}/{told['id']}", None, ADMIN)).json() == told
        assert await works(server, text)
        assert text not in repr(await server.store.roll())


async def test_a_key_is_changed() -> None:
    async with serving(entry=ENTRY) as server:
        await server.store.keep_project(Project(id="p", name="p", created_at=1))
        told = await made(server)
        path = f"{KEYS}/{told['id']}"
        body = {"name": "other", "scope": "read", "projects": ["p"], "limits": {"concurrent_runs": 1}}
        changed = (await server.ask("POST", path, body, ADMIN)).json()
        assert {name: changed[name] for name in ("name", "scope", "projects")} == {
            name: body[name] for name in ("name", "scope", "projects")
        }
        assert not await works(server, told["value"])  # it only reads now
        (key,) = (await server.store.roll()).keys
        assert (key.limits, key.projects) == (Limits(concurrent_runs=1), ("p",))
        for bad, param in (
            ({"projects": ["default", "nobody's"]}, "projects[1]"),
            ({"expires_at": int(time.time()) - 5}, "expires_at"),
        ):
            assert (await server.ask("POST", path, bad, ADMIN)).error() == (400, "invalid_value", param)


async def test_revoked_it_is_good_for_nothing_on_the_next_request() -> None:
    async with serving(entry=ENTRY) as server:
        told, other = await made(server), await made(server)
        assert await works(server, told["value"])
        path = f"{KEYS}/{told['id']}"
        for _ in range(2):
            answer = await server.ask("DELETE", path, None, ADMIN)
            assert answer.json() == {
                "id": told["id"],
                "object": "organization.project.api_key.deleted",
                "deleted": True,
            }
        assert not await works(server, told["value"])
        assert await works(server, other["value"])
        listed = (await server.ask("GET", KEYS, None, ADMIN)).json()["data"]
        assert [one["id"] for one in listed] == [other["id"]]
        every = (await server.ask("GET", f"{KEYS}?include_revoked=true", None, ADMIN)).json()["data"]
        assert {one["id"]: one["owner_project_access"] for one in every} == {
            told["id"]: "inactive",
            other["id"]: "active",
        }


async def test_another_takes_its_place() -> None:
    async with serving(entry=ENTRY) as server:
        old = await made(server, scope="responses", expires_at=int(time.time()) + 1000, limits={"concurrent_runs": 7})
        new = (await server.ask("POST", f"{KEYS}/{old['id']}/rotate", None, ADMIN)).json()
        assert new["value"] != old["value"]
        assert new["id"] != old["id"]
        for name in ("name", "scope", "expires_at", "projects", "limits", "project_id"):
            assert new[name] == old[name]
        assert await works(server, new["value"])
        assert not await works(server, old["value"])
        assert (await server.ask("POST", f"{KEYS}/{old['id']}/rotate", None, ADMIN)).error()[0] == 400


async def test_none_for_the_administration_is_made_here() -> None:
    async with serving(entry=ENTRY) as server:
        known = await server.key(scope="admin")
        admin = {"authorization": f"Bearer {known}"}
        (key,) = (await server.store.roll()).keys
        usual = await made(server)
        for path, body in (
            (KEYS, {"name": "k", "scope": "admin"}),
            (f"{KEYS}/{usual['id']}", {"scope": "admin"}),
            (f"{KEYS}/{key.id}/rotate", None),
        ):
            assert (await server.ask("POST", path, body, admin)).error() == (403, "admin_key_not_allowed", None)
        assert len((await server.store.roll()).keys) == 2
        renamed = await server.ask("POST", f"{KEYS}/{key.id}", {"name": "chief", "scope": "admin"}, admin)
        assert (renamed.status, renamed.json()["scope"]) == (200, "admin")


async def test_a_key_is_found_in_its_own_project_only() -> None:
    async with serving(entry=ENTRY) as server:
        await server.store.keep_project(Project(id="p", name="p", created_at=1))
        told = await made(server)
        path = f"/v1/organization/projects/p/api_keys/{told['id']}"
        for method in ("GET", "POST", "DELETE"):
            assert (await server.ask(method, path, {}, ADMIN)).error() == (404, None, None)
        assert await works(server, told["value"])
