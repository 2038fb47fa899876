"""`/models`."""

import pytest

from antiphon.models.scripted import ScriptedModel
from tests.asgi import serving

pytestmark = pytest.mark.anyio


async def test_models_are_listed_and_told() -> None:
    async with serving(None, ScriptedModel("first"), ScriptedModel("org/second:q4")) as server:
        listing = await server.get("/models")
        assert listing["object"] == "list"
        assert [model["id"] for model in listing["data"]] == ["first", "org/second:q4"]
        for model in listing["data"]:
            assert model.keys() == {"id", "object", "created", "owned_by", "shutdown_date"}
            assert model["object"] == "model"
            assert await server.get(f"/models/{model['id']}") == model
        for name in ("third", "org", ""):
            answer = await server.ask("GET", f"/v1/models/{name}")
            assert answer.status == 404
        assert (await server.ask("GET", "/v1/models/third")).error() == (404, "model_not_found", "model")
