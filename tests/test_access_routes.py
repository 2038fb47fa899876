"""Every route of the server, asked with every kind of key: what is nobody's business gives the same 404 as nothing."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from antiphon.access import keys
from antiphon.api.routes import Routes
from antiphon.contract.contract import DEFAULT, load, names
from antiphon.core.accounts import Project, UsageQuery
from antiphon.store.sqlite import SqliteStore
from tests.asgi import Answer, Entry, Rooms, serving

pytestmark = pytest.mark.anyio

ADMIN = "the-key-of-the-settings"
WRONG = "sk-" + "x" * 43


@dataclass(frozen=True)
class Way:
    """How a route is asked: its body, what whoever may gets, and what a key of another project gets."""

    body: Any = None
    good: int = 200
    elsewhere: int = 404


CREATE = {"model": "scripted", "input": "a"}
CHAT = {"model": "scripted", "messages": [{"role": "user", "content": "a"}]}
ANYWHERE = Way(elsewhere=200)
CLOSED = Way(elsewhere=403)
"""Of the administration: a key of any project without that scope gets nothing."""

_PROJECT = "/v1/organization/projects/{project_id}"
TABLE: dict[tuple[str, str], Way] = {
    ("POST", "/v1/responses"): Way(CREATE, elsewhere=200),
    ("GET", "/v1/responses"): Way(good=426, elsewhere=426),  # a WebSocket's path, asked without one
    ("POST", "/v1/responses/input_tokens"): Way(CREATE, elsewhere=200),
    ("POST", "/v1/responses/compact"): Way(CREATE, elsewhere=200),
    ("GET", "/v1/responses/{response_id}"): Way(),
    ("DELETE", "/v1/responses/{response_id}"): Way(),
    ("POST", "/v1/responses/{response_id}/cancel"): Way(good=400),
    ("GET", "/v1/responses/{response_id}/input_items"): Way(),
    ("POST", "/v1/conversations"): Way({}, elsewhere=200),
    ("GET", "/v1/conversations/{conversation_id}"): Way(),
    ("POST", "/v1/conversations/{conversation_id}"): Way({"metadata": {}}),
    ("DELETE", "/v1/conversations/{conversation_id}"): Way(),
    ("POST", "/v1/conversations/{conversation_id}/items"): Way({"items": [{"role": "user", "content": "b"}]}),
    ("GET", "/v1/conversations/{conversation_id}/items"): Way(),
    ("GET", "/v1/conversations/{conversation_id}/items/{item_id}"): Way(),
    ("DELETE", "/v1/conversations/{conversation_id}/items/{item_id}"): Way(),
    ("POST", "/v1/prompts"): Way({"instructions": "c"}, elsewhere=200),
    ("GET", "/v1/prompts"): ANYWHERE,
    ("GET", "/v1/prompts/{prompt_id}"): Way(),
    ("POST", "/v1/prompts/{prompt_id}"): Way({"instructions": "d"}),
    ("DELETE", "/v1/prompts/{prompt_id}"): Way(),
    ("GET", "/v1/prompts/{prompt_id}/versions"): Way(),
    ("POST", "/v1/chat/completions"): Way(CHAT, elsewhere=200),
    ("GET", "/v1/models"): ANYWHERE,
    ("GET", "/v1/models/{name:path}"): ANYWHERE,
    ("GET", "/v1/organization/projects"): CLOSED,
    ("POST", "/v1/organization/projects"): Way({"name": "c"}, elsewhere=403),
    ("GET", _PROJECT): CLOSED,
    ("POST", _PROJECT): Way({"name": "c"}, elsewhere=403),
    ("POST", f"{_PROJECT}/archive"): Way(good=200, elsewhere=403),
    ("GET", f"{_PROJECT}/api_keys"): CLOSED,
    ("POST", f"{_PROJECT}/api_keys"): Way({"name": "c"}, elsewhere=403),
    ("GET", f"{_PROJECT}/api_keys/{{key_id}}"): CLOSED,
    ("POST", f"{_PROJECT}/api_keys/{{key_id}}"): Way({"name": "c"}, elsewhere=403),
    ("DELETE", f"{_PROJECT}/api_keys/{{key_id}}"): CLOSED,
    ("POST", f"{_PROJECT}/api_keys/{{key_id}}/rotate"): CLOSED,
    ("GET", f"{_PROJECT}/rate_limits"): CLOSED,
    ("POST", f"{_PROJECT}/rate_limits/{{rate_limit_id:path}}"): Way({"max_requests_per_1_day": 5}, elsewhere=403),
    ("GET", "/v1/organization/usage/completions"): CLOSED,
    ("GET", "/v1/organization/costs"): CLOSED,
    ("GET", "/healthz"): ANYWHERE,
    ("GET", "/readyz"): ANYWHERE,
    ("GET", "/metrics"): CLOSED,
    ("GET", "/openapi.json"): ANYWHERE,
    ("GET", "/docs"): ANYWHERE,
    ("GET", "/v1/openapi.json"): ANYWHERE,
}
OPEN = {"/healthz", "/readyz"}
QUERIES = {
    "/v1/organization/usage/completions": "?start_time=0&end_time=100",
    "/v1/organization/costs": "?start_time=0",
}

Route = tuple[str, str, str]
WAYS: list[Route] = [
    (method, path, place.need)
    for method, path, place in Routes([load("openai"), *(load(name) for name in names() if name != "openai")]).all
]
"""Method, path and need of every route there is, below the base of each contract."""
BASES = [load(name).base for name in names()]


def way(route: Route) -> Way:
    """How a route is asked: below every base as below the default one."""
    method, path, _ = route
    base = next((one for one in BASES if path.startswith(f"{one}/")), DEFAULT)
    return TABLE[method, path.replace(base, DEFAULT, 1)]


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def test_no_route_is_missing_here() -> None:
    assert TABLE.keys() == {(method, path) for method, path, _ in WAYS if not path.startswith(tuple(BASES))}
    assert all(way(route) for route in WAYS)
    assert {path for _, path, need in WAYS if need == "open"} == OPEN


@dataclass(frozen=True)
class Place:
    """A server with two projects, the first with something in it, and keys of both."""

    rooms: Rooms
    ids: dict[str, str]

    async def ask(self, route: Route, headers: dict[str, str] | None = None) -> Answer:
        method, path, _ = route
        concrete = path.replace("{name:path}", "scripted").replace("{rate_limit_id:path}", "rl-scripted")
        for name, value in self.ids.items():
            concrete = concrete.replace(f"{{{name}}}", value)
        assert "{" not in concrete, concrete
        return await self.rooms.ask(method, concrete + QUERIES.get(path, ""), way(route).body, headers)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with serving(SqliteStore(tmp_path), entry=Entry(admin_key=ADMIN)) as rooms:
        for name in ("project-one", "project-two"):
            await rooms.store.keep_project(Project(id=name, name=name, created_at=1))
        own = bearer(await rooms.key("project-one"))
        response = (await rooms.create("a word", own)).json()
        items = {"items": [{"role": "user", "content": "a"}]}
        conversation = (await rooms.ask("POST", "/v1/conversations", items, own)).json()
        listed = await rooms.ask("GET", f"/v1/conversations/{conversation['id']}/items", None, own)
        prompt = (await rooms.ask("POST", "/v1/prompts", {"instructions": "a"}, own)).json()
        roll = await rooms.store.roll()
        ids = {
            "response_id": response["id"],
            "conversation_id": conversation["id"],
            "item_id": listed.json()["data"][0]["id"],
            "prompt_id": prompt["id"],
            "project_id": "project-one",
            "key_id": roll.keys[0].id,
        }
        yield Place(rooms, ids)
        await rooms.store.stop()


def needed(route: Route) -> bool:
    """Whether a route needs a key."""
    return route[1] not in OPEN


async def test_keys_that_are_none(place: Place) -> None:
    expired = await place.rooms.key("project-one", expires_at=int(time.time()) - 1)
    revoked = await place.rooms.key("project-one", revoked_at=1)
    shown = [{}, bearer(WRONG), bearer(expired), bearer(revoked), bearer(""), {"authorization": f"Basic {ADMIN}"}]
    for number, route in enumerate(WAYS):
        place.rooms.peer = f"10.0.0.{number}"  # or there would be too many wrong keys from one
        for headers in [*shown, {"x-admin-key": WRONG}]:
            answer = await place.ask(route, headers)
            if not needed(route):
                assert answer.status == 200, route
                continue
            assert answer.error() == (401, "invalid_api_key", None), route
            assert answer.headers["www-authenticate"] == "Bearer"
            assert not any(text.encode() in answer.body for text in (WRONG, expired, revoked, ADMIN))


async def test_a_key_that_only_reads(place: Place) -> None:
    reads = bearer(await place.rooms.key("project-one", scope="read"))
    for route in WAYS:
        answer = await place.ask(route, reads)
        if route[2] in ("responses", "admin"):
            assert answer.error()[0] == 403, route
            assert answer.json()["error"]["type"] == "permission_error"
        else:
            assert answer.status == 200, route
            assert route[0] == "GET"


async def test_what_is_another_projects_is_nothing(place: Place) -> None:
    other = bearer(await place.rooms.key("project-two"))
    nothing = Place(place.rooms, {name: value[:-4] + "zzzz" for name, value in place.ids.items()})
    for route in WAYS:
        answer = await place.ask(route, other)
        assert answer.status == way(route).elsewhere, (route, answer.body)
        if answer.status == 404:
            never = await nothing.ask(route, other)
            told, unknown = answer.body, never.body
            for name, value in place.ids.items():
                told = told.replace(value.encode(), name.encode())
                unknown = unknown.replace(nothing.ids[name].encode(), name.encode())
            assert (never.status, unknown) == (404, told), route
    own = bearer(await place.rooms.key("project-one"))  # and nothing happened to what was asked for
    for route in WAYS:
        if route[0] == "GET" and route[2] == "read":
            assert (await place.ask(route, own)).status == 200, route


LASTING = [route for route in WAYS if route[0] == "GET" or not route[1].endswith(("}", "/archive", "/rotate"))]
CHANGING = [route for route in WAYS if route not in LASTING]


async def test_keys_that_are_good(place: Place) -> None:
    usual = bearer(await place.rooms.key("project-one"))
    chosen = bearer(ADMIN) | {"x-project-id": "project-one"}
    for route in LASTING:
        good = way(route).good
        assert (await place.ask(route, usual)).status == (403 if route[2] == "admin" else good), route
        assert (await place.ask(route, chosen)).status == good, route


@pytest.mark.parametrize("route", CHANGING, ids=[f"{method} {path}" for method, path, _ in CHANGING])
async def test_good_keys_for_what_changes(place: Place, route: Route) -> None:
    good = way(route).good
    if route[2] == "admin":
        assert (await place.ask(route, bearer(await place.rooms.key("project-one")))).status == 403
        headers = bearer(ADMIN)
    else:
        headers = bearer(await place.rooms.key("project-one"))
    answer = await place.ask(route, headers)
    assert answer.status == good, answer.body
    if route[0] == "DELETE" and route[2] != "admin":
        assert (await place.ask(route, headers)).status == 404


async def test_what_another_project_keeps_is_not_there_to_go_on_from(place: Place) -> None:
    rooms, ids = place.rooms, place.ids
    other = bearer(await rooms.key("project-two"))
    reference = [{"type": "item_reference", "id": ids["item_id"]}]
    for created, status in (
        (rooms.create("a", other, previous_response_id=ids["response_id"]), 400),
        (rooms.create("a", other, conversation=ids["conversation_id"]), 404),
        (rooms.create(reference, other), 404),
    ):
        assert (await created).status == status
    sums = await rooms.store.usage(UsageQuery(start=0, end=2e9, width=0, by=("project",)))
    assert [(one.project, one.responses) for one in sums] == [("project-one", 1)]  # what was refused costs nothing


async def test_an_idempotency_key_is_a_projects_own(place: Place) -> None:
    once = {"idempotency-key": "once"}
    a, b = bearer(await place.rooms.key("project-one")), bearer(await place.rooms.key("project-two"))
    first = await place.rooms.create("a word", a | once)
    other = await place.rooms.create("another word", b | once)
    again = await place.rooms.create("a word", a | once)
    assert (first.status, other.status) == (200, 200)
    assert again.json()["id"] == first.json()["id"] != other.json()["id"]
    assert "idempotency-replayed" not in other.headers


@pytest.mark.parametrize("header", ["x-project-id", "openai-project"])
async def test_a_key_chooses_among_its_projects(place: Place, header: str) -> None:
    rooms = place.rooms
    both = bearer(await rooms.key("project-one", projects=("project-two",)))
    made = (await rooms.create("a", both | {header: "project-two"})).json()
    path = f"/v1/responses/{made['id']}"
    assert (await rooms.ask("GET", path, None, both)).status == 404
    assert (await rooms.ask("GET", path, None, bearer(await rooms.key("project-two")))).status == 200
    only = bearer(await rooms.key("project-one"))
    refusals = [
        await rooms.ask("GET", path, None, only | {header: name}) for name in ("project-two", "nobody's", "default")
    ]
    assert {one.error()[0] for one in refusals} == {403}
    assert len({one.body for one in refusals}) == 1  # one that there is and one that there is not: the same


async def test_once_keyed_for_ever_keyed(tmp_path: Path) -> None:
    async with serving(SqliteStore(tmp_path)) as rooms:
        assert (await rooms.create("a")).status == 200
        text = await rooms.key()
        assert (await rooms.create("a")).status == 401
        assert (await rooms.create("a", bearer(text))).status == 200
        (key,) = (await rooms.store.roll()).keys
        await rooms.store.keep_key(keys.revoked(key, 1))
        assert (await rooms.create("a", bearer(text))).status == 401
        assert (await rooms.create("a")).status == 401
        await rooms.store.stop()
    async with serving(SqliteStore(tmp_path)) as rooms:
        assert (await rooms.create("a")).status == 401
        assert (await rooms.ask("GET", "/healthz")).status == 200
        await rooms.store.stop()


async def test_an_admin_key_once_configured_keeps_the_server_keyed(tmp_path: Path) -> None:
    async with serving(SqliteStore(tmp_path), entry=Entry(admin_key=ADMIN)) as rooms:
        assert (await rooms.create("a")).status == 401
        assert (await rooms.create("a", {"x-admin-key": ADMIN})).status == 200
        await rooms.store.stop()
    async with serving(SqliteStore(tmp_path)) as rooms:
        assert (await rooms.create("a")).status == 401
        assert (await rooms.create("a", bearer(ADMIN))).status == 401
        await rooms.store.stop()
