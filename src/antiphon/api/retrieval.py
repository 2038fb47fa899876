"""Retrieval: a response that exists, as it stands or as a stream (protocol §1.1, rows 3 and 6).

Knows nothing of how it came to be: a run that lasts is read from its log, what has ended from
the store.
"""

from antiphon.api.exchange import JSON_TYPE, Exchange, Header
from antiphon.api.house import House
from antiphon.api.paging import Query, envelope
from antiphon.api.sse import Projection, stream
from antiphon.core.problems import Problem
from antiphon.core.replay import replay
from antiphon.core.response import TERMINAL, Response
from antiphon.core.wire import encode
from antiphon.runs.log import Cursor, RunLog, told_by


async def retrieve(house: House, exchange: Exchange, response_id: str) -> None:
    """`GET /responses/{id}`: a snapshot in any status, or with `stream=true` its events."""
    query = Query(exchange.scope["query_string"])
    query.include()
    after = query.number("starting_after", -1, 0)
    if query.flag("stream"):
        await streamed(house, exchange, response_id, [], after, obfuscated=query.flag("include_obfuscation"))
        return
    response = await snapshot(house, exchange, response_id)
    await exchange.answer(200, [JSON_TYPE], exchange.contract.response(response))


async def inputs(house: House, exchange: Exchange, response_id: str) -> None:
    """`GET /responses/{id}/input_items`: what the response was made from, inherited items included."""
    query = Query(exchange.scope["query_string"])
    query.include()
    page = await house.store.inputs(exchange.project, response_id, query.page())
    if page is None:
        raise missing(response_id)
    await exchange.answer(200, [JSON_TYPE], encode(envelope(page, exchange.contract)))


async def snapshot(house: House, exchange: Exchange, response_id: str) -> Response:
    """The response as it stands. Raises `Problem` 404."""
    run = house.runner.running(exchange.project, response_id)
    if run is not None and run.request.store and run.begun:
        return run.log.snapshot()
    response = await house.store.get(exchange.project, response_id)
    if response is None:
        raise missing(response_id)
    return response


async def streamed(
    house: House,
    exchange: Exchange,
    response_id: str,
    head: list[Header],
    after: int = -1,
    *,
    obfuscated: bool = False,
) -> None:
    """The response's events with numbers above `after`, then what follows, to the end.

    `obfuscated` pads each delta. Raises `Problem` 404, and 400 for an `after` on a response whose log is not kept
    any more.
    """
    run = house.runner.running(exchange.project, response_id)
    projection = Projection(exchange.contract, obfuscated)
    if run is not None and run.request.store:
        projection = Projection(exchange.contract, obfuscated, run.meter.timing)
        told = await stream(exchange, run.cursor(after), house.reading(head, projection), run.promise)
        if not told and run.refusal is not None:
            raise missing(response_id)
    else:
        log = await _kept_log(house, exchange, response_id, after)
        told = await stream(exchange, Cursor(log, after), house.reading(head, projection), _nothing)
    if not told:
        await house.reading(head, projection).empty(exchange)


async def _kept_log(house: House, exchange: Exchange, response_id: str, after: int) -> RunLog:
    response = await house.store.get(exchange.project, response_id)
    if response is None:
        raise missing(response_id)
    told = told_by(await house.store.log(exchange.project, response_id))
    if not told and response.status in TERMINAL:
        if after > 0:
            raise Problem(
                400,
                "invalid_value",
                "The events of this response are not kept (any more), so that it can only be streamed from the "
                "beginning. Leave 'starting_after' out.",
                param="starting_after",
            )
        log = RunLog(response)
        log.append(replay(response))
        log.show()
    else:
        log = RunLog(response, told)
    log.end()
    return log


def missing(response_id: str) -> Problem:
    """The refusal for a response that does not exist, or not for this project."""
    return Problem(404, None, f"Response with id '{response_id[:80]}' not found.")


def _nothing() -> None:
    """What has ended needs no promise."""
