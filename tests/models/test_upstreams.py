"""Upstreams looked after: their models listed and served, and what is wrong told once, until it passes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from antiphon.core import deltas as d
from antiphon.core.items import InputText, Message
from antiphon.core.prices import Prices
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt, Sampling
from antiphon.core.signals import Signal, UpstreamChanged
from antiphon.models.router import Router
from antiphon.models.upstream import Upstream
from antiphon.models.upstream_config import Configured, ModelTable
from antiphon.models.upstreams import Upstreams
from tests.models.http_upstream import END, by_path, listing, refusing, said, standing, streaming
from tests.served import free_port

pytestmark = pytest.mark.anyio

SAYS = streaming(said("a"), END)


@asynccontextmanager
async def looking(
    signals: list[Signal], *upstreams: Upstream, asked: frozenset[str] = frozenset(), **models: ModelTable
) -> AsyncIterator[Upstreams]:
    configured = Configured({one.name: one for one in upstreams}, models, asked)
    found = Upstreams(configured, signals.append, ("127.0.0.1", 1), "own1")
    try:
        yield found
    finally:
        await found.stop()


async def heard(models: Upstreams, name: str, **fields: Any) -> list[d.Delta]:
    items: list[Any] = [Message(role="user", content=[InputText("hi")])]
    asked = Prompt(model=name, items=items, sampling=Sampling(max_output_tokens=9), **fields)
    turn = await Router([], [models]).get(name).open(asked)
    return [delta async for batch in turn for delta in batch]


async def test_the_models_of_the_quick_form_are_served_under_their_own_names() -> None:
    async with (
        standing(by_path(models=listing("x/big", "small", max_model_len=512), responses=SAYS)) as stand,
        looking([], stand.upstream("up", "chat"), asked=frozenset({"up"})) as models,
    ):
        assert not models.readiness().ready
        await models.look()
        assert models.readiness().ready
        assert [(info.id, info.owned_by, info.context) for info in models.list()] == [
            ("x/big", "up", 512),
            ("small", "up", 512),
        ]
        assert (await heard(models, "x/big"))[0] == d.TextDelta("a")
        assert stand.asked[-1][1]["model"] == "x/big"


async def test_what_they_list_is_asked_for_again() -> None:
    names = ["a", "b"]

    async def models_of(request: web.Request, body: Any) -> web.StreamResponse:
        return await listing(*names)(request, body)

    async with (
        standing(by_path(models=models_of, responses=SAYS)) as stand,
        looking([], stand.upstream("up")) as models,
    ):
        await models.look()
        before = models.find("a")
        names[:] = ["c", "a"]
        await models.look()
        assert [info.id for info in models.list()] == ["c", "a"]
        assert models.find("b") is None and before is not None
        assert (await heard(models, "c"))[0] == d.TextDelta("a")
        names.clear()
        await models.look()
        assert list(models.list()) == []


async def test_two_that_list_one_name_serve_it_together() -> None:
    answering = by_path(models=listing("m"), responses=SAYS)
    async with (
        standing(answering) as first,
        standing(answering) as second,
        looking([], first.upstream("a"), second.upstream("b")) as models,
    ):
        await models.look()
        await first.stop()
        for _ in range(3):
            assert (await heard(models, "m"))[0] == d.TextDelta("a")


async def test_a_model_has_its_own_name_there_and_others_here() -> None:
    prices = Prices(input=2.0)
    table = ModelTable(upstreams=["up", "unknown"], model="there", aliases=["alias"], prices=prices)
    async with (
        standing(by_path(models=listing("there", "more", max_model_len=99), responses=SAYS)) as stand,
        looking([], stand.upstream("up"), here=table) as models,
    ):
        await models.look()
        assert [(info.id, info.context) for info in models.list()] == [("here", 99), ("alias", 99)]
        told = Router([], [models]).info("alias")
        assert (told.id, told.prices) == ("here", prices)
        await heard(models, "alias")
        assert stand.asked[-1][1]["model"] == "there"
        assert models.find("there") is None and models.find("more") is None


async def test_a_model_that_is_set_up_is_served_though_nothing_can_be_listed() -> None:
    async with (
        standing(by_path(responses=SAYS)) as stand,
        looking([], stand.upstream("up"), m=ModelTable(upstreams=["up"])) as models,
    ):
        await models.look()
        assert (await heard(models, "m"))[0] == d.TextDelta("a")


async def test_what_is_wrong_is_told_once_and_the_others_work() -> None:
    signals: list[Signal] = []
    gone = Upstream(name="gone", url=f"http://127.0.0.1:{free_port()}/v1")
    own = Upstream(name="self", url="http://localhost:1/v1")
    async with standing(refusing(401)) as locked, standing(by_path(models=listing("m"), responses=SAYS)) as good:
        upstreams = (gone, own, locked.upstream("locked", key="sk-wrong"), good.upstream("good"))
        async with looking(signals, *upstreams) as models:
            await models.look()
            await models.look()
            told = {one.upstream: (one.state, one.detail) for one in signals if isinstance(one, UpstreamChanged)}
            assert len(signals) == len(told) == 4
            assert told["gone"] == ("failing", "can't be reached: Connection refused")
            assert told["self"] == ("unusable", "is this server itself")
            assert told["locked"] == ("unusable", "refused this server's key (status 401)")
            assert told["good"] == ("ready", "has m")
            assert (await heard(models, "m"))[0] == d.TextDelta("a")
    assert "sk-wrong" not in repr(signals)


async def test_a_key_that_may_not_list_models_may_be_good_for_answers() -> None:
    answering = by_path(models=refusing(403), responses=SAYS)
    table = ModelTable(upstreams=["up"])
    async with standing(answering) as stand, looking([], stand.upstream("up"), m=table) as models:
        await models.look()
        assert (await heard(models, "m"))[0] == d.TextDelta("a")


async def test_a_server_never_asks_itself() -> None:
    own = Upstream(name="self", url="http://localhost:1/v1")
    async with looking([], own, m=ModelTable(upstreams=["self"])) as models:
        await models.look()
        with pytest.raises(Problem) as caught:
            await heard(models, "m")
        assert (caught.value.status, caught.value.message) == (508, "The upstream 'self' is this server itself.")


@pytest.mark.parametrize(
    ("servers", "state", "detail"),
    [
        ("own1, far2", "unusable", "is this server itself"),
        ("far2,own1", "unusable", "leads back to this server: the upstreams stand in a circle"),
        ("far2,far3", "ready", "has m"),
    ],
)
async def test_one_that_leads_back_is_known_by_what_it_names(servers: str, state: str, detail: str) -> None:
    behind = [one.strip() for one in servers.split(",")]
    headers = {"x-antiphon-servers": servers}
    signals: list[Signal] = []
    async with (
        standing(by_path(models=listing("m", headers=headers), responses=SAYS)) as stand,
        looking(signals, stand.upstream("up"), m=ModelTable(upstreams=["up"])) as models,
    ):
        for _ in range(2):
            await models.look()
            assert models.behind() == behind
        assert signals == [UpstreamChanged("up", state, detail)]
        if state == "unusable":
            with pytest.raises(Problem, match=detail):
                await heard(models, "m")
        headers["x-antiphon-servers"] = "far2"
        await models.look()
        assert (await heard(models, "m"))[0] == d.TextDelta("a")


async def test_what_is_asked_names_the_servers_that_it_passed() -> None:
    async with (
        standing(by_path(models=listing("m"), responses=SAYS, completions=SAYS)) as stand,
        looking([], stand.upstream("up"), stand.upstream("chat", "chat"), m=ModelTable(upstreams=["up"])) as models,
    ):
        await models.look()
        await heard(models, "m")
        await heard(models, "m", passed=("far1", "far2"))
        assert [one for one in stand.servers if one != "own1"] == ["far1,far2,own1"]
        assert len(stand.servers) == 4


async def test_without_any_model_it_says_why() -> None:
    gone = Upstream(name="gone", url=f"http://127.0.0.1:{free_port()}/v1")
    async with looking([], gone) as models:
        await models.look()
        assert models.readiness().detail == "the upstream 'gone' can't be reached: Connection refused"
        with pytest.raises(Problem) as caught:
            await heard(models, "m")
        assert caught.value.status == 503 and "gone" in caught.value.message


async def test_what_a_model_takes_may_differ_from_its_upstream() -> None:
    table = ModelTable(upstreams=["up"], takes=())
    async with standing(refusing(404)) as stand, looking([], stand.upstream("up"), m=table) as models:
        found = models.find("m")
        assert found is not None and not found.sees
