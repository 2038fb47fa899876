"""Ports: what the rooms ask of one another (DESIGN §2).

Small Protocols, typed, without code. `app.py` alone knows who stands behind each.
"""

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from antiphon.core.accounts import Holdings, Ledger, Roster
from antiphon.core.deltas import Delta
from antiphon.core.items import JSON, Item
from antiphon.core.prices import Prices
from antiphon.core.prompt import Count, Prompt
from antiphon.core.request import Request
from antiphon.core.response import Response
from antiphon.core.signals import Signal
from antiphon.core.templates import Templates

Turn: TypeAlias = AsyncIterator[Sequence[Delta]]
"""What a model says in one turn, in batches as they come. `aclose()` stops the model within a second."""


class Model(Protocol):
    """Who speaks. `continues` says whether it can go on in the middle of a text (`Prompt.said`), `sees` whether it
    takes pictures, as data URLs."""

    continues: bool
    sees: bool

    def check(self, request: Request) -> list[str]:
        """Names of the request's parameters that this model will ignore (contracts §D, "N"). Raises `Problem` 400
        `unsupported_parameter` for what it can't honour and must not ignore ("R")."""
        ...

    async def count(self, prompt: Prompt) -> Count:
        """The tokens that the prompt takes, by the model's own tokenizer where it can be asked. Nothing is run."""
        ...

    async def open(self, prompt: Prompt) -> Turn:
        """Have the prompt accepted; what is said comes from the turn. With `max_output_tokens` 0 it is only read.

        Raises `Problem` where it is not accepted: too long (400 `context_length_exceeded`), no room
        to wait (503 with `retry_after`), the model gone (503). The turn may raise `Problem` too, for a
        model that breaks in the middle.
        """
        ...


class ModelInfo(Struct, frozen=True):
    """A model as `GET /v1/models` tells it, and what it costs. `context` is in tokens, 0 where unknown; `contracts`
    are the only ones that offer it, all where none is named."""

    id: str
    created: int
    owned_by: str
    context: int = 0
    prices: Prices = Prices()
    contracts: tuple[str, ...] = ()


class Readiness(Struct, frozen=True):
    """Whether requests can be answered; `detail` tells a person why not, or how far it is."""

    ready: bool
    detail: str = ""


class Served(Model, Protocol):
    """A model with a life: it starts with the server, tells how far it is, and stops with it."""

    def info(self) -> ModelInfo:
        """What `GET /v1/models` tells of it."""
        ...

    def readiness(self) -> Readiness:
        """Whether it can answer now."""
        ...

    async def start(self) -> None:
        """Begin to load; returns at once."""
        ...

    async def stop(self) -> None:
        """End whatever it runs."""
        ...


class Models(Protocol):
    """The models that are served, by name."""

    def get(self, name: str) -> Model:
        """The model of that name. Raises `Problem` 404 `model_not_found`."""
        ...

    def info(self, name: str) -> ModelInfo:
        """What is told of the model of that name, under its own id where the name is an alias. Raises as `get`."""
        ...

    def list(self) -> Sequence[ModelInfo]:
        """Every model that is served, the default first."""
        ...

    def readiness(self) -> Readiness:
        """Whether every model that loads in this process has loaded."""
        ...


class Opening(Struct):
    """A response that begins to be kept.

    inputs
        this turn's own input items, each with its id, references resolved.
    follows
        the response that it continues, or None. It takes the next position of that one's thread,
        or starts a fork where the position is taken (DESIGN §5).
    conversation
        the conversation that it belongs to, or None; never together with `follows`.
    request
        the canonical request's JSON (without its input), where the run may have to be done again.
    expires_at
        unix seconds, or None for ever.
    record
        scope and key of the idempotency record that this response fulfils, in the same commit; or None.
    """

    project: str
    response: Response
    inputs: list[Item]
    follows: str | None = None
    conversation: str | None = None
    request: bytes | None = None
    expires_at: int | None = None
    record: tuple[str, str] | None = None


class Chunk(Struct):
    """Consecutive events of a log: numbers `first` to `last`, each event's JSON on a line, LF between."""

    first: int
    last: int
    data: bytes


class Page(Struct):
    """A page of items, in the order asked for; `more` says whether others follow.

    An id stands once in a listing, where it stood last, so that `after` means one place."""

    items: list[Item]
    more: bool


class PageQuery(Struct, frozen=True):
    """Which page: at most `limit` items after the item with id `after`, `asc` or `desc`."""

    limit: int = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None


class Claim(Struct):
    """A background run that this process may carry on, under `epoch` until the lease ends."""

    project: str
    response: Response
    inputs: list[Item]
    follows: str | None
    conversation: str | None
    request: bytes
    epoch: int
    chunks: list[Chunk]


class Conversation(Struct, kw_only=True):
    """A conversation (protocol §1)."""

    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: JSON = {}


class StaleEpoch(Exception):
    """The run is no longer the writer's: taken over under a newer epoch, ended, or deleted. It has to stop."""


class StoreError(Exception):
    """The store cannot start: one sentence on what is wrong, and what to do."""


class Responses(Protocol):
    """The memory of responses. What belongs to another project, was deleted or has expired does not exist.

    The three writing calls return an awaitable that ends at their commit; commits are in the order of the calls.
    They raise `Problem` 503 where the store cannot write, `StaleEpoch` where the run was taken over.
    """

    def open(self, opening: Opening) -> Awaitable[None]:
        """Keep a response that begins, and its input. Its epoch is 0 until somebody claims it.

        Raises `Problem` 400 `previous_response_not_found` where what it follows is gone, 404 where its
        conversation is, and 400 `conversation_locked` while another response of that conversation runs.
        """
        ...

    def append(self, project: str, response_id: str, epoch: int, chunk: Chunk) -> Awaitable[None]:
        """Add to a response's log."""
        ...

    def close(self, project: str, epoch: int, response: Response, chunk: Chunk | None) -> Awaitable[None]:
        """Keep the end: the response with its output, and the last of its log in the same commit.

        A completed or incomplete response joins the conversation that it belongs to.
        """
        ...

    async def get(self, project: str, response_id: str) -> Response | None:
        """The response as it was kept last, or None; of a background run that goes on, with what its chunks tell."""
        ...

    async def history(self, project: str, response_id: str) -> list[Item] | None:
        """Every item up to and including that response's output, oldest first; None where there is none.

        Of a run that is still going on: all that it was made from, though what it follows be deleted.
        """
        ...

    async def inputs(self, project: str, response_id: str, query: PageQuery) -> Page | None:
        """A page of what that response was made from, inherited items included. None where there is no such
        response. Raises `Problem` 400 for an `after` that is not among them."""
        ...

    async def log(self, project: str, response_id: str) -> list[Chunk]:
        """The response's log, in order; empty where none is kept (any more)."""
        ...

    async def item(self, project: str, item_id: str, within: str | None) -> Item | None:
        """The newest item of that outward id: in the thread of response `within`, else in the project."""
        ...

    async def delete(self, project: str, response_id: str) -> bool:
        """Hide a response at once, and forget what only it reached. False where there was none."""
        ...


class Conversations(Protocol):
    """The memory of conversations, under the same rules."""

    async def create(self, project: str, conversation: Conversation, items: list[Item]) -> None:
        """Keep a conversation that begins with `items`."""
        ...

    async def conversation(self, project: str, conversation_id: str) -> Conversation | None:
        """The conversation, or None."""
        ...

    async def update(self, project: str, conversation: Conversation) -> bool:
        """Keep other metadata. False where there is no such conversation."""
        ...

    async def forget(self, project: str, conversation_id: str) -> bool:
        """Delete a conversation; its responses keep what they reach. False where there was none."""
        ...

    async def add(self, project: str, conversation_id: str, items: list[Item]) -> bool:
        """Append items. False where there is no such conversation."""
        ...

    async def turns(self, project: str, conversation_id: str) -> list[Item] | None:
        """Every item of the conversation, oldest first; None where there is no such conversation."""
        ...

    async def items(self, project: str, conversation_id: str, query: PageQuery) -> Page | None:
        """A page of its items; None where there is none. Raises `Problem` 400 for an `after` not among them."""
        ...

    async def remove(self, project: str, conversation_id: str, item_id: str) -> bool:
        """Take every item of that id out of the conversation; responses that saw it keep it.
        False where it is not there."""
        ...


class Queue(Protocol):
    """Background runs that wait, under leases (DESIGN §4)."""

    async def claim(self, now: float, until: float, response_id: str | None) -> Claim | None:
        """The oldest background run, or the one of that id, that is queued or in progress without a lease that
        lasts beyond `now`; its epoch grows by one and its lease runs until `until` (unix seconds)."""
        ...

    async def renew(self, project: str, response_id: str, epoch: int, until: float) -> None:
        """Hold on to a run. Raises `StaleEpoch` where it was taken over."""
        ...

    async def release(self, project: str, response_id: str, epoch: int) -> None:
        """Give a run back: whoever claims next may have it at once."""
        ...

    async def interrupted(self) -> list[Claim]:
        """At start: foreground runs that a dead process left in progress, each claimed so that it can be ended."""
        ...


class Record(Struct):
    """What is kept of a request under an Idempotency-Key: its fingerprint, and what it led to.

    `response_id` is None until a response was kept, and for ever with `store:false`; `body` is the
    answer itself where it is not a response (conversations)."""

    fingerprint: bytes
    created_at: int
    response_id: str | None = None
    body: bytes | None = None


class Records(Protocol):
    """The memory of idempotency keys (protocol §6.2). `scope` is method and path."""

    async def reserve(self, project: str, scope: str, key: str, record: Record) -> Record | None:
        """Keep the record where none is, committed before this returns; else give the one that is there."""
        ...

    async def fulfil(self, project: str, scope: str, key: str, record: Record) -> None:
        """Keep what the request led to."""
        ...

    async def withdraw(self, project: str, scope: str, key: str) -> None:
        """Forget a record whose request was refused before it began."""
        ...


class Store(Responses, Conversations, Queue, Records, Templates, Roster, Ledger, Holdings, Protocol):
    """An engine that keeps everything."""

    async def start(self) -> None:
        """Open what is on disk, bring it up to date. Raises `StoreError`."""
        ...

    async def stop(self) -> None:
        """Write what waits, and close."""
        ...

    async def sweep(self, now: int, log_before: int) -> int:
        """Forget a small batch of what expired before `now`, of logs that ended before `log_before` and of
        records older than a day; says how many went, 0 when nothing was left to do."""
        ...

    async def backup(self, path: str) -> None:
        """Write a consistent copy to a file, while running."""
        ...


class Sealer(Protocol):
    """Makes blobs that a client carries and can neither read nor change (protocol §8.6)."""

    def seal(self, project: str, kind: str, plaintext: bytes) -> str:
        """A blob that opens for the same project and kind only."""
        ...

    def open(self, project: str, kind: str, text: str, *, param: str) -> bytes:
        """What was sealed. Raises `Problem` 400 `invalid_encrypted_content` at `param` for any other text."""
        ...


class Fetched(Struct, frozen=True):
    """What stood at an address: the media type that its server gave ("" for none), and where it was in the end."""

    content_type: str
    data: bytes
    url: str


class Fetcher(Protocol):
    """Fetches what a request gives the address of."""

    async def fetch(self, url: str, wanted: Literal["image", "file"], *, param: str) -> Fetched:
        """What stands there. Raises `Problem` 400 at `param`, with the codes of protocol §3.1 for images."""
        ...


class Attachments(Protocol):
    """Files and pictures of items, as a model is to see them; `place` is where the items stand in the request."""

    async def files_as_text(self, items: list[Item], place: str) -> list[Item]:
        """The items with every file as text. Raises `Problem` 400."""
        ...

    async def pictures_at_hand(self, items: list[Item], place: str) -> list[Item]:
        """The items with every picture checked, and as a data URL. Raises `Problem` 400."""
        ...


class Telemetry(Protocol):
    """Where the server tells of itself: one call, whatever listens."""

    def __call__(self, signal: Signal) -> None:
        """Take a signal. Never raises, never blocks."""
        ...
