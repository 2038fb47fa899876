"""The store in memory, for tests and `--ephemeral`: it forgets with the process, and before that the oldest.

Knows nothing of runs or of HTTP. It is the plain twin of the engines that keep: the same answers, the simplest way.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from antiphon.core.items import Item
from antiphon.core.ports import (
    Chunk,
    Claim,
    Conversation,
    Opening,
    Page,
    PageQuery,
    Record,
    StaleEpoch,
    StoreError,
)
from antiphon.core.problems import Problem
from antiphon.core.response import Response
from antiphon.core.wire import decode_response, pack
from antiphon.store.exported import (
    ConversationLine,
    ItemLine,
    Line,
    PromptLine,
    ResponseLine,
    events_line,
    line,
    record_line,
)
from antiphon.store.memory_accounts import MemoryRoster
from antiphon.store.memory_ledger import End, MemoryLedger
from antiphon.store.memory_prompts import MemoryTemplates
from antiphon.store.memory_rows import Held, Row, claim_of, expired, items_of, page_of, response_of
from antiphon.store.memory_turns import Items, Kept, Turn
from antiphon.store.rules import BATCH, JOINS, RECORD_LIFE, locked, no_conversation, no_parent


class MemoryStore(MemoryRoster, MemoryLedger, MemoryTemplates):
    """Keeps at most `capacity` responses: past that, the oldest that has ended goes, of the project that has most."""

    def __init__(self, capacity: int = 10_000, clock: Callable[[], float] = time.time) -> None:
        MemoryRoster.__init__(self, clock)
        MemoryLedger.__init__(self)
        MemoryTemplates.__init__(self)
        self._capacity = capacity
        self._clock = clock
        self._items = Items()
        self._rows: dict[tuple[str, str], Row] = {}
        self._running: dict[tuple[str, str], Row] = {}
        self._owned: dict[str, dict[str, Row]] = {}
        self._held: dict[tuple[str, str], Held] = {}
        self._records: dict[tuple[str, str, str], Record] = {}

    async def start(self) -> None:
        """Nothing to open; what is leased is so by nobody who lives."""
        for row in self._running.values():
            row.lease_until = 0

    async def stop(self) -> None:
        """Nothing to close."""

    async def backup(self, path: str) -> None:
        """Nothing to copy. Raises `StoreError`."""
        raise StoreError("This server keeps nothing on disk (--ephemeral); there is nothing to back up.")

    # Responses

    def open(self, opening: Opening) -> Awaitable[None]:
        """Keep a response that begins."""
        return _done(lambda: self._open(opening))

    def append(self, project: str, response_id: str, epoch: int, chunk: Chunk) -> Awaitable[None]:
        """Add to a response's log."""
        return _done(lambda: self._runs(project, response_id, epoch).chunks.append(chunk))

    def close(self, project: str, epoch: int, response: Response, chunk: Chunk | None) -> Awaitable[None]:
        """Keep the end."""
        return _done(lambda: self._close(project, epoch, response, chunk))

    async def get(self, project: str, response_id: str) -> Response | None:
        """The response as it was kept last, or None."""
        row = self._row(project, response_id)
        return None if row is None else response_of(row)

    async def history(self, project: str, response_id: str) -> list[Item] | None:
        """Every item up to and including that response's output."""
        row = self._row(project, response_id)
        return None if row is None else items_of([*row.turn.inherited(), *row.turn.inputs, *row.turn.outputs])

    async def inputs(self, project: str, response_id: str, query: PageQuery) -> Page | None:
        """A page of what that response was made from."""
        row = self._row(project, response_id)
        return None if row is None else page_of([*row.turn.inherited(), *row.turn.inputs], query)

    async def log(self, project: str, response_id: str) -> list[Chunk]:
        """The response's log."""
        row = self._row(project, response_id)
        return [] if row is None else list(row.chunks)

    async def item(self, project: str, item_id: str, within: str | None) -> Item | None:
        """The newest item of that outward id: in the thread of response `within`, else in the project."""
        row = None if within is None else self._row(project, within)
        found = None
        if row is not None:
            found = next((kept for kept in row.turn.newest_first() if kept.id == item_id), None)
        found = found or self._items.newest(project, item_id)
        return None if found is None else found.item()

    async def delete(self, project: str, response_id: str) -> bool:
        """Forget a response."""
        row = self._row(project, response_id)
        if row is not None:
            self._forget(row)
        return row is not None

    # Conversations

    async def create(self, project: str, conversation: Conversation, items: list[Item]) -> None:
        """Keep a conversation that begins with `items`."""
        held = Held(replace(conversation))
        held.items = [(0, kept) for kept in self._items.keep(project, items)]
        self._held[project, conversation.id] = held

    async def conversation(self, project: str, conversation_id: str) -> Conversation | None:
        """The conversation, or None."""
        held = self._held.get((project, conversation_id))
        return None if held is None else replace(held.conversation)

    async def update(self, project: str, conversation: Conversation) -> bool:
        """Keep other metadata."""
        held = self._held.get((project, conversation.id))
        if held is not None:
            held.conversation = replace(held.conversation, metadata=conversation.metadata)
        return held is not None

    async def forget(self, project: str, conversation_id: str) -> bool:
        """Delete a conversation."""
        return self._held.pop((project, conversation_id), None) is not None

    async def add(self, project: str, conversation_id: str, items: list[Item]) -> bool:
        """Append items."""
        held = self._held.get((project, conversation_id))
        if held is not None:
            held.tip += 1
            held.items += [(held.tip, kept) for kept in self._items.keep(project, items)]
        return held is not None

    async def turns(self, project: str, conversation_id: str) -> list[Item] | None:
        """Every item of the conversation."""
        held = self._held.get((project, conversation_id))
        return None if held is None else items_of(held.kept())

    async def items(self, project: str, conversation_id: str, query: PageQuery) -> Page | None:
        """A page of its items."""
        held = self._held.get((project, conversation_id))
        return None if held is None else page_of(held.kept(), query)

    async def remove(self, project: str, conversation_id: str, item_id: str) -> bool:
        """Take every item of that id out of the conversation."""
        held = self._held.get((project, conversation_id))
        if held is None:
            return False
        before = len(held.items)
        held.items = [(position, kept) for position, kept in held.items if kept.id != item_id]
        return len(held.items) < before

    # Queue

    async def claim(self, now: float, until: float, response_id: str | None) -> Claim | None:
        """The oldest background run that nobody holds, or the one of that id."""
        for row in self._running.values():
            if row.background and row.lease_until < now and response_id in (None, row.id):
                row.lease_until = until
                return claim_of(row)
        return None

    async def renew(self, project: str, response_id: str, epoch: int, until: float) -> None:
        """Hold on to a run."""
        self._runs(project, response_id, epoch).lease_until = until

    async def release(self, project: str, response_id: str, epoch: int) -> None:
        """Give a run back."""
        self._runs(project, response_id, epoch).lease_until = 0

    async def interrupted(self) -> list[Claim]:
        """Foreground runs in progress. After a start there are none: what was in memory is gone."""
        return [claim_of(row) for row in self._running.values() if not row.background]

    # Records

    async def reserve(self, project: str, scope: str, key: str, record: Record) -> Record | None:
        """Keep the record where none is; else give the one that is there."""
        found = self._records.get((project, scope, key))
        if found is not None and found.created_at > self._clock() - RECORD_LIFE:
            return replace(found)
        self._records[project, scope, key] = replace(record)
        return None

    async def fulfil(self, project: str, scope: str, key: str, record: Record) -> None:
        """Keep what the request led to."""
        self._records[project, scope, key] = replace(record)

    async def withdraw(self, project: str, scope: str, key: str) -> None:
        """Forget a record."""
        self._records.pop((project, scope, key), None)

    # Holdings

    async def export(self, project: str) -> AsyncIterator[bytes]:
        """Every row of a project as a line of JSON."""
        for one in list(self._lines(project)):
            yield line(one)

    async def purge(self, project: str) -> int:
        """Forget every row of a project, for good."""
        gone = self._purge_accounts(project) + self._purge_ledger(project) + self._purge_prompts(project)
        for row in list(self._owned.get(project, {}).values()):
            self._forget(row)
            gone += 1
        tables: list[dict[Any, Any]] = [self._held, self._records]
        for table in tables:
            keys = [key for key in table if key[0] == project]
            gone += len(keys)
            for key in keys:
                del table[key]
        return gone

    async def sweep(self, now: int, log_before: int) -> int:
        """Forget a small batch of what is past its time."""
        past = [row for row in self._rows.values() if expired(row, now)][:BATCH]
        for row in past:
            self._forget(row)
        ended = [row for row in self._rows.values() if row.ended_at is not None and row.ended_at < log_before]
        logs = [row for row in ended if row.chunks][:BATCH]
        for row in logs:
            row.chunks = []
        old = [key for key, record in self._records.items() if record.created_at <= now - RECORD_LIFE][:BATCH]
        for key in old:
            del self._records[key]
        return len(past) + len(logs) + len(old)

    def _lines(self, project: str) -> Iterator[Line]:
        yield from self._account_lines(project)
        shown: list[Kept] = []
        for row in self._owned.get(project, {}).values():
            response, turn = response_of(row), row.turn
            shown += [*turn.inputs, *turn.outputs]
            yield ResponseLine(
                response=response, input=items_of(turn.inputs), follows=row.follows, expires_at=row.expires_at
            )
            yield from (events_line(row.id, chunk) for chunk in row.chunks)
        for held in [held for (owner, _), held in self._held.items() if owner == project]:
            shown += held.kept()
            yield ConversationLine(conversation=held.conversation, items=items_of(held.kept()))
        known = {id(kept) for kept in shown}
        yield from (ItemLine(item=kept.item()) for kept in self._items.of(project) if id(kept) not in known)
        for (owner, scope, key), record in self._records.items():
            if owner == project:
                yield record_line(scope, key, record)
        yield from (PromptLine(prompt=one) for one in self._every(project))
        yield from self._ledger_lines(project)

    # What the ledger asks

    def _living(self, project: str, response_id: str) -> bool:
        return (project, response_id) in self._running

    def _ended(self, project: str, response_id: str) -> End | None:
        row = self._rows.get((project, response_id))
        return None if row is None or row.ended_at is None else End(decode_response(row.json), row.ended_at)

    def _row(self, project: str, response_id: str) -> Row | None:
        row = self._rows.get((project, response_id))
        return None if row is None or expired(row, self._clock()) else row

    def _runs(self, project: str, response_id: str, epoch: int) -> Row:
        row = self._running.get((project, response_id))
        if row is not None and row.epoch == epoch:
            return row
        del row  # or it would live as long as the exception
        raise StaleEpoch(response_id)

    def _open(self, opening: Opening) -> None:
        project, response = opening.project, opening.response
        before, position = self._before(opening)
        row = Row(
            project=project,
            id=response.id,
            turn=Turn(before, self._items.keep(project, opening.inputs)),
            json=pack(replace(response, output=[])),
            background=response.background,
            follows=opening.follows,
            conversation=opening.conversation,
            request=opening.request,
            expires_at=opening.expires_at,
            position=position,
        )
        self._rows[project, response.id] = self._running[project, response.id] = row
        self._owned.setdefault(project, {})[response.id] = row
        record = None if opening.record is None else self._records.get((project, *opening.record))
        if record is not None:
            record.response_id = response.id
        if len(self._rows) > self._capacity:
            self._make_room()

    def _make_room(self) -> None:
        """Forget the oldest that has ended, of the project that has most: nobody fills the memory of others."""
        most = max(self._owned.values(), key=len)
        oldest = next((row for row in most.values() if row.ended_at is not None), None)
        if oldest is not None:
            self._forget(oldest)

    def _before(self, opening: Opening) -> tuple[Turn | Sequence[Kept], int]:
        if opening.conversation is not None:
            held = self._held.get((opening.project, opening.conversation))
            if held is None:
                raise no_conversation(opening.conversation)
            runs = ((row.project, row.conversation) for row in self._running.values())
            if (opening.project, opening.conversation) in runs:
                raise locked(opening.conversation)
            held.tip += 1
            return held.kept(), held.tip
        if opening.follows is not None:
            parent = self._row(opening.project, opening.follows)
            if parent is None:
                raise no_parent(opening.follows)
            return parent.turn, 0
        return (), 0

    def _close(self, project: str, epoch: int, response: Response, chunk: Chunk | None) -> None:
        row = self._runs(project, response.id, epoch)
        row.turn.outputs = self._items.keep(project, response.output)
        row.json = pack(replace(response, output=[]))
        row.ended_at, row.request = self._clock(), None
        if chunk is not None:
            row.chunks.append(chunk)
        del self._running[project, row.id]
        held = None if row.conversation is None else self._held.get((project, row.conversation))
        if held is not None and response.status in JOINS:
            held.items += [(row.position, kept) for kept in [*row.turn.inputs, *row.turn.outputs]]
            held.items.sort(key=lambda entry: entry[0])

    def _forget(self, row: Row) -> None:
        del self._rows[row.project, row.id]
        del self._owned[row.project][row.id]
        self._running.pop((row.project, row.id), None)


def _done(write: Callable[[], None]) -> Awaitable[None]:
    """Do it now, in the order of the calls; whoever waits learns how it went."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    try:
        write()
        future.set_result(None)
    except (Problem, StaleEpoch) as refusal:
        future.set_exception(refusal.with_traceback(None))  # whose frames would hold on to what is deleted later
    return future
