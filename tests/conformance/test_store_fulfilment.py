"""A response that begins under an idempotency key fulfils its record in the same commit."""

import pytest
from msgspec.structs import replace

from antiphon.core.ports import Record, Store
from tests.store.made import P, begun

pytestmark = pytest.mark.anyio

PLACE = ("POST /v1/responses", "key-1")


async def test_an_opening_fulfils_its_record(store: Store) -> None:
    record = Record(b"print", 1_800_000_000)
    assert await store.reserve(P, *PLACE, record) is None
    opening = replace(begun(), record=PLACE)
    await store.open(opening)
    known = await store.reserve(P, *PLACE, Record(b"other", 1_800_000_001))
    assert known == Record(b"print", 1_800_000_000, opening.response.id)


async def test_an_opening_without_a_record_touches_none(store: Store) -> None:
    await store.reserve(P, *PLACE, Record(b"print", 1_800_000_000))
    await store.open(begun())
    await store.open(replace(begun("2"), record=(PLACE[0], "key-2")))
    assert await store.reserve(P, *PLACE, Record(b"print", 1)) == Record(b"print", 1_800_000_000)
    assert await store.reserve("another", *PLACE, Record(b"print", 1)) is None
