"""The gate: where a key is looked for, whose address is believed, and what an open server asks for instead."""

import pytest

from antiphon.api.admission import Admission
from antiphon.core.accounts import Project
from tests.asgi import Entry, Rooms, serving

pytestmark = pytest.mark.anyio

ADMIN = "the-key-of-the-settings"
WRONG = {"authorization": "Bearer sk-wrong"}
APP = "https://app.example"


async def status(server: Rooms, headers: dict[str, str]) -> int:
    return (await server.ask("GET", "/v1/models", None, headers)).status


async def test_a_key_is_found_in_either_header() -> None:
    async with serving(entry=Entry(admin_key=ADMIN)) as server:
        own = await server.key()
        assert await status(server, {"authorization": f"Bearer {own}"}) == 200
        assert await status(server, {"authorization": f"bearer  {own} "}) == 200
        assert await status(server, {"x-admin-key": own}) == 200
        assert await status(server, {"authorization": "Basic eDp5", "x-admin-key": ADMIN}) == 200
        assert await status(server, {"authorization": "Bearer sk-wrong", "x-admin-key": ADMIN}) == 401
        assert await status(server, {"authorization": own}) == 401


async def test_a_keyed_server_may_stand_behind_a_proxy_under_any_name() -> None:
    async with serving(entry=Entry(Admission(origins=frozenset({APP})), admin_key=ADMIN)) as server:
        behind = {"host": "api.example", "x-forwarded-for": "1.2.3.4", "x-admin-key": ADMIN}
        assert await status(server, behind) == 200
        assert await status(server, behind | {"origin": "https://evil.example"}) == 403
        refused = await server.ask("GET", "/v1/models", None, WRONG | {"origin": APP})
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, APP)
        preflight = await server.ask("OPTIONS", "/v1/models", None, {"host": "api.example", "origin": APP})
        assert preflight.status == 204


async def test_an_open_server_goes_on_asking_where_one_comes_from() -> None:
    async with serving() as server:
        for path in ("/healthz", "/v1/models"):
            assert (await server.ask("GET", path, None, {"host": "api.example"})).error()[1] == "host_not_allowed"
            forwarded = await server.ask("GET", path, None, {"x-forwarded-for": "1.2.3.4"})
            assert forwarded.error()[1] == "forwarded_not_allowed"
        assert await status(server, WRONG) == 200  # clients send some key always


async def test_wrong_keys_are_limited_by_the_address_that_a_trusted_proxy_tells() -> None:
    now = [1000.0]
    entry = Entry(trusted=("10.0.0.0/8",), admin_key=ADMIN, clock=lambda: now[0])
    async with serving(entry=entry) as server:
        server.peer = "10.0.0.7"
        guesser, other = {"x-forwarded-for": "9.9.9.9, 1.2.3.4"}, {"x-forwarded-for": "1.2.3.5"}
        good = {"x-admin-key": ADMIN}
        assert await status(server, good | {"x-forwarded-for": "1.2.3.4"}) == 200
        for _ in range(20):
            assert await status(server, WRONG | guesser) == 401
        refused = await server.ask("GET", "/v1/models", None, WRONG | {"x-forwarded-for": "1.2.3.4"})
        assert refused.error()[0] == 429
        assert int(refused.headers["retry-after"]) <= 60
        assert await status(server, WRONG | other) == 401
        assert await status(server, good | guesser) == 200  # it was good from there before
        assert (await server.ask("GET", "/healthz", None, guesser)).status == 200
        server.peer = "11.0.0.1"  # which nobody trusts: what it says of others is not believed
        assert await status(server, WRONG | guesser) == 401
        server.peer = "10.0.0.7"
        now[0] += 61
        assert await status(server, WRONG | guesser) == 401


async def test_a_project_is_kept_to_its_contract() -> None:
    async with serving(entry=Entry(admin_key=ADMIN)) as server:
        await server.store.keep_project(Project(id="p", name="p", created_at=1, contract="another"))
        pinned = {"authorization": f"Bearer {await server.key('p')}"}
        assert (await server.ask("GET", "/v1/models", None, pinned)).error() == (400, "contract_not_allowed", None)
        both = {"x-admin-key": ADMIN, "x-project-id": "p"}
        assert (await server.ask("GET", "/v1/organization/projects", None, both)).status == 200


async def test_two_projects_at_once_are_none() -> None:
    async with serving(entry=Entry(admin_key=ADMIN)) as server:
        two = {"x-admin-key": ADMIN, "x-project-id": "default", "openai-project": "p"}
        assert (await server.ask("GET", "/v1/models", None, two)).error()[:2] == (400, "invalid_value")
        assert await status(server, two | {"openai-project": "default"}) == 200
