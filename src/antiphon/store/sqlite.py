"""The store in SQLite, in a folder of the user's: one thread writes, others read (DESIGN §5).

Knows nothing of runs or of HTTP. What each call does stands in `sqlite_responses`, `sqlite_conversations`,
`sqlite_queue` and `sqlite_retention`; accounts, and how it is read, in `sqlite_books`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from antiphon.core.items import Item
from antiphon.core.ports import Chunk, Claim, Conversation, Opening, Page, PageQuery, Record
from antiphon.core.response import Response
from antiphon.core.templates import Template
from antiphon.core.wire import pack
from antiphon.store import sqlite_conversations as conversations
from antiphon.store import sqlite_holdings as holdings
from antiphon.store import sqlite_prompts as prompts
from antiphon.store import sqlite_queue as runs
from antiphon.store import sqlite_responses as responses
from antiphon.store import sqlite_retention as retention
from antiphon.store.rules import JOINS, outward
from antiphon.store.sqlite_books import SqliteBooks
from antiphon.store.sqlite_folder import Lock, copy
from antiphon.store.sqlite_responses import Begun, Ended
from antiphon.store.sqlite_threads import Named


class SqliteStore(SqliteBooks):
    """Keeps everything in `folder`, which is made where it is missing. `clock` gives unix seconds."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(folder, clock)
        self._lock: Lock | None = None

    async def start(self) -> None:
        """Lock the folder, open the database, bring it up to date. Raises `StoreError`."""
        lock = Lock(self._folder)
        try:
            await self._open()
            await self._submit(runs.unhold)
        except BaseException:
            await super().stop()
            lock.release()
            raise
        self._lock = lock

    async def stop(self) -> None:
        """Write what waits, and close."""
        await super().stop()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    async def backup(self, path: str) -> None:
        """Write a consistent copy to a file, while running. Raises `StoreError`."""
        await asyncio.to_thread(copy, self._folder, Path(path))

    # Responses

    def open(self, opening: Opening) -> Awaitable[None]:
        """Keep a response that begins."""
        response = opening.response
        begun = Begun(
            project=opening.project,
            id=response.id,
            body=_body(response),
            inputs=_named(opening.inputs),
            background=response.background,
            follows=opening.follows,
            conversation=opening.conversation,
            request=opening.request,
            expires_at=opening.expires_at,
            record=opening.record,
        )
        return self._submit(responses.open_, begun)

    def append(self, project: str, response_id: str, epoch: int, chunk: Chunk) -> Awaitable[None]:
        """Add to a response's log."""
        return self._submit(responses.append, project, response_id, epoch, chunk)

    def close(self, project: str, epoch: int, response: Response, chunk: Chunk | None) -> Awaitable[None]:
        """Keep the end."""
        joins = response.status in JOINS
        ended = Ended(project, response.id, epoch, _body(response), _named(response.output), joins, chunk)
        return self._submit(responses.close, ended)

    async def get(self, project: str, response_id: str) -> Response | None:
        """The response as it was kept last, or None."""
        return await self._read(responses.get, project, response_id, self._clock())

    async def history(self, project: str, response_id: str) -> list[Item] | None:
        """Every item up to and including that response's output."""
        return await self._read(responses.history, project, response_id, self._clock())

    async def inputs(self, project: str, response_id: str, query: PageQuery) -> Page | None:
        """A page of what that response was made from."""
        return await self._read(responses.inputs, project, response_id, query, self._clock())

    async def log(self, project: str, response_id: str) -> list[Chunk]:
        """The response's log."""
        return await self._read(responses.log, project, response_id, self._clock())

    async def item(self, project: str, item_id: str, within: str | None) -> Item | None:
        """The newest item of that outward id: in the thread of response `within`, else in the project."""
        return await self._read(responses.item, project, item_id, within, self._clock())

    async def delete(self, project: str, response_id: str) -> bool:
        """Forget a response, and what only it reached."""
        return await self._submit(responses.delete, project, response_id)

    # Conversations

    async def create(self, project: str, conversation: Conversation, items: list[Item]) -> None:
        """Keep a conversation that begins with `items`."""
        await self._submit(conversations.create, project, conversation, _named(items))

    async def conversation(self, project: str, conversation_id: str) -> Conversation | None:
        """The conversation, or None."""
        return await self._read(conversations.conversation, project, conversation_id)

    async def update(self, project: str, conversation: Conversation) -> bool:
        """Keep other metadata."""
        return await self._submit(conversations.update, project, conversation)

    async def forget(self, project: str, conversation_id: str) -> bool:
        """Delete a conversation, and what only it reached."""
        return await self._submit(conversations.forget, project, conversation_id)

    async def add(self, project: str, conversation_id: str, items: list[Item]) -> bool:
        """Append items."""
        return await self._submit(conversations.add, project, conversation_id, _named(items))

    async def turns(self, project: str, conversation_id: str) -> list[Item] | None:
        """Every item of the conversation."""
        return await self._read(conversations.turns, project, conversation_id)

    async def items(self, project: str, conversation_id: str, query: PageQuery) -> Page | None:
        """A page of its items."""
        return await self._read(conversations.items, project, conversation_id, query)

    async def remove(self, project: str, conversation_id: str, item_id: str) -> bool:
        """Take every item of that id out of the conversation."""
        return await self._submit(conversations.remove, project, conversation_id, item_id)

    # Queue

    async def claim(self, now: float, until: float, response_id: str | None) -> Claim | None:
        """The oldest background run that nobody holds, or the one of that id."""
        return await self._submit(runs.claim, now, until, response_id)

    async def renew(self, project: str, response_id: str, epoch: int, until: float) -> None:
        """Hold on to a run."""
        await self._submit(runs.lease, project, response_id, epoch, until)

    async def release(self, project: str, response_id: str, epoch: int) -> None:
        """Give a run back."""
        await self._submit(runs.lease, project, response_id, epoch, 0)

    async def interrupted(self) -> list[Claim]:
        """Foreground runs that a dead process left in progress."""
        return await self._submit(runs.interrupted)

    # Records

    async def reserve(self, project: str, scope: str, key: str, record: Record) -> Record | None:
        """Keep the record where none is; else give the one that is there."""
        return await self._submit(retention.reserve, project, scope, key, record)

    async def fulfil(self, project: str, scope: str, key: str, record: Record) -> None:
        """Keep what the request led to."""
        await self._submit(retention.keep, project, scope, key, record)

    async def withdraw(self, project: str, scope: str, key: str) -> None:
        """Forget a record."""
        await self._submit(retention.withdraw, project, scope, key)

    # Prompts

    async def keep_prompt(self, project: str, template: Template) -> bool:
        """Keep a version."""
        return await self._submit(prompts.keep, project, template)

    async def prompt(self, project: str, prompt_id: str, version: int | None) -> Template | None:
        """That version, or the newest."""
        return await self._read(prompts.prompt, project, prompt_id, version)

    async def prompts(self, project: str) -> list[Template]:
        """The newest version of each."""
        return await self._read(prompts.newest, project)

    async def prompt_versions(self, project: str, prompt_id: str) -> list[Template]:
        """Every version, the newest first."""
        return await self._read(prompts.versions, project, prompt_id)

    async def forget_prompt(self, project: str, prompt_id: str) -> bool:
        """Forget every version."""
        return await self._submit(prompts.forget, project, prompt_id)

    # Holdings

    async def purge(self, project: str) -> int:
        """Forget every row of a project, and write the database anew, so that nothing of it is left in any page."""
        gone = await self._change(holdings.purge, project)
        await self._writer.rebuild()
        return gone

    async def sweep(self, now: int, log_before: int) -> int:
        """Forget a small batch of what is past its time."""
        return await self._submit(retention.sweep, now, log_before)


def _body(response: Response) -> bytes:
    """The response's JSON without its output, which is kept as items."""
    return pack(replace(response, output=[]))


def _named(items: list[Item]) -> list[Named]:
    return [Named(outward(item), pack(item)) for item in items]
