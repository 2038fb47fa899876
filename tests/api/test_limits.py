"""Limits and budgets at the door: taken before a run, told on every answer, refused with a time to come again."""

from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.core.accounts import Budget, Limits, Project
from antiphon.core.ports import ModelInfo
from antiphon.core.prices import Prices
from antiphon.models.scripted import ScriptedModel
from tests.asgi import Rooms, script, serving, slow, until

pytestmark = pytest.mark.anyio

LEFT = "x-ratelimit-remaining-requests"


async def limited(server: Rooms, **fields: Any) -> dict[str, str]:
    """The headers of a key of a project with these fields."""
    await server.store.keep_project(Project(id="p", name="p", created_at=1, **fields))
    return {"authorization": f"Bearer {await server.key('p')}"}


async def test_every_answer_tells_how_limits_stand() -> None:
    async with serving() as server:
        own = await limited(server, limits=Limits(requests_per_minute=3, tokens_per_minute=100_000))
        first = await server.create("a", own, max_output_tokens=16)
        assert (first.headers["x-ratelimit-limit-requests"], first.headers[LEFT]) == ("3", "2")
        assert first.headers["x-ratelimit-limit-tokens"] == "100000"
        reset = first.headers["x-ratelimit-reset-requests"]
        assert reset.endswith("s")
        stream = await server.create("a", own, stream=True)
        assert stream.headers[LEFT] == "1"
        assert (await server.ask("GET", "/v1/models", None, own)).headers[LEFT] == "1"  # which takes nothing
        assert (await server.create("a", own, temperature=9)).headers[LEFT] == "1"
        assert (await server.ask("GET", "/v1/nothing", None, own)).status == 404
        await server.create("a", own)
        refused = await server.create("a", own)
        assert refused.error() == (429, "rate_limit_exceeded", None)
        assert refused.json()["error"]["type"] == "rate_limit_error"
        assert (refused.headers[LEFT], refused.headers["x-ratelimit-limit-requests"]) == ("0", "3")
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        assert int(refused.headers["retry-after-ms"]) <= 61_000


async def test_who_has_no_limits_is_told_none() -> None:
    async with serving() as server:
        own = await limited(server)
        for headers in ((await server.create("a", own)).headers, (await server.ask("GET", "/healthz")).headers):
            assert not [name for name in headers if name.startswith("x-ratelimit")]


async def test_a_model_has_limits_of_its_own() -> None:
    async with serving(None, ScriptedModel(), ScriptedModel("other")) as server:
        own = await limited(server, models={"other": Limits(requests_per_minute=1)})
        assert LEFT not in (await server.create("a", own)).headers
        assert (await server.create("a", own, model="other")).headers[LEFT] == "0"
        assert (await server.create("a", own, model="other")).status == 429
        assert (await server.create("a", own)).status == 200


async def test_what_is_refused_takes_nothing() -> None:
    async with serving() as server:
        own = await limited(server, limits=Limits(requests_per_minute=2))
        for fields in ({"temperature": 9}, {"model": "nobody"}):
            assert (await server.create("a", own, **fields)).headers[LEFT] == "2"
        too_large = await limited(server, limits=Limits(tokens_per_minute=10))
        refused = await server.create("a", too_large)
        assert refused.error()[:2] == (429, "rate_limit_exceeded")
        assert refused.headers["x-should-retry"] == "false"
        assert refused.headers["x-ratelimit-remaining-tokens"] == "10"


async def test_runs_at_once_are_bounded_and_places_come_back_at_every_end() -> None:
    async with serving() as server:
        own = await limited(server, limits=Limits(concurrent_runs=1))
        for headers, fields in ((own, {"stream": True}), (own | {"idempotency-key": "k"}, {"stream": True})):
            reading = server.creating(slow(), headers, **fields)
            await until(reading.events)
            assert (await server.create("a", own)).status == 429
            if "idempotency-key" in headers:
                (run,) = server.runner._running.values()  # noqa: SLF001  its reader can't end it
                run.cancel()
            reading.leave()
            await reading.end()
            await until(lambda: not server.runner._running)  # noqa: SLF001  it has ended
        assert (await server.create("a", own, previous_response_id="resp_none")).status == 400
        assert (await server.create(script({"fail": {"status": 503, "code": "overloaded"}}), own)).status == 503
        background = await server.create("a", own, background=True)
        assert background.status == 200
        await until(lambda: not server.runner._running)  # noqa: SLF001  it has ended
        assert (await server.create("a", own)).status == 200


async def test_an_idempotent_retry_takes_nothing_and_a_refused_key_is_free() -> None:
    async with serving() as server:
        own = await limited(server, limits=Limits(requests_per_minute=1)) | {"idempotency-key": "k"}
        first = await server.create("a", own)
        again = await server.create("a", own)
        assert (first.status, again.status, again.headers[LEFT]) == (200, 200, "0")
        other = own | {"idempotency-key": "l"}
        assert (await server.create("a", other)).status == 429
        assert (await server.create("a", other)).status == 429  # and not 409


class Priced(ScriptedModel):
    """A model whose tokens cost a unit of money each."""

    def info(self) -> ModelInfo:
        return replace(super().info(), prices=Prices(input=1e6, output=1e6))


async def test_a_budget_warns_then_refuses() -> None:
    async with serving(None, Priced()) as server:
        own = await limited(server, budget=Budget(soft=0, hard=100))
        first = await server.create("a", own, max_output_tokens=16)
        assert (first.status, "x-budget-warning" in first.headers) == (200, False)
        second = await server.create("a", own, max_output_tokens=16, stream=True)
        assert "beyond the soft budget" in second.headers["x-budget-warning"]
        refused = await server.create("a", own, max_output_tokens=1000)
        assert refused.error()[:2] == (429, "insufficient_quota")
        assert refused.headers["x-should-retry"] == "false"
