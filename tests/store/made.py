"""Turns, made short: what tests of the store put into it."""

import asyncio
from itertools import count
from typing import Any

from msgspec.structs import replace

from antiphon.core.events import OutputItemAdded, OutputItemDone, ResponseCreated, ResponseInProgress
from antiphon.core.items import InputText, Item, Message, OutputText
from antiphon.core.ports import Chunk, Conversation, Opening, Store
from antiphon.core.response import Response, Status, Usage
from antiphon.core.wire import encode

P = "project"
_number = count(1)


class Clock:
    """The time, which stands still unless somebody moves it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def new(prefix: str) -> str:
    return f"{prefix}_{next(_number):08}"


def user(text: str, id: str | None = None) -> Message:
    return Message(id=id or new("msg"), role="user", content=[InputText(text)])


def assistant(text: str) -> Message:
    return Message(id=new("msg"), role="assistant", content=[OutputText(text)])


def begun(text: str | list[Item] = "hi", **fields: Any) -> Opening:
    """A turn that begins; `fields` are those of `Opening`, and `background`."""
    background = fields.pop("background", False)
    status: Status = "queued" if background else "in_progress"
    response = Response(id=new("resp"), created_at=1_000_000, model="m", background=background, status=status)
    inputs: list[Item] = [user(text)] if isinstance(text, str) else text
    return Opening(fields.pop("project", P), response, inputs, **fields)


def ended(opening: Opening, text: str | list[Item] = "hello", status: Status = "completed") -> Response:
    output: list[Item] = [assistant(text)] if isinstance(text, str) else text
    return replace(opening.response, status=status, output=output, usage=Usage(1, total_tokens=1))


async def turn(
    store: Store,
    text: str | list[Item] = "hi",
    answer: str | list[Item] = "hello",
    status: Status = "completed",
    **fields: Any,
) -> str:
    """Keep a whole turn; gives its response's id."""
    opening = begun(text, **fields)
    opened = store.open(opening)
    closed = store.close(opening.project, 0, ended(opening, answer, status), None)
    await asyncio.gather(opened, closed)
    return opening.response.id


def chunk(first: int, *events: Any) -> Chunk:
    return Chunk(first, first + len(events) - 1, b"\n".join(encode(event) for event in events))


def beginning(response: Response) -> list[Any]:
    """The first two events of a log."""
    running = replace(response, status="in_progress")
    return [
        ResponseCreated(sequence_number=0, response=response),
        ResponseInProgress(sequence_number=1, response=running),
    ]


def told(first: int, text: str) -> list[Any]:
    """The events of an item that is added and done."""
    item = assistant(text)
    empty = replace(item, status="in_progress", content=[])
    return [
        OutputItemAdded(sequence_number=first, output_index=0, item=empty),
        OutputItemDone(sequence_number=first + 1, output_index=0, item=item),
    ]


async def talk(store: Store, *items: str) -> str:
    """A conversation that begins with these texts."""
    conversation = Conversation(id=new("conv"), created_at=1_000_000, metadata={"topic": "ducks"})
    await store.create(P, conversation, [user(text) for text in items])
    return conversation.id


def texts(items: list[Item] | None) -> list[str]:
    """What the messages say, in order."""
    assert items is not None
    return [item.content[0].text for item in items if isinstance(item, Message)]  # type: ignore[union-attr]  # text parts only
