"""Whether the server lives, is ready, and what it counts."""

import pytest

from antiphon.core.ports import Readiness
from antiphon.models.scripted import ScriptedModel
from tests.asgi import serving

pytestmark = pytest.mark.anyio


class Loading(ScriptedModel):
    ready = False

    def readiness(self) -> Readiness:
        return Readiness(self.ready, "" if self.ready else "12 %")


async def test_it_lives_before_it_is_ready() -> None:
    model = Loading()
    async with serving(None, model) as server:
        assert (await server.ask("GET", "/healthz")).json() == {"status": "ok"}
        answer = await server.ask("GET", "/readyz")
        assert (answer.status, answer.json()) == (503, {"status": "loading", "detail": "12 %"})
        model.ready = True
        answer = await server.ask("GET", "/readyz")
        assert (answer.status, answer.json()["status"]) == (200, "ready")


async def test_metrics_count_requests_and_tokens() -> None:
    async with serving() as server:
        await server.made("one two three")
        await server.ask("GET", "/v1/nothing")
        answer = await server.ask("GET", "/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        page = answer.body.decode()
        assert 'antiphon_requests_total{method="POST",status="200"} 1.0' in page
        assert 'antiphon_requests_total{method="GET",status="404"} 1.0' in page
        assert 'antiphon_tokens_total{kind="output",model="scripted",project="default"} 3.0' in page


async def test_the_api_describes_itself() -> None:
    async with serving() as server:
        document = (await server.ask("GET", "/openapi.json")).json()
        assert "/responses" in document["paths"]
        assert (await server.ask("GET", "/v1/openapi.json")).json() == document
