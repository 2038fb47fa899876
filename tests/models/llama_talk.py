"""What the tests of the embedded model say to it, and how they wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from antiphon.core.deltas import Delta, Stop, TextDelta, UsageDelta
from antiphon.core.items import InputText, Item, Message, OutputText
from antiphon.core.ports import Model, Turn
from antiphon.core.prompt import Prompt, Sampling

PATIENCE = 30.0  # seconds: a bound on what hangs, not a claim on speed


def user(text: str) -> Message:
    return Message(role="user", content=[InputText(text)])


def assistant(text: str) -> Message:
    return Message(role="assistant", content=[OutputText(text)])


def prompt(
    *items: Item | str, bound: int = 16, temperature: float | None = 0.0, top_logprobs: int | None = None
) -> Prompt:
    return Prompt(
        model="small",
        items=[user(item) if isinstance(item, str) else item for item in items],
        sampling=Sampling(max_output_tokens=bound, temperature=temperature, top_logprobs=top_logprobs),
    )


async def all_of(turn: Turn) -> list[Delta]:
    return [delta async for batch in turn for delta in batch]


async def answer(model: Model, asked: Prompt) -> tuple[str, UsageDelta, str]:
    """The text, the usage and the reason of stopping."""
    *texts, usage, stop = await all_of(await model.open(asked))
    assert isinstance(usage, UsageDelta) and isinstance(stop, Stop)
    return text_of(texts), usage, stop.reason


def text_of(deltas: list[Delta]) -> str:
    assert all(isinstance(delta, TextDelta) for delta in deltas)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds. Raises `AssertionError` where it doesn't come to."""
    end = time.monotonic() + PATIENCE
    while not await holds():
        assert time.monotonic() < end, "it never came to hold"
        await asyncio.sleep(0.01)
