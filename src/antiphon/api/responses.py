"""`/responses`: create and retrieve (protocol §1, rows 1 and 3).

Knows nothing of models or stores: a request becomes a run, and an answer is a reading of its log.
"""

import asyncio

from antiphon.api.exchange import JSON_TYPE, Exchange, Header
from antiphon.api.house import House
from antiphon.api.sse import stream
from antiphon.core.problems import Problem
from antiphon.core.response import Response
from antiphon.runs.run import Run

PROJECT = "default"
"""The one project there is until keys exist."""


async def create(house: House, exchange: Exchange) -> None:
    """`POST /responses`: the hot path, as plain ASGI."""
    _require_json(exchange)
    request = house.contract.read(await exchange.body(house.max_body))
    run = house.runner.prepare(request, PROJECT, exchange.id)
    run.joined()
    house.runner.start(run)
    watch = asyncio.ensure_future(exchange.receive())  # ends when the client leaves
    watch.add_done_callback(lambda _: run.left())
    try:
        if request.stream:
            await _stream(house, exchange, run)
        else:
            response = await run.finished()
            head = [JSON_TYPE, *ignored_header(request.ignored)]
            await exchange.answer(200, head, house.contract.response(response))
    finally:
        watch.cancel()


async def retrieve(house: House, exchange: Exchange, response_id: str) -> None:
    """`GET /responses/{id}`: the response as it stands, in any status."""
    run = house.runner.running(PROJECT, response_id)
    if run is not None and run.request.store:
        response: Response | None = run.log.snapshot()
    else:
        response = await house.responses.get(PROJECT, response_id)
    if response is None:
        raise Problem(404, None, f"Response with id '{response_id[:80]}' not found.")
    await exchange.answer(200, [JSON_TYPE], house.contract.response(response))


async def _stream(house: House, exchange: Exchange, run: Run) -> None:
    head: list[Header] = ignored_header(run.request.ignored)
    told = await stream(exchange, run.cursor(), head=head, heartbeat=house.heartbeat, promise=run.promise)
    if not told and run.refusal is not None:
        raise run.refusal


def _require_json(exchange: Exchange) -> None:
    given = (exchange.header(b"content-type") or "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise Problem(
            415,
            "unsupported_media_type",
            f"The body must be JSON with 'Content-Type: application/json', not '{given[:80] or 'none'}'.",
        )


def ignored_header(ignored: list[str]) -> list[Header]:
    """The header that names what was asked and will not be done (contracts §D)."""
    if not ignored:
        return []
    return [(b"x-ignored-parameters", ", ".join(ignored).encode("ascii", "replace")[:4096])]
