"""What the store in memory keeps of a response and of a conversation.

Knows nothing of which rows there are.
"""

from collections.abc import Sequence

from msgspec import Struct

from antiphon.core.items import Item
from antiphon.core.ports import Chunk, Claim, Conversation, Page, PageQuery
from antiphon.core.response import Response
from antiphon.core.wire import decode_response
from antiphon.store.memory_turns import Kept, Turn
from antiphon.store.paging import choose
from antiphon.store.rules import told


class Row(Struct, eq=False):
    """A response that is kept, without its items. `lease_until` and the other times are unix seconds."""

    project: str
    id: str
    turn: Turn
    json: bytes
    background: bool
    follows: str | None
    conversation: str | None
    request: bytes | None
    expires_at: int | None
    position: int
    ended_at: float | None = None
    epoch: int = 0
    lease_until: float = 0.0
    chunks: list[Chunk] = []


class Held(Struct, eq=False):
    """A conversation that is kept: its items, each with the position at which it joined."""

    conversation: Conversation
    tip: int = 0
    items: list[tuple[int, Kept]] = []

    def kept(self) -> list[Kept]:
        """The items, oldest first."""
        return [kept for _, kept in self.items]


def response_of(row: Row) -> Response:
    """The response as it was kept last; of a run that goes on: with the output that its log tells."""
    response = decode_response(row.json)
    response.output = items_of(row.turn.outputs)
    return response if row.ended_at is not None else told(response, row.chunks)


def expired(row: Row, now: float) -> bool:
    """Whether a response does not exist any more, though it was not forgotten yet."""
    return row.ended_at is not None and row.expires_at is not None and row.expires_at <= now


def items_of(kept: Sequence[Kept]) -> list[Item]:
    """The items, each a value of its own."""
    return [one.item() for one in kept]


def page_of(kept: Sequence[Kept], query: PageQuery) -> Page:
    """A page of them."""
    places, more = choose([one.id for one in kept], query)
    return Page([kept[place].item() for place in places], more)


def claim_of(row: Row) -> Claim:
    """The run of a row, under an epoch of its own."""
    row.epoch += 1
    return Claim(
        project=row.project,
        response=decode_response(row.json),
        inputs=items_of(row.turn.inputs),
        follows=row.follows,
        conversation=row.conversation,
        request=row.request or b"",
        epoch=row.epoch,
        chunks=list(row.chunks),
    )
