"""`POST /responses/compact`: a conversation as a window that can go on (protocol §1, row 8).

Knows nothing of how a summary comes about: it is a run like any other, and nothing of it is kept.
"""

import asyncio

from antiphon.access.idempotency import GONE, Ticket
from antiphon.api.exchange import JSON_TYPE, Exchange
from antiphon.api.house import House
from antiphon.api.idempotent import claim
from antiphon.api.prompts import resolved
from antiphon.api.responses import ignored_header, prepared, require_json
from antiphon.contract.decode import parse
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.response import Response
from antiphon.core.wire import encode


async def compact(house: House, exchange: Exchange) -> None:
    """The messages of the user that stay, and one compaction item behind them."""
    require_json(exchange)
    raw = await exchange.body(house.max_body)
    ticket = await claim(house, exchange, parse(raw))
    assert ticket is None or isinstance(ticket, Ticket), "an answer that is not kept is not given again"
    try:
        body = await resolved(house, exchange, raw)
        request = _window(exchange.contract.read(body))
        response = await _made(house, exchange, request, len(body))
        if ticket is not None:
            await ticket.led_to(GONE)
    except BaseException:
        if ticket is not None:
            await ticket.refused()
        raise
    if ticket is not None:
        ticket.over()
    told = parse(exchange.contract.response(response))  # its items and its usage have the contract's shape
    window = {name: told[name] for name in ("id", "created_at", "output", "usage")} | {"object": "response.compaction"}
    await exchange.answer(200, [JSON_TYPE, *ignored_header(request.ignored)], encode(window))


def _window(request: Request) -> Request:
    """The request as it is run here: what a compaction has no use for is named."""
    asked = {"background": request.background, "stream": request.stream, "conversation": request.conversation}
    request.ignored += [name for name, value in asked.items() if value]
    request.store, request.background, request.stream, request.conversation = False, False, False, None
    request.compacts = "window"
    return request


async def _made(house: House, exchange: Exchange, request: Request, size: int) -> Response:
    """The response of the run, which goes with its reader. Raises `Problem` where it did not come to its end."""
    run = await prepared(house, exchange, request, size)
    run.joined()
    house.runner.start(run)
    watch = asyncio.ensure_future(exchange.receive())
    watch.add_done_callback(lambda _: run.left())
    try:
        response = await run.finished()
    finally:
        watch.cancel()
    if response.status != "completed":
        error = response.error
        raise Problem(503, error.code if error else "server_error", error.message if error else "It was stopped.")
    return response
