"""`antiphon usage`: what was used, by project, key, model and day.

Knows nothing of how it was counted.
"""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

from msgspec import Struct

from antiphon.commands.accounts import Refusal, day, done, moment, show, show_json
from antiphon.core.accounts import Grouping, Roll, UsageQuery, UsageSum

BY: Final = ("day", "project", "key", "model")
DAY: Final = 86_400
NUMBERS: Final = ("RESPONSES", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST", "ESTIMATED")


class Row(Struct, omit_defaults=True):
    """A sum as it is told; what it was not grouped by is left out. `day` is a date in UTC."""

    responses: int
    estimated: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: float
    day: str = ""
    project: str = ""
    key: str = ""
    model: str = ""


def usage(data: Path, by: str, since: str | None, until: str | None, *, as_json: bool) -> None:
    """Print the sums of a time, this month's where none is given: a table, or a JSON array."""
    roll, groups, sums = done(_asked(data, by, since, until))
    rows = [_row(one, groups) for one in sums]
    if as_json:
        show_json(rows)
        return
    if not rows:
        print("Nothing was used in that time.", file=sys.stderr)
    names = {project.id: project.name for project in roll.projects}
    names |= {key.id: f"{key.name} {key.shown}".strip() for key in roll.keys}
    told = [[*_head(row, groups, names), *_numbers(row)] for row in rows]
    if len(rows) > 1:
        told.append([*("all" if group == groups[0] else "" for group in groups), *_numbers(_total(rows))])
    show([*(group.upper() for group in groups), *NUMBERS], told, frozenset(NUMBERS))


async def _asked(data: Path, by: str, since: str | None, until: str | None) -> tuple[Roll, list[str], list[UsageSum]]:
    from antiphon.desk import opened

    now = time.time()
    asked = [group.strip() for group in by.split(",")]
    for group in asked:
        if group not in BY:
            raise Refusal(f"Usage is not counted by {group!r}: give some of {', '.join(BY)}, with commas between.")
    groups: list[str] = [group for group in BY if group in asked]
    query = UsageQuery(
        start=_month(now) if since is None else moment(since, now, -1),
        end=now + 1 if until is None else moment(until, now, -1),
        width=DAY if "day" in groups else 0,
        by=cast("tuple[Grouping, ...]", tuple(group for group in groups if group != "day")),
    )
    async with opened(data) as desk:
        return await desk.books.roll(), groups, await desk.books.usage(query)


def _month(now: float) -> float:
    """The beginning of this month, UTC."""
    today = datetime.fromtimestamp(now, UTC)
    return datetime(today.year, today.month, 1, tzinfo=UTC).timestamp()


def _row(one: UsageSum, groups: Sequence[str]) -> Row:
    return Row(
        responses=one.responses,
        estimated=one.estimated,
        input_tokens=one.input_tokens,
        cached_tokens=one.cached_tokens,
        output_tokens=one.output_tokens,
        reasoning_tokens=one.reasoning_tokens,
        cost=one.cost,
        day=day(one.start) if "day" in groups else "",
        project=one.project,
        key=one.key,
        model=one.model,
    )


def _total(rows: Sequence[Row]) -> Row:
    return Row(
        responses=sum(row.responses for row in rows),
        estimated=sum(row.estimated for row in rows),
        input_tokens=sum(row.input_tokens for row in rows),
        cached_tokens=sum(row.cached_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        reasoning_tokens=sum(row.reasoning_tokens for row in rows),
        cost=sum(row.cost for row in rows),
    )


def _head(row: Row, groups: Sequence[str], names: dict[str, str]) -> list[str]:
    values = {"day": row.day, "project": row.project, "key": row.key or "(none)", "model": row.model}
    return [names.get(values[group], values[group]) for group in groups]


def _numbers(row: Row) -> list[str]:
    counts = (row.responses, row.input_tokens, row.cached_tokens, row.output_tokens, row.reasoning_tokens)
    return [*(f"{count:,}" for count in counts), f"{row.cost:,.4f}", f"{row.estimated:,}"]
