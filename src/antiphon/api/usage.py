"""Usage and costs over time (`/organization/usage/completions`, `/organization/costs`), from the ledger.

Knows nothing of a single response. What was estimated is counted beside what was told.
"""

from collections.abc import Callable, Mapping
from itertools import groupby

from msgspec import Struct

from antiphon.api.admin import answer
from antiphon.api.exchange import Exchange
from antiphon.api.house import House
from antiphon.api.paging import Query
from antiphon.contract import administration as told
from antiphon.core.accounts import Grouping, UsageQuery, UsageSum
from antiphon.core.problems import Problem
from antiphon.runs.ids import now

Result = told.UsageResult | told.CostResult

LATEST = 253_402_300_799
"""The last second of the year 9999."""
_PAGE = "page_"


class Width(Struct, frozen=True):
    """A width of buckets: its seconds, how many buckets a page has unless asked otherwise, and at most."""

    seconds: int
    default: int
    most: int


class View(Struct, frozen=True):
    """What can be asked of one of the two: widths of buckets, the first of them by default, and groups by name."""

    widths: Mapping[str, Width]
    groups: Mapping[str, Grouping]


_USAGE = View(
    {"1d": Width(86_400, 7, 31), "1h": Width(3600, 24, 168), "1m": Width(60, 60, 1440)},
    {"project_id": "project", "api_key_id": "key", "model": "model"},
)
_COSTS = View(
    {"1d": Width(86_400, 7, 180)},
    {"project_id": "project", "api_key_id": "key", "line_item": "model"},
)


async def completions(house: House, exchange: Exchange) -> None:
    """`GET /organization/usage/completions`: tokens and responses, by time and by what `group_by` names."""
    await _answer(house, exchange, _USAGE, _usage)


async def costs(house: House, exchange: Exchange) -> None:
    """`GET /organization/costs`: what it came to at the configured prices, by day; a line item is a model."""
    await _answer(house, exchange, _COSTS, _cost)


async def _answer(house: House, exchange: Exchange, view: View, result: Callable[[UsageSum], Result]) -> None:
    query = Query(exchange.scope["query_string"])
    query.only("start_time", "end_time", "bucket_width", "project_ids", "group_by", "limit", "page")
    width = view.widths[query.word("bucket_width", *view.widths)]
    begin, end = _span(query)
    starts = range(begin // width.seconds * width.seconds, end, width.seconds)
    page = starts[: query.number("limit", width.default, 1, width.most)]
    until = min(end, page.stop)
    sums = await house.store.usage(
        UsageQuery(
            start=begin,
            end=until,
            width=width.seconds,
            by=_groups(query, view.groups),
            projects=tuple(query.many("project_ids")),
        )
    )
    found = {int(start): [result(one) for one in group] for start, group in groupby(sums, lambda one: one.start)}
    data = [
        told.Bucket(start_time=start, end_time=start + width.seconds, results=found.get(start, [])) for start in page
    ]
    more = len(starts) > len(page)
    await answer(exchange, told.Buckets(data=data, has_more=more, next_page=f"{_PAGE}{until}" if more else None))


def _span(query: Query) -> tuple[int, int]:
    """From when, and until before when; a page begins where the one before it ended. Raises `Problem` 400."""
    if query.text("start_time") is None:
        raise Problem(
            400, "missing_required_parameter", "Missing required parameter: 'start_time'.", param="start_time"
        )
    begin = query.number("start_time", 0, 0, LATEST)
    end = query.number("end_time", now() + 1, 0, LATEST)
    page = query.text("page")
    if page is not None:
        number = page.removeprefix(_PAGE)
        if number == page or not (number.isascii() and number.isdigit() and len(number) < 13):
            raise Problem(400, "invalid_value", "Invalid 'page': it is not one that was given here.", param="page")
        begin = max(begin, int(number))
    if end <= begin and page is None:
        raise Problem(400, "invalid_value", "Invalid 'end_time': it is not after 'start_time'.", param="end_time")
    return begin, max(begin, end)


def _groups(query: Query, groups: Mapping[str, Grouping]) -> tuple[Grouping, ...]:
    found: list[Grouping] = []
    for place, name in enumerate(query.many("group_by")):
        if name not in groups:
            message = f"Invalid value: '{name[:64]}'. Supported values are: {', '.join(groups)}."
            raise Problem(400, "invalid_value", message, param=f"group_by[{place}]")
        found.append(groups[name])
    return tuple(dict.fromkeys(found))


def _usage(one: UsageSum) -> told.UsageResult:
    return told.UsageResult(
        input_tokens=one.input_tokens,
        input_cached_tokens=one.cached_tokens,
        output_tokens=one.output_tokens,
        output_reasoning_tokens=one.reasoning_tokens,
        num_model_requests=one.responses,
        num_estimated_requests=one.estimated,
        project_id=one.project or None,
        api_key_id=one.key or None,
        model=one.model or None,
    )


def _cost(one: UsageSum) -> told.CostResult:
    return told.CostResult(
        amount=told.Amount(one.cost),
        line_item=one.model or None,
        project_id=one.project or None,
        api_key_id=one.key or None,
    )
