"""Usage and costs: what the ledger has, by time and group, in pages."""

import time
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.core.accounts import Charge, Project, Settlement
from antiphon.core.ports import ModelInfo
from antiphon.core.prices import Prices
from antiphon.models.scripted import ScriptedModel
from tests.asgi import Entry, Rooms, serving

pytestmark = pytest.mark.anyio

ADMIN = {"x-admin-key": "the-key-of-the-settings"}
ENTRY = Entry(admin_key=ADMIN["x-admin-key"])
DAY = 86_400


async def told(server: Rooms, query: str, of: str = "usage/completions") -> Any:
    answer = await server.ask("GET", f"/v1/organization/{of}?{query}", None, ADMIN)
    assert answer.status == 200, answer.body
    return answer.json()


async def used(server: Rooms, *rows: tuple[float, str, str, int]) -> None:
    """Closed rows of the ledger: when, project, model, tokens in; twice that out, and in money."""
    for number, (at, project, model, tokens) in enumerate(rows):
        name = f"resp_{number}"
        opened = Charge(
            response_id=name,
            project=project,
            key=f"key_{project}",
            model=model,
            opened_at=at,
            input_tokens=0,
            output_tokens=0,
        )
        closed = Settlement(
            response_id=name,
            status="completed",
            input_tokens=tokens,
            output_tokens=2 * tokens,
            cost=2.0 * tokens,
            estimated=model == "m",
        )
        await server.store.charge(opened)
        await server.store.settle(project, closed)


async def test_by_day_and_group() -> None:
    async with serving(entry=ENTRY) as server:
        await used(server, (5, "a", "m", 1), (10, "b", "m", 10), (DAY + 1, "a", "n", 100), (3 * DAY, "a", "m", 1000))
        page = await told(server, f"start_time=3&end_time={2 * DAY + 5}")
        assert (page["object"], page["has_more"], page["next_page"]) == ("page", False, None)
        assert [(one["start_time"], one["end_time"]) for one in page["data"]] == [
            (n * DAY, (n + 1) * DAY) for n in range(3)
        ]
        assert [[one["input_tokens"] for one in bucket["results"]] for bucket in page["data"]] == [[11], [100], []]
        assert page["data"][0]["results"] == [
            {
                "object": "organization.usage.completions.result",
                "input_tokens": 11,
                "input_cached_tokens": 0,
                "output_tokens": 22,
                "output_reasoning_tokens": 0,
                "num_model_requests": 2,
                "num_estimated_requests": 2,
                "project_id": None,
                "api_key_id": None,
                "model": None,
            }
        ]
        grouped = await told(server, f"start_time=0&end_time={DAY}&group_by[]=project_id&group_by[]=api_key_id")
        assert [(one["project_id"], one["api_key_id"], one["model"]) for one in grouped["data"][0]["results"]] == [
            ("a", "key_a", None),
            ("b", "key_b", None),
        ]
        only = await told(server, f"start_time=0&end_time={DAY}&project_ids=b&group_by=model")
        assert [(one["model"], one["input_tokens"]) for one in only["data"][0]["results"]] == [("m", 10)]


async def test_pages_follow_one_another() -> None:
    async with serving(entry=ENTRY) as server:
        await used(server, *[(n * 3600 + 1800, "a", "m", n + 1) for n in range(10)])
        found: list[int] = []
        query = f"start_time=1800&end_time={10 * 3600}&bucket_width=1h&limit=4"
        page = await told(server, query)
        while True:
            assert len(page["data"]) <= 4
            found += [one["input_tokens"] for bucket in page["data"] for one in bucket["results"]]
            if not page["has_more"]:
                break
            page = await told(server, f"{query}&page={page['next_page']}")
        assert found == list(range(1, 11))


class Priced(ScriptedModel):
    def info(self) -> ModelInfo:
        return replace(super().info(), prices=Prices(input=1e6, output=2e6))


async def test_costs_of_what_was_really_used() -> None:
    async with serving(None, Priced(), entry=ENTRY) as server:
        await server.store.keep_project(Project(id="p", name="p", created_at=1))
        own = {"authorization": f"Bearer {await server.key('p')}"}
        usage = (await server.create("three words here", own)).json()["usage"]
        start = int(time.time()) - 5
        page = await told(server, f"start_time={start}&group_by[]=project_id&group_by[]=line_item", "costs")
        (result,) = [one for bucket in page["data"] for one in bucket["results"]]
        assert result["amount"] == {"value": usage["input_tokens"] + 2 * usage["output_tokens"], "currency": None}
        assert (result["object"], result["project_id"], result["line_item"]) == (
            "organization.costs.result",
            "p",
            "scripted",
        )


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("", "missing_required_parameter", "start_time"),
        ("start_time=x", "invalid_value", "start_time"),
        ("start_time=5&end_time=5", "invalid_value", "end_time"),
        ("start_time=0&bucket_width=1w", "invalid_value", "bucket_width"),
        ("start_time=0&limit=32", "invalid_value", "limit"),
        ("start_time=0&group_by[]=model&group_by[]=user_id", "invalid_value", "group_by[1]"),
        ("start_time=0&user_ids[]=a", "unknown_parameter", "user_ids[]"),
        ("start_time=0&page=next", "invalid_value", "page"),
    ],
)
async def test_bad_queries(query: str, code: str, param: str) -> None:
    async with serving(entry=ENTRY) as server:
        answer = await server.ask("GET", f"/v1/organization/usage/completions?{query}", None, ADMIN)
        assert answer.error() == (400, code, param)


async def test_a_span_without_end_costs_no_more_than_its_page() -> None:
    async with serving(entry=ENTRY) as server:
        page = await told(server, "start_time=0&end_time=253402300799&bucket_width=1m")
        assert (len(page["data"]), page["has_more"]) == (60, True)
