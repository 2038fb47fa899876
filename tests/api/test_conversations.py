"""`/conversations` and their items (protocol §1, rows 9 to 16)."""

from typing import Any

import pytest

from tests.asgi import Rooms, serving

pytestmark = pytest.mark.anyio


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": text} | more


async def made(server: Rooms, body: Any = None) -> dict[str, Any]:
    answer = await server.ask("POST", "/v1/conversations", body)
    assert answer.status == 200, answer.body
    conversation: dict[str, Any] = answer.json()
    return conversation


async def test_the_life_of_a_conversation() -> None:
    async with serving() as server:
        for body in (None, {}, {"items": [], "metadata": None}):
            conversation = await made(server, body)
            assert conversation.keys() == {"id", "object", "created_at", "metadata"}
            assert (conversation["object"], conversation["metadata"]) == ("conversation", {})
            assert conversation["id"].startswith("conv_")
        path = f"/v1/conversations/{conversation['id']}"
        assert (await server.ask("GET", path)).json() == conversation
        updated = (await server.ask("POST", path, {"metadata": {"a": "b"}})).json()
        assert updated == conversation | {"metadata": {"a": "b"}}
        assert (await server.ask("GET", path)).json() == updated
        gone = await server.ask("DELETE", path)
        assert gone.json() == {"id": conversation["id"], "object": "conversation.deleted", "deleted": True}
        items = f"{path}/items"
        for method, where, body in (
            ("GET", path, None),
            ("POST", path, {"metadata": {}}),
            ("DELETE", path, None),
            ("GET", items, None),
            ("POST", items, {"items": [user("a")]}),
            ("GET", f"{items}/msg_1", None),
            ("DELETE", f"{items}/msg_1", None),
        ):
            assert (await server.ask(method, where, body)).error() == (404, None, None)


async def test_items_are_added_listed_read_and_taken_out() -> None:
    async with serving() as server:
        name = (await made(server, {"items": [user("zero", id="msg_zero")]}))["id"]
        path = f"/v1/conversations/{name}/items"
        added = (await server.ask("POST", path, {"items": [user("one"), user("two")]})).json()
        assert (added["object"], added["has_more"], len(added["data"])) == ("list", False, 2)
        assert added["first_id"] == added["data"][0]["id"] and added["last_id"] == added["data"][1]["id"]
        assert added["data"][0]["content"] == [{"type": "input_text", "text": "one"}]
        listed = await server.get(f"/conversations/{name}/items?order=asc")
        assert [item["id"] for item in listed["data"]] == ["msg_zero", added["first_id"], added["last_id"]]
        assert (await server.get(f"/conversations/{name}/items?limit=1"))["first_id"] == added["last_id"]
        one = added["data"][0]
        assert (await server.ask("GET", f"{path}/{one['id']}")).json() == one
        taken = await server.ask("DELETE", f"{path}/{one['id']}")
        assert taken.json() == await server.get(f"/conversations/{name}")
        assert (await server.ask("GET", f"{path}/{one['id']}")).status == 404
        assert (await server.ask("DELETE", f"{path}/{one['id']}")).status == 404
        assert len((await server.get(f"/conversations/{name}/items"))["data"]) == 2


async def test_an_empty_page_has_nulls() -> None:
    async with serving() as server:
        name = (await made(server))["id"]
        assert await server.get(f"/conversations/{name}/items") == {
            "object": "list",
            "data": [],
            "first_id": None,
            "last_id": None,
            "has_more": False,
        }


async def test_references_and_items_of_a_response_are_taken_in() -> None:
    async with serving() as server:
        response = await server.made("one")
        said = response["output"][0]
        name = (await made(server, {"items": [{"type": "item_reference", "id": said["id"]}, said]}))["id"]
        page = await server.get(f"/conversations/{name}/items")
        assert page["data"] == [said]  # an id stands once in a listing
        answer = await server.ask("POST", "/v1/conversations", {"items": [user("a"), {"id": "msg_x"}]})
        assert answer.error() == (404, None, "items[1].id")


async def test_a_response_outlives_its_conversation() -> None:
    async with serving() as server:
        name = (await made(server, {"items": [user("zero")]}))["id"]
        response = await server.made("one", conversation=name)
        await server.ask("DELETE", f"/v1/conversations/{name}")
        assert (await server.get(f"/responses/{response['id']}"))["conversation"] == {"id": name}
        assert len((await server.get(f"/responses/{response['id']}/input_items"))["data"]) == 2
        assert (await server.create("two", conversation=name)).error() == (404, None, "conversation")


@pytest.mark.parametrize(
    ("method", "path", "body", "error"),
    [
        ("POST", "", {"items": [user("a")] * 21}, ("array_above_max_length", "items")),
        ("POST", "", {"items": [{"role": "user"}]}, ("missing_required_parameter", "items[0].content")),
        ("POST", "", {"metadata": {"a": 1}}, ("invalid_type", "metadata.a")),
        ("POST", "", b"{", ("invalid_json", None)),
        ("POST", "", b"[]", ("invalid_type", None)),
        ("POST", "/{id}", {}, ("missing_required_parameter", "metadata")),
        ("POST", "/{id}", {"metadata": {"k" * 65: "v"}}, ("string_above_max_length", "metadata")),
        ("POST", "/{id}/items", {"items": []}, ("empty_array", "items")),
        ("POST", "/{id}/items", {}, ("missing_required_parameter", "items")),
        ("POST", "/{id}/items", {"items": [user("a")] * 21}, ("array_above_max_length", "items")),
        ("POST", "/{id}/items?include=x", {"items": [user("a")]}, ("invalid_value", "include[0]")),
        ("GET", "/{id}/items?limit=0", None, ("invalid_value", "limit")),
        ("GET", "/{id}/items/msg_1?include[]=x", None, ("invalid_value", "include[0]")),
    ],
)
async def test_bad_input(method: str, path: str, body: Any, error: tuple[str, str | None]) -> None:
    async with serving() as server:
        name = (await made(server))["id"]
        answer = await server.ask(method, f"/v1/conversations{path.replace('{id}', name)}", body)
        assert answer.error() == (400, *error)
