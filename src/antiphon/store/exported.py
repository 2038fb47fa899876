"""What an export says: a line of JSON for each row, the same from every engine.

Knows nothing of how rows are kept.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from antiphon.core.accounts import Charge, Key, Limits, Project, Scope, Settlement, UsageSum
from antiphon.core.items import AnyItem
from antiphon.core.ports import Chunk, Conversation, Record
from antiphon.core.response import Response
from antiphon.core.templates import Template
from antiphon.core.wire import encode


class Line(Struct, kw_only=True, tag_field="kind", tag=lambda name: name.removesuffix("Line").lower()):
    """A line: `kind` says of what."""


class ProjectLine(Line):
    """The project itself."""

    project: Project


class KeyLine(Line, kw_only=True):
    """A key, without its digest."""

    id: str
    shown: str
    name: str
    project: str
    projects: tuple[str, ...]
    scope: Scope
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    limits: Limits


class ResponseLine(Line, kw_only=True):
    """A response, with its output, and the input of its own turn."""

    response: Response
    input: Sequence[AnyItem]
    follows: str | None
    expires_at: int | None


class EventsLine(Line, kw_only=True):
    """A part of a response's log, as it was told to its readers."""

    response_id: str
    events: list[Raw]


class ConversationLine(Line, kw_only=True):
    """A conversation, with its items."""

    conversation: Conversation
    items: Sequence[AnyItem]


class ItemLine(Line, kw_only=True):
    """An item that stands in no response and no conversation any more, but in the history of one."""

    item: AnyItem


class PromptLine(Line, kw_only=True):
    """A version of a prompt."""

    prompt: Template


class RecordLine(Line, kw_only=True):
    """What a request under an Idempotency-Key led to, without its fingerprint. `scope` is method and path."""

    scope: str
    key: str
    created_at: int
    response_id: str | None
    body: Raw | None


class UsageLine(Line, kw_only=True):
    """A ledger row, as `Charge` and `Settlement` have it. While its run goes on `status` is None, and tokens and cost
    are what was reserved."""

    response_id: str
    project: str
    key: str
    model: str
    opened_at: float
    status: str | None = None
    input_tokens: int
    cached_tokens: int = 0
    output_tokens: int
    reasoning_tokens: int = 0
    estimated: bool = False
    cost: float
    seconds: float = 0.0
    first_token: float | None = None


class SumLine(Line, kw_only=True):
    """Ledger rows of which an engine keeps only the sum."""

    usage: UsageSum


def line(row: Line) -> bytes:
    """The line, with LF at its end and none in it."""
    return encode(row) + b"\n"


def key_line(key: Key) -> KeyLine:
    """What is told of a key."""
    told = msgspec.structs.asdict(key)
    return KeyLine(**{field: told[field] for field in KeyLine.__struct_fields__})


def events_line(response_id: str, chunk: Chunk) -> EventsLine:
    """What is told of a chunk."""
    return EventsLine(response_id=response_id, events=[Raw(event) for event in chunk.data.split(b"\n")])


def record_line(scope: str, key: str, record: Record) -> RecordLine:
    """What is told of a record."""
    body = Raw(record.body) if record.body else None  # empty: the answer was not kept
    return RecordLine(scope=scope, key=key, created_at=record.created_at, response_id=record.response_id, body=body)


def usage_line(charge: Charge, settlement: Settlement | None) -> UsageLine:
    """What is told of a ledger row."""
    told = msgspec.structs.asdict(charge) | ({} if settlement is None else msgspec.structs.asdict(settlement))
    return UsageLine(**{field: told[field] for field in UsageLine.__struct_fields__ if field in told})
