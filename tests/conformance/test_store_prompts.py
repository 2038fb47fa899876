"""Prompts: what the `Templates` port says, on every engine."""

import asyncio

import pytest

from antiphon.core.ports import Store
from antiphon.core.templates import Template

pytestmark = pytest.mark.anyio


def version(number: int, prompt_id: str = "pmpt_1", text: str = "x") -> Template:
    return Template(id=prompt_id, version=number, created_at=number, name="n", fields={"instructions": text})


async def test_a_version_follows_the_newest_and_never_changes(store: Store) -> None:
    assert await store.keep_prompt("p", version(1))
    assert not await store.keep_prompt("p", version(1, text="other"))
    assert not await store.keep_prompt("p", version(3))
    assert not await store.keep_prompt("p", version(2, "pmpt_2"))
    assert await store.keep_prompt("p", version(2))
    assert await store.prompt("p", "pmpt_1", 1) == version(1)
    assert await store.prompt("p", "pmpt_1", None) == version(2)
    assert await store.prompt("p", "pmpt_1", 3) is None
    assert await store.prompt("p", "pmpt_1", 0) is None
    assert await store.prompt("p", "pmpt_2", None) is None
    assert await store.prompt_versions("p", "pmpt_1") == [version(2), version(1)]


async def test_of_two_at_once_one_is_kept(store: Store) -> None:
    await store.keep_prompt("p", version(1))
    kept = await asyncio.gather(*(store.keep_prompt("p", version(2, text=text)) for text in "ab"))
    assert sorted(kept) == [False, True]


async def test_the_newest_of_each_is_listed(store: Store) -> None:
    for number in range(1, 4):
        await store.keep_prompt("p", version(1, f"pmpt_{number}"))
    await store.keep_prompt("p", version(2, "pmpt_2"))
    assert await store.prompts("p") == [version(1, "pmpt_3"), version(2, "pmpt_2"), version(1)]


async def test_what_is_another_projects_is_not_there(store: Store) -> None:
    await store.keep_prompt("p", version(1))
    assert await store.prompt("q", "pmpt_1", None) is None
    assert await store.prompts("q") == [] and await store.prompt_versions("q", "pmpt_1") == []
    assert not await store.forget_prompt("q", "pmpt_1")
    assert await store.keep_prompt("q", version(1, text="theirs"))
    assert await store.prompt("p", "pmpt_1", None) == version(1)


async def test_what_is_forgotten_is_gone_with_every_version(store: Store) -> None:
    for number in (1, 2):
        await store.keep_prompt("p", version(number))
    assert await store.forget_prompt("p", "pmpt_1")
    assert not await store.forget_prompt("p", "pmpt_1")
    assert await store.prompt("p", "pmpt_1", 1) is None
    assert not await store.keep_prompt("p", version(3))
