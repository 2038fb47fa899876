"""What a model is to see of a request: thoughts opened, files as text, pictures at hand."""

import base64
from typing import Any

import pytest

from tests.asgi import script, serving

pytestmark = pytest.mark.anyio

SEALED = "reasoning.encrypted_content"
PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360f8cfc000000301010018dd8db00000000049454e44ae426082"
    )
).decode()


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


async def test_a_thought_is_sealed_when_asked_and_taken_back() -> None:
    async with serving() as server:
        thinking = script({"reasoning": "secret thought"}, {"text": "done"})
        made = await server.made(thinking, include=[SEALED], store=False)
        thought = made["output"][0]
        assert thought["encrypted_content"]
        assert "secret" not in thought["encrypted_content"]
        plain = await server.made(thinking, store=False)
        assert "encrypted_content" not in plain["output"][0]
        again = [{"role": "user", "content": "hi"}, {**thought, "content": None}, {"role": "user", "content": "more"}]
        assert (await server.made(again, store=False))["status"] == "completed"


async def test_a_blob_that_does_not_open_is_refused() -> None:
    async with serving() as server:
        foreign = [{"type": "reasoning", "summary": [], "encrypted_content": "gAAAAABn"}, *user()]
        answer = await server.ask("POST", "/v1/responses", {"model": "scripted", "input": foreign})
        error = answer.json()["error"]
        assert (answer.status, error["code"]) == (400, "invalid_encrypted_content")
        assert error["param"] == "input[0].encrypted_content"


async def test_a_file_is_read_as_text() -> None:
    async with serving() as server:
        data = base64.b64encode(b"one two three").decode()
        parts = [{"type": "input_file", "filename": "a.txt", "file_data": data}, {"type": "input_text", "text": "four"}]
        made = await server.made(user(*parts))
        assert made["usage"]["input_tokens"] >= 4
        page = await server.get(f"/responses/{made['id']}/input_items")
        assert page["data"][0]["content"][0]["file_data"] == data, "what is kept is what was sent"


async def test_a_picture_reaches_a_model_that_sees() -> None:
    async with serving() as server:
        picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}
        made = await server.made(user({"type": "input_text", "text": "what is it"}, picture))
        assert made["status"] == "completed"
        broken = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
        answer = await server.ask("POST", "/v1/responses", {"model": "scripted", "input": user(broken)})
        assert answer.status == 400


async def test_an_address_of_this_machine_is_not_fetched() -> None:
    async with serving() as server:
        file = {"type": "input_file", "file_url": "http://127.0.0.1:1/secret.txt"}
        answer = await server.ask("POST", "/v1/responses", {"model": "scripted", "input": user(file)})
        assert answer.status == 400
        assert answer.json()["error"]["param"] == "input[0].content[0].file_url"
