"""Projects and their limits over HTTP, asked by OpenAI's own client where it has the thing."""

import pytest

from antiphon.core.accounts import Budget, Limits
from antiphon.models.scripted import ScriptedModel
from tests.asgi import Answer, Entry, Rooms, serving

pytestmark = pytest.mark.anyio

ADMIN = {"x-admin-key": "the-key-of-the-settings"}
ENTRY = Entry(admin_key=ADMIN["x-admin-key"])
PROJECTS = "/v1/organization/projects"


async def made(server: Rooms, **fields: object) -> Answer:
    return await server.ask("POST", PROJECTS, {"name": "a"} | fields, ADMIN)


async def test_a_project_is_made_told_and_changed() -> None:
    async with serving(entry=ENTRY) as server:
        told = (await made(server, limits={"requests_per_day": 5}, budget={"hard": 2.5}, log_content=True)).json()
        assert told["id"].startswith("proj_")
        assert (told["object"], told["status"], told["archived_at"]) == ("organization.project", "active", None)
        path = f"{PROJECTS}/{told['id']}"
        assert (await server.ask("GET", path, None, ADMIN)).json() == told
        changed = await server.ask("POST", path, {"name": "b", "budget": None, "contract": "openai"}, ADMIN)
        assert changed.json() == told | {
            "name": "b",
            "budget": {"soft": None, "hard": None},
            "contract": "openai",
        }
        (kept,) = [one for one in (await server.store.roll()).projects if one.id == told["id"]]
        assert (kept.name, kept.limits, kept.budget) == ("b", Limits(requests_per_day=5), Budget())
        assert kept.log_content


async def test_archived_nobody_works_in_it() -> None:
    async with serving(entry=ENTRY) as server:
        project = (await made(server)).json()["id"]
        own = {"authorization": f"Bearer {await server.key(project)}"}
        assert (await server.create("a", own)).status == 200
        archived = await server.ask("POST", f"{PROJECTS}/{project}/archive", None, ADMIN)
        assert (archived.status, archived.json()["status"]) == (200, "archived")
        assert (await server.create("a", own)).status in (401, 403)
        assert (await server.ask("POST", f"{PROJECTS}/{project}/archive", None, ADMIN)).json() == archived.json()
        assert (await server.ask("POST", f"{PROJECTS}/{project}/api_keys", {"name": "k"}, ADMIN)).status == 400
        assert (await server.ask("POST", f"{PROJECTS}/default/archive", None, ADMIN)).status == 400


async def test_lists_have_pages() -> None:
    async with serving(entry=ENTRY) as server:
        ids = ["default", *sorted([(await made(server, name=str(n))).json()["id"] for n in range(4)])]
        await server.ask("POST", f"{PROJECTS}/{ids[2]}/archive", None, ADMIN)
        first = (await server.ask("GET", f"{PROJECTS}?limit=2", None, ADMIN)).json()
        assert ([one["id"] for one in first["data"]], first["has_more"]) == (ids[:2], True)
        rest = (await server.ask("GET", f"{PROJECTS}?after={first['last_id']}", None, ADMIN)).json()
        assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (ids[3:], False)
        every = (await server.ask("GET", f"{PROJECTS}?include_archived=true", None, ADMIN)).json()
        assert [one["id"] for one in every["data"]] == ids
        for query, param in (("after=proj_none", "after"), ("limit=0", "limit"), ("order=asc", "order")):
            assert (await server.ask("GET", f"{PROJECTS}?{query}", None, ADMIN)).error()[2] == param


async def test_what_is_not_there() -> None:
    async with serving(entry=ENTRY) as server:
        for method, path in (
            ("GET", ""),
            ("POST", ""),
            ("POST", "/archive"),
            ("GET", "/api_keys"),
            ("GET", "/rate_limits"),
            ("POST", "/rate_limits/rl-scripted"),
        ):
            answer = await server.ask(method, f"{PROJECTS}/proj_none{path}", {}, ADMIN)
            assert answer.error() == (404, None, None), path
        for name in ("rl-nobody", "scripted", "rl-"):
            assert (await server.ask("POST", f"{PROJECTS}/default/rate_limits/{name}", {}, ADMIN)).status == 404
        assert (await made(server, colour="red")).error() == (400, "unknown_parameter", "colour")
        assert (await made(server, contract="nobody's")).error() == (400, "invalid_value", "contract")


async def test_limits_by_model() -> None:
    async with serving(None, ScriptedModel(), ScriptedModel("org/other"), entry=ENTRY) as server:
        limits = f"{PROJECTS}/default/rate_limits"
        listed = (await server.ask("GET", limits, None, ADMIN)).json()["data"]
        assert [one["id"] for one in listed] == ["rl-org/other", "rl-scripted"]
        assert listed[1]["max_requests_per_1_minute"] is None
        set_to = {"max_requests_per_1_minute": 1, "max_concurrent_runs": 3}
        told = (await server.ask("POST", f"{limits}/rl-org/other", set_to, ADMIN)).json()
        assert (told["model"], told["max_requests_per_1_minute"], told["max_concurrent_runs"]) == ("org/other", 1, 3)
        assert (await server.create("a", ADMIN, model="org/other")).status == 200
        assert (await server.create("a", ADMIN, model="org/other")).status == 429
        await server.ask("POST", f"{limits}/rl-org/other", {"max_requests_per_1_minute": None}, ADMIN)
        assert (await server.create("a", ADMIN, model="org/other")).status == 200
        (project,) = (await server.store.roll()).projects
        assert project.models == {"org/other": Limits(concurrent_runs=3)}
        await server.ask("POST", f"{limits}/rl-org/other", {"max_concurrent_runs": None}, ADMIN)
        (project,) = (await server.store.roll()).projects
        assert project.models == {}
