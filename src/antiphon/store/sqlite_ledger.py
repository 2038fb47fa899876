"""The ledger in SQLite: a row a response, opened before its model is called and closed once.

Knows nothing of prices, and of a response only its end.
"""

import sqlite3

import msgspec

from antiphon.core.accounts import Charge, Settlement, UsageQuery, UsageSum
from antiphon.core.wire import decode_response
from antiphon.store.rules import settled_late
from antiphon.store.sql import statements
from antiphon.store.sqlite_threads import Writing

SQL = statements("ledger")
HOUR = 3_600


def charge(w: Writing, row: Charge) -> None:
    """Open a row, unless it is there."""
    w.execute(
        SQL["charge"],
        (
            row.response_id,
            row.project,
            row.key,
            row.model,
            row.opened_at,
            row.input_tokens,
            row.output_tokens,
            row.cost,
            row.input_cost,
        ),
    )
    hour = int(row.opened_at // HOUR)
    known, least = w.least.get(row.project, (None, ""))
    if known != hour or row.response_id < least:
        w.execute(SQL["least"], (row.project, hour, row.response_id))
        w.least[row.project] = hour, row.response_id


def settle(w: Writing, project: str, end: Settlement) -> None:
    """Close a row that is open."""
    w.execute(
        SQL["settle"],
        (
            end.status,
            end.input_tokens,
            end.cached_tokens,
            end.output_tokens,
            end.reasoning_tokens,
            end.estimated,
            end.cost,
            end.seconds,
            end.first_token,
            end.response_id,
            project,
        ),
    )


def uncharge(w: Writing, project: str, response_id: str) -> None:
    """Take a row away that is open."""
    w.execute(SQL["uncharge"], (response_id, project))


def settle_lost(w: Writing, before: float) -> int:
    """Close what a dead process left; says how many rows."""
    found = w.execute(SQL["lost"], (before,)).fetchall()
    for *fields, ended_at, body in found:
        response_id, project, key, model, opened_at, tokens_in, tokens_out, cost, input_cost = fields
        row = Charge(
            response_id=response_id,
            project=project,
            key=key,
            model=model,
            opened_at=opened_at,
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            cost=cost,
            input_cost=input_cost,
        )
        response = None if body is None else decode_response(body)
        settle(w, project, settled_late(row, response, ended_at))
    return len(found)


def usage(c: sqlite3.Connection, query: UsageQuery) -> list[UsageSum]:
    """The sums, oldest bucket first."""
    by = ("project" in query.by, "key" in query.by, "model" in query.by)
    projects = msgspec.json.encode(query.projects).decode()
    rows = c.execute(SQL["usage"], (query.start, query.end, query.width, *by, projects, query.start // HOUR))
    return [_sum(*row) for row in rows]


def _sum(start: float, project: str, key: str, model: str, *sums: float) -> UsageSum:
    responses, estimated, tokens_in, cached, tokens_out, reasoning, cost = sums
    return UsageSum(
        start=float(start),
        project=project,
        key=key,
        model=model,
        responses=int(responses),
        estimated=int(estimated),
        input_tokens=int(tokens_in),
        cached_tokens=int(cached),
        output_tokens=int(tokens_out),
        reasoning_tokens=int(reasoning),
        cost=cost,
    )
