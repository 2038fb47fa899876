"""`POST /chat/completions`: the sibling of `POST /responses` that keeps nothing (protocol §11).

Knows nothing of how a body is read or an answer is told: it is a run like any other, read in another shape.
"""

from collections.abc import Sequence
from functools import partial

from msgspec import Struct

from antiphon.access.idempotency import Ticket
from antiphon.api.exchange import JSON_TYPE, Exchange
from antiphon.api.house import House
from antiphon.api.idempotent import claim, under
from antiphon.api.responses import attend, ignored_header, prepared, require_json
from antiphon.api.sse import padded, stream
from antiphon.contract.chat_answer import completion
from antiphon.contract.chat_chunks import Chunks
from antiphon.contract.chat_request import ChatAsk
from antiphon.contract.decode import parse
from antiphon.core.wire import encode
from antiphon.runs.log import Told
from antiphon.runs.run import Run


async def create(house: House, exchange: Exchange) -> None:
    """A completion, or with `stream` its chunks."""
    require_json(exchange)
    raw = await exchange.body(house.max_body)
    body = parse(raw)
    ticket = await claim(house, exchange, body)
    assert ticket is None or isinstance(ticket, Ticket), "an answer that is not kept is not given again"
    try:
        ask = exchange.contract.chat.take(body)
        with ask.places.told():
            run = await prepared(house, exchange, ask.request, len(raw), api="Chat Completions API")
    except BaseException:
        if ticket is not None:
            await ticket.refused()
        raise
    answering = attend(house, exchange, run, partial(_read, ask))
    with ask.places.told():
        await (answering if ticket is None else under(ticket, run, answering, unanswered=("failed", "cancelled")))


class _ChunkFrames(Struct, frozen=True):
    """Chunks as frames; `obfuscated` as in `sse.Projection`."""

    chunks: Chunks
    obfuscated: bool

    def frames(self, told: Sequence[Told]) -> bytes:
        """The frames of some events; empty where there is no chunk for them."""
        return b"".join([piece for one in told for data in self._data(one) for piece in (b"data: ", data, b"\n\n")])

    def _data(self, told: Told) -> list[bytes]:
        chunks = self.chunks.tell(told.event)
        return [padded(told.event, data) for data in chunks] if self.obfuscated else chunks


async def _read(ask: ChatAsk, house: House, exchange: Exchange, run: Run) -> None:
    head = [*ignored_header(ask.unheeded()), *exchange.contract.headers(exchange.id)]
    if run.request.stream:
        frames = _ChunkFrames(Chunks(ask), run.request.include_obfuscation)
        told = await stream(exchange, run.cursor(), house.reading(head, frames), run.promise)
        if not told and run.refusal is not None:
            raise run.refusal
        return
    answer = completion(await run.finished(), ask)
    await exchange.answer(200, [JSON_TYPE, *head], encode(answer))
