"""All that is kept of one project: told and forgotten as a whole, what the `Holdings` port says."""

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.core.accounts import UsageQuery
from antiphon.core.items import Passed
from antiphon.core.ports import Conversation, Opening, PageQuery, Record, StaleEpoch, Store
from antiphon.core.templates import Template
from antiphon.core.wire import pack
from tests.store.accounts import a_key, a_project, charged, settled
from tests.store.made import Clock, beginning, begun, chunk, ended, new, texts, told, turn, user

pytestmark = pytest.mark.anyio

EVER = UsageQuery(start=0, end=1e12, width=0)


async def exported(store: Store, project: str) -> list[dict[str, Any]]:
    lines = [line async for line in store.export(project)]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


async def filled(store: Store, project: str, text: str = "said") -> Opening:
    """A row of every kind, each with the text where there is room for it; gives a run that goes on."""
    await store.keep_project(a_project(id=project, name=text))
    await store.keep_key(a_key(project=project, name=text))
    conversation = Conversation(id=new("conv"), created_at=1, metadata={"m": text})
    await store.create(project, conversation, [user(text)])
    await turn(store, text, text, project=project, conversation=conversation.id)
    root = await turn(store, text, text, project=project)
    empty = await turn(store, [], [], project=project, follows=root)
    child = await turn(store, text, [Passed({"type": "web_search_call", "id": new("ws"), "q": text})], project=project)
    await turn(store, text, text, project=project, follows=root)
    await turn(store, text, text, project=project, follows=empty)
    await turn(store, text, text, project=project, follows=child, expires_at=2_000_000)
    for gone in (root, empty):
        await store.delete(project, gone)
    record = Record(text.encode(), 1_000_000, body=pack({"said": text}))
    await store.reserve(project, "POST /v1/conversations", text, record)
    for version in (1, 2):
        draft = Template(id="pmpt_1", version=version, created_at=1, name=text, fields={"instructions": text})
        await store.keep_prompt(project, draft)
    await store.charge(charged(child, project=project, model=text))
    await store.settle(project, settled(child))
    running = begun(text, project=project, background=True, request=pack({"said": text}))
    name = running.response.id
    running.response.metadata = {"m": text}
    await store.charge(charged(name, project=project, key=text))
    await store.open(running)
    await store.append(project, name, 0, chunk(0, *beginning(running.response)))
    await store.append(project, name, 0, chunk(2, *told(2, text)))
    return running


async def test_every_kind_of_row_is_told(store: Store) -> None:
    run = await filled(store, "p")
    await filled(store, "q")
    rows = await exported(store, "p")
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in {row["kind"] for row in rows}}
    assert {kind: len(rows) for kind, rows in kinds.items()} == {
        "project": 1,
        "key": 1,
        "response": 6,
        "events": 2,
        "conversation": 1,
        "item": 2,
        "record": 1,
        "prompt": 2,
        "usage": 2,
    }
    assert kinds["project"][0]["project"]["name"] == "said"
    assert kinds["key"][0]["shown"] == "sk-12345…"
    goes_on = kinds["response"][-1]
    assert goes_on["response"]["id"] == run.response.id and goes_on["response"]["metadata"] == {"m": "said"}
    assert goes_on["input"][0]["content"][0]["text"] == goes_on["response"]["output"][0]["content"][0]["text"] == "said"
    assert {row["expires_at"] for row in kinds["response"]} == {None, 2_000_000}
    assert [row["events"][0]["type"] for row in kinds["events"]] == ["response.created", "response.output_item.added"]
    talk = kinds["conversation"][0]
    assert talk["conversation"]["metadata"] == {"m": "said"} and len(talk["items"]) == 3
    assert {row["item"]["role"] for row in kinds["item"]} == {"user", "assistant"}  # of the root, which was deleted
    assert (kinds["record"][0]["key"], kinds["record"][0]["body"]) == ("said", {"said": "said"})
    assert [row["prompt"]["version"] for row in kinds["prompt"]] == [1, 2]
    assert kinds["prompt"][0]["prompt"]["fields"] == {"instructions": "said"}
    assert {(row["status"], row["model"], row["output_tokens"]) for row in kinds["usage"]} == {
        ("completed", "said", 20),
        (None, "m", 100),
    }


async def test_no_digest_is_told(store: Store) -> None:
    await store.keep_key(a_key(project="p", digest=b"digest-of-a-key"))
    await store.reserve("p", "s", "k", Record(b"fingerprint-of-a-body", 1_000_000))
    rows = await exported(store, "p")
    assert [row["kind"] for row in rows] == ["key", "record"]
    assert not any({"digest", "fingerprint"} & row.keys() for row in rows)


async def test_of_a_project_that_is_not_there_nothing_is_told(store: Store) -> None:
    await filled(store, "p")
    assert await exported(store, "unknown") == []
    assert await store.purge("unknown") == 0
    assert [row["kind"] for row in await exported(store, "default")] == ["project"]


async def test_what_has_expired_and_is_still_kept_is_told(store: Store, clock: Clock) -> None:
    await turn(store, project="p", expires_at=int(clock.now) + 1)
    clock.now += 5
    assert [row["kind"] for row in await exported(store, "p")] == ["response"]
    await store.sweep(int(clock.now), 0)
    assert await exported(store, "p") == []


async def test_a_line_ends_nowhere_but_at_its_end(store: Store) -> None:
    await turn(store, "a\u2028b\nc\u0085d", project="p")
    [line] = [line async for line in store.export("p")]
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line)["input"][0]["content"][0]["text"] == "a\u2028b\nc\u0085d"


async def test_many_rows_are_all_told(store: Store) -> None:
    await asyncio.gather(*(turn(store, f"{number}", project="p") for number in range(350)))
    rows = await exported(store, "p")
    assert {row["input"][0]["content"][0]["text"] for row in rows} == {f"{number}" for number in range(350)}


async def test_a_purge_leaves_nothing_of_a_project_and_all_of_the_others(store: Store) -> None:
    run = await filled(store, "p")
    await filled(store, "q")
    before = await exported(store, "q")
    usage = await store.usage(replace(EVER, by=("project",)))
    assert [one.project for one in usage] == ["p", "q"]
    assert await store.purge("p") > 10
    assert await exported(store, "p") == [] and await store.purge("p") == 0
    assert await exported(store, "q") == before
    assert await store.usage(replace(EVER, by=("project",))) == usage[1:]
    roll = await store.roll()
    assert [project.id for project in roll.projects] == ["default", "q"]
    assert [key.project for key in roll.keys] == ["q"]
    assert await store.get("p", run.response.id) is None
    with pytest.raises(StaleEpoch):
        await store.close("p", 0, ended(run), None)
    claim = await store.claim(1.0, 2.0, None)
    assert claim is not None and claim.project == "q" and await store.claim(1.0, 3.0, None) is None
    assert await store.settle_lost(1e12) == 0  # the other's row is that of a run that goes on


async def test_a_purged_project_can_begin_anew(store: Store) -> None:
    await filled(store, "p")
    await store.purge("p")
    name = await turn(store, "q", "a", project="p")
    assert texts(await store.history("p", await turn(store, "q1", "a1", project="p", follows=name))) == [
        *("q", "a"),
        *("q1", "a1"),
    ]
    await store.charge(charged(name, project="p"))
    await store.settle("p", settled(name))
    assert [one.responses for one in await store.usage(replace(EVER, projects=("p",)))] == [1]
    page = await store.inputs("p", name, PageQuery())
    assert page is not None and texts(page.items) == ["q"]


async def test_the_default_project_stays_and_is_empty(store: Store) -> None:
    await filled(store, "default", "secret")
    assert [project.name for project in (await store.roll()).projects] == ["secret"]
    await store.purge("default")
    roll = await store.roll()
    assert [(project.id, project.name) for project in roll.projects] == [("default", "default")]
    assert [row["kind"] for row in await exported(store, "default")] == ["project"]


async def test_keys_of_others_cannot_choose_a_purged_project_and_it_stays_keyed(store: Store) -> None:
    mine, other = a_key(project="p"), a_key(project="q", projects=("p", "r"))
    await store.keep_key(mine)
    await store.keep_key(other)
    await store.used(other.id, 5)
    before = store.version()
    await store.purge("p")
    roll = await store.roll()
    assert list(roll.keys) == [replace(other, projects=("r",), last_used_at=5)]
    assert roll.keyed and store.version() != before
