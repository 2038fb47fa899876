"""Who a request comes from: keys, projects, and every way in which it may be refused."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.access.attempts import FAILURES, Attempts
from antiphon.access.directory import ADMIN, USED, Directory, Shown, allow
from antiphon.core.accounts import Limits, Principal, Project, Quota, Roll, Scope
from antiphon.core.problems import Problem
from tests.access.rosters import NOW, SECRET, Watched, key, over, project
from tests.store.made import Clock

pytestmark = pytest.mark.anyio


def bearer(text: str, **fields: Any) -> Shown:
    return Shown("10.0.0.1", f"Bearer {text}", **fields)


async def refused(directory: Directory, shown: Shown, contract: str | None = None) -> tuple[int, str | None]:
    with pytest.raises(Problem) as found:
        await directory.principal(shown, contract)
    return found.value.status, found.value.code


async def test_without_keys_everybody_is_the_default_project() -> None:
    directory = await over(Watched(), project("default", log_content=True), project("b"))
    assert not directory.keyed
    assert await directory.principal(Shown()) == Principal("default", log_content=True)
    assert await directory.principal(bearer("whatever", openai_project="proj_of_theirs")) == Principal(log_content=True)
    assert await directory.principal(Shown(project_id="b")) == Principal("b")
    assert await (await over(Watched())).principal(Shown()) == Principal()


async def test_a_key_says_who_asks_and_where() -> None:
    rows = project("a"), project("b", log_content=True), key("k", projects=("b",), scope="read")
    directory = await over(Watched(), *rows)
    assert directory.keyed
    assert await directory.principal(bearer("k")) == Principal("a", "key_k", "read")
    assert await directory.principal(Shown("", "bearer  k ")) == Principal("a", "key_k", "read")
    assert await directory.principal(Shown("", "Basic eA==", "k")) == Principal("a", "key_k", "read")
    for shown in (bearer("k", project_id="b"), bearer("k", openai_project="b", project_id="b")):
        assert await directory.principal(shown) == Principal("b", "key_k", "read", log_content=True)


async def test_the_bearer_goes_before_the_admin_header() -> None:
    directory = await over(Watched(), project("a"), key("k"), admin="root")
    assert await directory.principal(Shown("", "Bearer k", "root")) == Principal("a", "key_k", "responses")
    assert await refused(directory, Shown("", "Bearer wrong", "root")) == (401, "invalid_api_key")
    assert await directory.principal(Shown("", None, "root")) == Principal("default", ADMIN, "admin")


async def test_no_key_or_a_wrong_one_is_told_the_same_way() -> None:
    directory = await over(Watched(), project("a"), key("k"))
    for shown in (Shown(), bearer(""), bearer("wrong"), Shown("", "k"), Shown("", "Basic k"), Shown("", None, " ")):
        assert await refused(directory, shown) == (401, "invalid_api_key")


async def test_a_refusal_does_not_repeat_what_was_shown() -> None:
    directory = await over(Watched(), project("a"), key("k", revoked_at=1))
    for text in ("sk-guess", "k"):
        with pytest.raises(Problem) as found:
            await directory.principal(bearer(text))
        assert text not in found.value.message.split()


async def test_a_key_ends_when_it_expires() -> None:
    clock = Clock()
    directory = await over(Watched(), project("a"), key("k", expires_at=int(NOW) + 5), clock=clock)
    clock.now = NOW + 4.9
    await directory.principal(bearer("k"))
    clock.now = NOW + 5
    assert await refused(directory, bearer("k")) == (401, "invalid_api_key")


async def test_what_is_changed_by_anybody_works_on_the_next_request() -> None:
    roster = Watched()
    directory = await over(roster, project("a"), key("k"))
    await directory.principal(bearer("k"))
    await roster.write(key("k", revoked_at=5))
    assert await refused(directory, bearer("k")) == (401, "invalid_api_key")
    await roster.write(key("new", scope="admin"))
    assert (await directory.principal(bearer("new"))).scope == "admin"
    for _ in range(10):
        await directory.principal(bearer("new"))
    assert roster.reads == 3


async def test_a_change_while_the_roster_is_read_is_not_missed() -> None:
    class Slow(Watched):
        async def roll(self) -> Roll:
            found = await super().roll()
            if self.reads == 2:
                await self.write(key("k", revoked_at=5))  # read already, and too late for this reading
                await asyncio.sleep(0.01)
            return found

    roster = Slow()
    directory = await over(roster, project("a"), key("k"))
    await roster.write(key("other"))
    await asyncio.gather(*(directory.principal(bearer("other")) for _ in range(16)))
    assert await refused(directory, bearer("k")) == (401, "invalid_api_key")
    assert roster.reads == 3


async def test_a_server_that_had_an_admin_key_stays_keyed() -> None:
    roster = Watched()
    await over(roster, admin="root")
    later = await over(roster)
    assert later.keyed
    assert await refused(later, bearer("root")) == (401, "invalid_api_key")


async def test_while_the_roster_cannot_be_read_nobody_comes_in() -> None:
    class Broken(Watched):
        async def roll(self) -> Roll:
            raise Problem(503, "store_unavailable", "broken")

    clock = Clock()
    directory = Directory(Broken(), SECRET, None, Attempts(clock), clock)
    assert directory.keyed
    assert await refused(directory, Shown()) == (503, "store_unavailable")


@pytest.mark.parametrize(
    ("row", "shown", "contract", "expected"),
    [
        (project("b"), bearer("k", project_id="b"), None, (403, "project_not_allowed")),
        (project("b"), bearer("k", project_id="never"), None, (403, "project_not_allowed")),
        (project("b"), bearer("root", project_id="never"), None, (403, "project_not_allowed")),
        (project("b"), bearer("k", project_id="a", openai_project="b"), None, (400, "invalid_value")),
        (project("a", archived_at=5), bearer("k"), None, (403, "project_archived")),
        (project("a", contract="gateway"), bearer("k"), "openai", (400, "contract_not_allowed")),
    ],
)
async def test_a_project_that_may_not_be_used_here(
    row: Project, shown: Shown, contract: str | None, expected: tuple[int, str]
) -> None:
    directory = await over(Watched(), project("a"), row, key("k"), admin="root")
    assert await refused(directory, shown, contract) == expected


async def test_a_project_that_was_never_there_and_one_of_others_look_alike() -> None:
    directory = await over(Watched(), project("a"), project("b"), key("k"))
    told = []
    for name in ("b", "never"):
        with pytest.raises(Problem) as found:
            await directory.principal(bearer("k", project_id=name))
        told.append(found.value.message)
    assert told[0] == told[1]


async def test_a_contract_holds_only_where_one_is_asked_through() -> None:
    directory = await over(Watched(), project("a", contract="openai"), key("k"))
    for contract in ("openai", None):
        assert (await directory.principal(bearer("k"), contract)).project == "a"


async def test_an_admin_key_may_use_every_project() -> None:
    directory = await over(Watched(), project("a"), project("b"), key("k", scope="admin"), admin="root")
    assert await directory.principal(bearer("k", project_id="b")) == Principal("b", "key_k", "admin")
    assert await directory.principal(bearer("root", project_id="b")) == Principal("b", ADMIN, "admin")


async def test_who_guesses_keys_has_to_wait_and_who_has_one_goes_on() -> None:
    clock = Clock()
    directory = await over(Watched(), project("a"), key("k"), key("other"), clock=clock)
    await directory.principal(bearer("k"))
    for number in range(FAILURES):
        assert await refused(directory, bearer(f"guess{number}")) == (401, "invalid_api_key")
    assert await refused(directory, bearer("other")) == (429, "too_many_attempts")
    await directory.principal(bearer("k"))
    await directory.principal(Shown("10.0.0.2", "Bearer other"))
    assert await refused(directory, Shown("10.0.0.1")) == (401, "invalid_api_key")  # no key is no guess
    clock.now += 60
    await directory.principal(bearer("other"))


async def test_the_last_use_is_noted_once_a_minute() -> None:
    clock = Clock()
    roster = Watched()
    directory = await over(roster, project("a"), key("k"), clock=clock, admin="root")
    for step in (0, 1, USED - 2, 1, 5):
        clock.now += step
        await directory.principal(bearer("k"))
        await directory.principal(bearer("root"))
    await directory.stop()
    assert roster.notes == [("key_k", int(NOW)), ("key_k", int(NOW) + USED)]


async def test_a_use_that_cannot_be_noted_refuses_nobody() -> None:
    class Full(Watched):
        async def used(self, key_id: str, at: int) -> None:
            raise Problem(503, "store_unavailable", "full")

    directory = await over(Full(), project("a"), key("k"))
    await directory.principal(bearer("k"))
    await directory.stop()


async def test_the_quotas_of_key_project_and_model() -> None:
    few, some, many = Limits(requests_per_minute=1), Limits(requests_per_day=5), Limits(tokens_per_minute=9)
    before = project("a", limits=some, models={"m": many, "free": Limits()})
    roster = Watched()
    directory = await over(roster, before, key("k", limits=few), key("free"))
    asking = Principal("a", "key_k")
    assert directory.quotas(asking, "m") == [Quota("key_k", few), Quota("a", some), Quota("a/m", many)]
    for model in ("free", "other", None):
        assert directory.quotas(asking, model) == [Quota("key_k", few), Quota("a", some)]
    assert directory.quotas(Principal("a", "key_free"), "m") == [Quota("a", some), Quota("a/m", many)]
    assert directory.quotas(Principal(), "m") == []
    await roster.write(replace(before, limits=Limits(), models={}))
    await directory.refresh()
    assert directory.quotas(asking, "m") == [Quota("key_k", few)]
    assert directory.project("a") == project("a") and directory.project("never") is None


@pytest.mark.parametrize(
    ("scope", "reach"),
    [("read", ["read"]), ("responses", ["read", "responses"]), ("admin", ["read", "responses", "admin"])],
)
def test_what_a_scope_reaches(scope: Scope, reach: list[str]) -> None:
    everything: tuple[Scope, ...] = ("read", "responses", "admin")
    for needed in everything:
        if needed in reach:
            allow(Principal("a", "k", scope), needed)
            continue
        with pytest.raises(Problem) as found:
            allow(Principal("a", "k", scope), needed)
        assert found.value.status == 403 and scope in found.value.message
