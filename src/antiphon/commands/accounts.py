"""What the commands on keys, projects and usage share: refusals, names, times, limits, tables.

Knows nothing of any one command.
"""

import asyncio
import re
import sys
from collections.abc import Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import msgspec
from rich.console import Console
from rich.table import Table

from antiphon.commands.flags import Bounds
from antiphon.core.accounts import Key, Limits, Project, Roll
from antiphon.core.ports import StoreError
from antiphon.core.problems import Problem

T = TypeVar("T")

PIPED_WIDTH: Final = 240
SECONDS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Refusal(Exception):
    """What can't be done, and what to do: one line for a person."""


def done(work: Coroutine[Any, Any, T]) -> T:
    """Do it. Exits with 1 and one line where it can't be done."""
    try:
        return asyncio.run(work)
    except (StoreError, Refusal) as fault:
        why = str(fault)
    except Problem as problem:
        why = problem.message
    print(f"antiphon: {why}", file=sys.stderr)
    raise SystemExit(1)


def project_of(roll: Roll, name: str) -> Project:
    """The project of that id, or else of that name. Raises `Refusal` where there is none, or more than one."""
    by_id = [project for project in roll.projects if project.id == name]
    found = by_id or [project for project in roll.projects if project.name == name]
    if len(found) > 1:
        raise Refusal(f"{len(found)} projects are called {name!r}: give the id, one of {_ids(found)}.")
    if not found:
        raise Refusal(f"There is no project {name!r}: see `antiphon projects list`.")
    return found[0]


def key_of(roll: Roll, name: str) -> Key:
    """The key of that id. Raises `Refusal` where there is none."""
    for key in roll.keys:
        if key.id == name:
            return key
    raise Refusal(f"There is no key {name!r}: `antiphon keys list` tells their ids.")


def limits_of(bounds: Bounds, before: Limits) -> Limits:
    """The limits when what is asked for is changed."""
    return Limits(
        requests_per_minute=changed(bounds.requests_per_minute, before.requests_per_minute),
        requests_per_day=changed(bounds.requests_per_day, before.requests_per_day),
        tokens_per_minute=changed(bounds.tokens_per_minute, before.tokens_per_minute),
        concurrent_runs=changed(bounds.concurrent_runs, before.concurrent_runs),
    )


def changed(asked: T | Literal["none"] | None, before: T | None) -> T | None:
    """A value that is asked for; `none` takes it away, None leaves it."""
    return before if asked is None else None if asked == "none" else asked


def limits_told(limits: Limits) -> str:
    """Limits for a person: 60 requests/min, 5 runs at once."""
    parts = (
        (limits.requests_per_minute, "requests/min"),
        (limits.requests_per_day, "requests/day"),
        (limits.tokens_per_minute, "tokens/min"),
        (limits.concurrent_runs, "at once"),
    )
    return ", ".join(f"{value:,} {unit}" for value, unit in parts if value is not None)


def moment(text: str, now: float, ahead: Literal[1, -1]) -> float:
    """Unix seconds of `30d` from now (`ahead` 1) or before it (-1), or of a date in UTC. Raises `Refusal`."""
    span = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if span is not None:
        return now + ahead * int(span[1]) * SECONDS[span[2]]
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(f"{text!r} is no time: write 30d, 12h or 90m, or a date as 2030-01-31.") from None
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


def day(seconds: float | None) -> str:
    """A date in UTC, "" for none."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def minute(seconds: float | None) -> str:
    """A date and time in UTC, "" for none."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def plain(text: str) -> str:
    """A name that somebody gave, without what would steer a terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def counted(number: int, one: str) -> str:
    """A number of things: 1 row, 1,200 rows."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def show_json(value: Any) -> None:
    """Print JSON to standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def show(columns: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[str] = frozenset()) -> None:
    """Print a table to standard output; the columns `right` hold numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True, justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    # What is piped somewhere is not folded to the width of a terminal that isn't there.
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    Console(markup=False, highlight=False, width=width).print(table)


def _ids(projects: Sequence[Project]) -> str:
    return ", ".join(project.id for project in projects)
