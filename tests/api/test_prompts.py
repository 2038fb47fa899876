"""`/prompts` and the `prompt` of a request, through the whole server."""

from typing import Any

import pytest

from tests.asgi import Answer, Rooms, serving

pytestmark = pytest.mark.anyio

PROMPT: dict[str, Any] = {
    "name": "greeter",
    "model": "scripted",
    "instructions": "Speak {{tongue}}.",
    "temperature": 0.5,
    "input": [{"role": "developer", "content": "Be kind."}],
}


async def post(rooms: Rooms, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return await rooms.ask("POST", f"/v1{path}", body, headers)


async def kept(rooms: Rooms, body: Any = None) -> Any:
    answer = await post(rooms, "/prompts", PROMPT if body is None else body)
    assert answer.status == 200, answer.body
    return answer.json()


async def test_versions_never_change() -> None:
    async with serving() as rooms:
        first = await kept(rooms)
        assert first["id"].startswith("pmpt_") and first["object"] == "prompt"
        assert (first["version"], first["variables"], first["name"]) == ("1", ["tongue"], "greeter")
        path = f"/prompts/{first['id']}"
        second = (await post(rooms, path, {"instructions": "Now {{mood}}."})).json()
        assert (second["id"], second["version"], second["variables"]) == (first["id"], "2", ["mood"])
        assert await rooms.get(path) == second
        assert await rooms.get(f"{path}?version=1") == first
        versions = await rooms.get(f"{path}/versions")
        assert versions["data"] == [second, first] and (versions["first_id"], versions["last_id"]) == ("2", "1")
        page = await rooms.get(f"{path}/versions?limit=1&after=2")
        assert page["data"] == [first] and page["has_more"] is False


async def test_the_newest_of_each_is_listed() -> None:
    async with serving() as rooms:
        made = [await kept(rooms, {"input": str(number)}) for number in range(3)]
        made.sort(key=lambda one: str(one["id"]))  # of two in one millisecond either may be the newer
        page = await rooms.get("/prompts?limit=2")
        assert page["data"] == [made[2], made[1]] and page["has_more"]
        assert (await rooms.get(f"/prompts?after={page['last_id']}"))["data"] == [made[0]]
        assert (await rooms.ask("GET", "/v1/prompts?after=pmpt_0")).error() == (400, "invalid_value", "after")


async def test_a_request_is_made_of_it() -> None:
    async with serving() as rooms:
        prompt = await kept(rooms)
        named = {"id": prompt["id"], "variables": {"tongue": "German"}}
        answer = await post(rooms, "/responses", {"prompt": named, "input": "hallo"})
        response = answer.json()
        assert response["instructions"] == "Speak German."
        assert (response["model"], response["temperature"]) == ("scripted", 0.5)
        assert response["prompt"] == {"id": prompt["id"], "version": "1", "variables": {"tongue": "German"}}
        assert response["output"][0]["content"][0]["text"] == "hallo"
        inputs = await rooms.get(f"/responses/{response['id']}/input_items?order=asc")
        assert [item["role"] for item in inputs["data"]] == ["developer", "user"]
        own = await rooms.made("hi", prompt=named, instructions="Mine.", temperature=1)
        assert (own["instructions"], own["temperature"]) == ("Mine.", 1)
        assert "prompt" not in await rooms.made("hi")


async def test_a_version_is_named() -> None:
    async with serving() as rooms:
        prompt = await kept(rooms, {"instructions": "one"})
        await post(rooms, f"/prompts/{prompt['id']}", {"instructions": "two"})
        for version, text in (("1", "one"), ("2", "two"), (None, "two")):
            made = await rooms.made("hi", prompt={"id": prompt["id"], "version": version})
            assert made["instructions"] == text
        answer = await rooms.create("hi", prompt={"id": prompt["id"], "version": "3"})
        assert answer.error() == (404, None, "prompt.version")


async def test_it_is_known_wherever_a_request_is_read() -> None:
    async with serving() as rooms:
        prompt = await kept(rooms, {"input": [{"role": "user", "content": "one two three"}], "model": "scripted"})
        body = {"prompt": {"id": prompt["id"]}}
        assert (await post(rooms, "/responses/input_tokens", body)).json()["input_tokens"] == 3
        assert (await post(rooms, "/responses/compact", body)).json()["output"][-1]["type"] == "compaction"
        again = [await post(rooms, "/responses", body, {"idempotency-key": "k"}) for _ in range(2)]
        assert again[0].json()["id"] == again[1].json()["id"]
        hidden = b'{"pr\\u006fmpt": {"id": "%s"}}' % prompt["id"].encode()
        assert (await post(rooms, "/responses", hidden)).json()["output"][0]["content"][0]["text"] == "one two three"


async def test_variables_of_every_kind() -> None:
    async with serving() as rooms:
        prompt = await kept(rooms, {"input": "Read {{file}}: {{word}}"})
        file = {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,aGVsbG8="}
        made = await rooms.made([], prompt={"id": prompt["id"], "variables": {"file": file, "word": "now"}})
        inputs = await rooms.get(f"/responses/{made['id']}/input_items")
        kinds = [part["type"] for part in inputs["data"][0]["content"]]
        assert kinds == ["input_text", "input_file", "input_text"]


@pytest.mark.parametrize(
    ("prompt", "status", "param"),
    [
        ({"id": "pmpt_0"}, 404, "prompt.id"),
        ({}, 400, "prompt.id"),
        ({"id": 3}, 400, "prompt.id"),
        ("pmpt_1", 400, "prompt"),
        ({"id": "pmpt_0", "version": 1}, 400, "prompt.version"),
        ({"id": "pmpt_0", "variables": []}, 400, "prompt.variables"),
    ],
)
async def test_what_is_refused(prompt: Any, status: int, param: str) -> None:
    async with serving() as rooms:
        answer = await rooms.create("hi", prompt=prompt)
        assert (answer.status, answer.error()[2]) == (status, param)


async def test_variables_that_are_missing_or_too_many() -> None:
    async with serving() as rooms:
        prompt = await kept(rooms)
        missing = await rooms.create("hi", prompt={"id": prompt["id"]})
        assert missing.error() == (400, "missing_required_parameter", "prompt.variables.tongue")
        many = await rooms.create("hi", prompt={"id": prompt["id"], "variables": {"tongue": "x", "mood": "y"}})
        assert many.error() == (400, "invalid_value", "prompt.variables.mood")
        filled = {"id": prompt["id"], "variables": {"tongue": {"type": "input_image"}}}
        assert (await rooms.create("hi", prompt=filled)).error()[2] == "prompt.variables.tongue"


async def test_what_is_deleted_is_gone_with_every_version() -> None:
    async with serving() as rooms:
        prompt = await kept(rooms)
        path = f"/v1/prompts/{prompt['id']}"
        answer = (await rooms.ask("DELETE", path)).json()
        assert answer == {"id": prompt["id"], "object": "prompt.deleted", "deleted": True}
        for method, body in (("GET", None), ("DELETE", None), ("POST", PROMPT)):
            assert (await rooms.ask(method, path, body)).error() == (404, None, None)
        assert (await rooms.ask("GET", f"{path}/versions")).status == 404


async def test_a_prompt_is_made_once_for_a_key() -> None:
    async with serving() as rooms:
        again = [await post(rooms, "/prompts", PROMPT, {"idempotency-key": "k"}) for _ in range(2)]
        assert again[0].json() == again[1].json()
        assert len((await rooms.get("/prompts"))["data"]) == 1
