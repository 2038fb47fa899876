"""`POST /responses`, its siblings that run nothing, and what ends a response (protocol §1, rows 1, 4, 5 and 7).

Knows nothing of models or stores: a request becomes a run, and an answer is a reading of its log.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from antiphon.access.idempotency import Replay, Ticket
from antiphon.api import retrieval
from antiphon.api.exchange import JSON_TYPE, Exchange, Header
from antiphon.api.house import House
from antiphon.api.idempotent import REPLAYED, claim, under
from antiphon.api.limits import reserve
from antiphon.api.models import offered
from antiphon.api.prompts import resolved
from antiphon.api.sse import Projection, stream
from antiphon.contract.decode import parse
from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.servers import HEADER, check_passed, named
from antiphon.core.wire import encode
from antiphon.runs.run import Run

_SERVERS = HEADER.encode()


async def create(house: House, exchange: Exchange) -> None:
    """`POST /responses`: the hot path, as plain ASGI."""
    require_json(exchange)
    raw = await exchange.body(house.max_body)
    if exchange.header(b"idempotency-key") is None and exchange.header(b"x-idempotency-key") is None:
        await _answer(house, exchange, await _prepared(house, exchange, raw))
        return
    body = parse(raw)
    ticket = await claim(house, exchange, body)
    if isinstance(ticket, Replay):
        await _again(house, exchange, ticket, body)
    elif ticket is not None:
        await _under_key(house, exchange, raw, ticket)


async def delete(house: House, exchange: Exchange, response_id: str) -> None:
    """`DELETE /responses/{id}`: what still runs is cancelled first (protocol §5.2)."""
    run = house.runner.running(exchange.project, response_id)
    if run is not None and run.request.store:
        await house.worker.cancel(run)
        await run.log.closed()
    if not await house.store.delete(exchange.project, response_id):
        raise retrieval.missing(response_id)
    await exchange.answer(200, [JSON_TYPE], encode({"id": response_id, "object": "response", "deleted": True}))


async def cancel(house: House, exchange: Exchange, response_id: str) -> None:
    """`POST /responses/{id}/cancel`: for background responses, as often as one likes."""
    run = house.runner.running(exchange.project, response_id)
    if run is not None and run.request.background:
        await house.worker.cancel(run)
        await run.log.closed()
    response = await retrieval.snapshot(house, exchange, response_id)
    if not response.background:
        raise Problem(400, None, "Cannot cancel a synchronous response.")
    await exchange.answer(200, [JSON_TYPE], exchange.contract.response(response))


async def input_tokens(house: House, exchange: Exchange) -> None:
    """`POST /responses/input_tokens`: counted, nothing is run."""
    require_json(exchange)
    default = next((info.id for info in house.models.list()), "")
    body = await resolved(house, exchange, await exchange.body(house.max_body))
    request = exchange.contract.measure(body, default)
    _offered(house, exchange, request.model)
    _follow(house, exchange, request)
    count = await house.prompting.count(request, exchange.project)
    told = {"object": "response.input_tokens", "input_tokens": count.tokens}
    if count.estimated:  # the standard has no word for it, and its clients pass over what they don't know
        told["estimated"] = True
    await exchange.answer(200, [JSON_TYPE], encode(told))


async def _prepared(house: House, exchange: Exchange, raw: bytes) -> Run:
    """The run that a body asks for, with its account. Raises `Problem`; then nothing is taken."""
    body = await resolved(house, exchange, raw)
    return await prepared(house, exchange, exchange.contract.read(body), len(body))


async def prepared(house: House, exchange: Exchange, request: Request, size: int, api: str = "Response API") -> Run:
    """The run of a request, whose body has `size` bytes, with its account. `api` is what the client calls the way that
    it came. Raises `Problem`; then nothing is taken."""
    _offered(house, exchange, request.model, api)
    _follow(house, exchange, request)
    run = house.runner.prepare(request, exchange.principal, exchange.id)
    await reserve(house, exchange, run, size)
    return run


def _offered(house: House, exchange: Exchange, model: str, api: str = "Response API") -> None:
    """Raises `Problem` 404 for a model that is not there, 400 for one that this contract does not offer."""
    if not offered(house.models.info(model), exchange):
        raise Problem(400, "unsupported_model", f"Unsupported model {model} on {api}", param="model")


def _follow(house: House, exchange: Exchange, request: Request) -> None:
    """Know which servers the call has passed. Raises `Problem` 508 where it comes back."""
    passed = exchange.header(_SERVERS)
    if passed is not None:
        request.passed = named(passed)
        check_passed(request.passed, house.server)


async def _answer(house: House, exchange: Exchange, run: Run) -> None:
    """Start a run and read it to its end, or say that it waits."""
    if not run.request.background:
        await attend(house, exchange, run, _read)
        return
    await house.runner.admit(run)
    await house.worker.submit(run)
    await _read(house, exchange, run)


Read = Callable[[House, Exchange, Run], Awaitable[None]]
"""Answers with a run, read to its end."""


async def attend(house: House, exchange: Exchange, run: Run, read: Read) -> None:
    """Start a foreground run and read it; it knows when its reader leaves."""
    run.joined()
    house.runner.start(run)
    watch = asyncio.ensure_future(exchange.receive())  # ends when the client leaves
    watch.add_done_callback(lambda _: run.left())
    try:
        await read(house, exchange, run)
    finally:
        watch.cancel()


async def _read(house: House, exchange: Exchange, run: Run) -> None:
    request = run.request
    head = exchange.contract.headers(exchange.id)
    if request.previous_response_id is None and request.conversation is None:
        head = [*ignored_header(request.ignored), *head]
    else:  # what came before may set something, which is known when it has been read
        exchange.tells = partial(_told_late, exchange, request)
    if request.stream:
        projection = Projection(exchange.contract, request.include_obfuscation, run.meter.timing)
        told = await stream(exchange, run.cursor(), house.reading(head, projection), run.promise)
        if not told and run.refusal is not None:
            raise run.refusal
        return
    response = run.log.snapshot() if request.background else await run.finished()
    await exchange.answer(200, [JSON_TYPE, *head], exchange.contract.response(response, run.meter.timing()))


async def _told_late(exchange: Exchange, request: Request) -> list[Header]:
    return [*exchange.told, *ignored_header(request.ignored)]


async def _under_key(house: House, exchange: Exchange, raw: bytes, ticket: Ticket) -> None:
    """Do the work of a key. The record follows the run, not this connection."""
    try:
        run = await _prepared(house, exchange, raw)
        run.record = ticket.record
        if run.request.background:
            await house.runner.admit(run)
    except BaseException:
        await ticket.refused()
        raise
    if run.request.background:
        ticket.over()
        await house.worker.submit(run)
        await _read(house, exchange, run)
        return
    await under(ticket, run, attend(house, exchange, run, _read))


async def _again(house: House, exchange: Exchange, replay: Replay, body: JSON) -> None:
    """Answer as before: the response as it stands, or its stream from the first event."""
    assert replay.response_id is not None, "a response's record has an id"
    if body.get("stream") is True:
        await retrieval.streamed(house, exchange, replay.response_id, [REPLAYED])
        return
    response = await retrieval.snapshot(house, exchange, replay.response_id)
    await exchange.answer(200, [JSON_TYPE, REPLAYED], exchange.contract.response(response))


def require_json(exchange: Exchange) -> None:
    """Raises `Problem` 415 for a body that does not say it is JSON."""
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
