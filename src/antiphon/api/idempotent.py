"""The Idempotency-Key header: one answer for a request that comes more than once (protocol §6.2).

Knows nothing of what is asked; `access.idempotency` decides.
"""

from collections.abc import Awaitable, Callable

from antiphon.access.idempotency import Replay, Ticket, check_key
from antiphon.api.exchange import JSON_TYPE, Exchange, Header
from antiphon.api.house import House
from antiphon.contract.decode import parse
from antiphon.core.items import JSON

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
