"""The Idempotency-Key header: one answer for a request that comes more than once (protocol §6.2).

Knows nothing of what is asked; `access.idempotency` decides.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from antiphon.access.idempotency import GONE, Replay, Ticket, check_key
from antiphon.api.exchange import JSON_TYPE, Exchange, Header
from antiphon.api.house import House
from antiphon.contract.decode import parse
from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.runs.run import Run

REPLAYED: Header = (b"idempotency-replayed", b"true")


async def claim(house: House, exchange: Exchange, body: JSON) -> Ticket | Replay | None:
    """What the request's key gives: the right to do it, what it led to before; None without a key.

    Raises `Problem` 400 for a malformed key, 409 as `Idempotency.claim` does.
    """
    key = exchange.header(b"idempotency-key")
    if key is None:
        key = exchange.header(b"x-idempotency-key")
    if key is None:
        return None
    scope = f"{exchange.scope['method']} {exchange.scope['path']}"
    return await house.idempotency.claim(exchange.project, scope, check_key(key), body)


async def once(house: House, exchange: Exchange, body: bytes, work: Callable[[], Awaitable[bytes]]) -> None:
    """Answer with what `work` gives, doing it once for a key. `work` raises `Problem` where it refuses."""
    claimed = await claim(house, exchange, parse(body) if body else None)
    if isinstance(claimed, Replay):
        await exchange.answer(200, [JSON_TYPE, REPLAYED], claimed.body or b"")
        return
    try:
        answer = await work()
        if claimed is not None:
            await claimed.led_to(answer)
    except BaseException:
        if claimed is not None:
            await claimed.refused()
        raise
    if claimed is not None:
        claimed.over()
    await exchange.answer(200, [JSON_TYPE], answer)


async def under(ticket: Ticket, run: Run, answering: Awaitable[None], unanswered: Collection[str] = ()) -> None:
    """Answer with a foreground run that is done under a key. The key's record follows the run, not the connection: a
    run that was refused, or ended with a status among `unanswered`, leaves the key free."""
    settling = asyncio.get_running_loop().create_task(_settle(ticket, run, unanswered))
    try:
        await answering
    except Problem:
        await settling  # whoever is refused may come again with the same key at once
        raise


async def _settle(ticket: Ticket, run: Run, unanswered: Collection[str]) -> None:
    """When the run is over, leave the record as it has to stay."""
    await run.log.closed()
    try:
        if run.refusal is not None or (unanswered and run.log.snapshot().status in unanswered):
            await ticket.refused()
        elif not run.request.store:
            await ticket.led_to(GONE)
    finally:
        ticket.over()
