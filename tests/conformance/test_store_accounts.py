"""Keys and projects: what the `Roster` port says."""

import pytest
from msgspec.structs import replace

from antiphon.core.accounts import Budget, Limits
from antiphon.core.ports import Store
from tests.store.accounts import a_key, a_project

pytestmark = pytest.mark.anyio


async def test_the_default_project_is_there_and_nothing_is_keyed(store: Store) -> None:
    roll = await store.roll()
    assert [project.id for project in roll.projects] == ["default"]
    assert (list(roll.keys), roll.keyed) == ([], False)


async def test_what_was_kept_is_there_whole_and_what_is_kept_again_is_changed(store: Store) -> None:
    limits = Limits(requests_per_minute=1, requests_per_day=2, tokens_per_minute=3, concurrent_runs=4)
    project = a_project(
        archived_at=5,
        contract="openai",
        limits=limits,
        models={"m": limits},
        budget=Budget(soft=1.5, hard=2.0),
        log_content=True,
    )
    key = a_key(projects=("a", "b"), scope="read", expires_at=7, revoked_at=8, limits=limits, digest=b"\x00\xff")
    await store.keep_project(project)
    await store.keep_key(key)
    roll = await store.roll()
    assert project in roll.projects and list(roll.keys) == [key]
    await store.keep_project(replace(project, name="Geese", archived_at=None))
    await store.keep_key(replace(key, revoked_at=None, name="other"))
    roll = await store.roll()
    assert replace(project, name="Geese", archived_at=None) in roll.projects and len(roll.projects) == 2
    assert list(roll.keys) == [replace(key, revoked_at=None, name="other")]


async def test_every_change_is_another_version_and_a_use_is_not(store: Store) -> None:
    key, seen = a_key(), [store.version()]
    for change in (
        store.keep_key(key),
        store.keep_key(replace(key, revoked_at=1)),
        store.keep_project(a_project()),
        store.mark_keyed(),
    ):
        await change
        seen.append(store.version())
    assert len(set(seen)) == len(seen)
    await store.used(key.id, 9)
    await store.roll()
    assert store.version() == seen[-1]


async def test_a_quick_row_of_changes_is_never_the_same_version(store: Store) -> None:
    key, seen = a_key(), set()
    for _ in range(50):
        await store.keep_key(key)
        seen.add(store.version())
    assert len(seen) == 50


async def test_the_last_use_stays_whatever_a_key_is_kept_with(store: Store) -> None:
    key = a_key(last_used_at=5)
    await store.keep_key(key)
    assert [key.last_used_at for key in (await store.roll()).keys] == [None]
    await store.used(key.id, 77)
    await store.used("key_unknown", 78)
    await store.keep_key(replace(key, revoked_at=1))
    assert list((await store.roll()).keys) == [replace(key, revoked_at=1, last_used_at=77)]


async def test_it_is_keyed_from_the_first_key_on(store: Store) -> None:
    await store.keep_project(a_project())
    assert not (await store.roll()).keyed
    await store.keep_key(a_key(revoked_at=1))
    assert (await store.roll()).keyed


async def test_it_is_keyed_once_an_admin_key_was_configured(store: Store) -> None:
    await store.mark_keyed()
    await store.mark_keyed()
    roll = await store.roll()
    assert (roll.keyed, list(roll.keys)) == (True, [])
