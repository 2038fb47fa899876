"""Limits and budgets at the door: taken before a run begins, and told in the headers of every answer.

Knows nothing of how they are counted: `access.accounts` does.
"""

from functools import partial

from antiphon.api.exchange import Exchange, Header
from antiphon.api.house import House
from antiphon.core.problems import Problem
from antiphon.runs.run import Run


async def reserve(house: House, exchange: Exchange, run: Run, size: int) -> None:
    """Give a run its account; `size` is that of the request's body, in bytes. Raises `Problem` 429."""
    try:
        account = await house.accounts.reserve(exchange.principal, run.request, run.id, size)
    except Problem:
        exchange.tells = partial(standing, house, exchange, run.request.model)
        raise
    run.account = account
    exchange.tells = None
    if account.standing is not None:
        exchange.told = exchange.contract.limits(account.standing)
    if account.warning is not None:
        exchange.told = [*exchange.told, (b"x-budget-warning", account.warning.encode("ascii", "replace"))]


async def standing(house: House, exchange: Exchange, model: str | None = None) -> list[Header]:
    """The headers that tell how the limits of the principal stand, where there are any; nothing is taken."""
    found = await house.accounts.standing(exchange.principal, model)
    return [] if found is None else exchange.contract.limits(found)
