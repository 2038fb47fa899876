"""What the server keeps, through the real `openai` client: background, resumption, chains, keys (protocol §1.1, §8)."""

import asyncio
import re
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response

from tests.clients.sdk import checked, script, told
from tests.grammar import check_response, check_stream
from tests.openapi import check_resource
from tests.served import Server

pytestmark = pytest.mark.anyio

ENDED = ("completed", "incomplete", "failed", "cancelled")


@pytest.fixture
def client(lasting_server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=lasting_server.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
async def patient(lasting_server: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=lasting_server.url, api_key="any", max_retries=20, timeout=120) as client:
        yield client


def polled(client: OpenAI, name: str) -> Response:
    """The response when it has ended."""
    response = client.responses.retrieve(name)
    while response.status not in ENDED:
        time.sleep(0.02)
        response = client.responses.retrieve(name)
    return response


def refusal(fault: openai.APIStatusError) -> tuple[int, str | None, str | None]:
    return fault.status_code, fault.code, fault.param


# Background


def test_background_is_polled_to_its_end(client: OpenAI) -> None:
    asked = script({"text": "one two three", "delay": 0.05})
    response = client.responses.create(model="scripted", input=asked, background=True)
    assert (response.status, response.output, response.usage) == ("queued", [], None)
    check_response(told(response))
    final = polled(client, response.id)
    assert (final.status, final.output_text, final.background) == ("completed", "one two three", True)
    check_response(told(final))
    check_resource(told(final))


def test_a_cancelled_response_stays_cancelled(client: OpenAI) -> None:
    asked = script({"text": "word ", "count": 10_000, "delay": 0.02})
    response = client.responses.create(model="scripted", input=asked, background=True)
    cancelled = client.responses.cancel(response.id)
    assert (cancelled.status, cancelled.error, cancelled.incomplete_details) == ("cancelled", None, None)
    assert cancelled.completed_at is None and cancelled.usage is None
    check_response(told(cancelled))
    assert told(client.responses.cancel(response.id)) == told(cancelled)
    time.sleep(0.1)  # a model that went on would have spoken
    assert told(client.responses.retrieve(response.id)) == told(cancelled)


def test_cancel_of_what_has_ended_changes_nothing(client: OpenAI) -> None:
    final = polled(client, client.responses.create(model="scripted", input="done", background=True).id)
    assert told(client.responses.cancel(final.id)) == told(final)
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(client.responses.create(model="scripted", input="in front of you").id)
    with pytest.raises(openai.NotFoundError):
        client.responses.cancel("resp_unknown")


def test_a_cancelled_stream_ends_in_the_grammar(client: OpenAI) -> None:
    asked = script({"text": "word ", "count": 10_000, "delay": 0.02})
    events = []
    with client.responses.create(model="scripted", input=asked, background=True, stream=True) as stream:
        for event in stream:
            events.append(event)
            if sum(one.type == "response.output_text.delta" for one in events) == 3:
                client.responses.cancel(event.response.id if hasattr(event, "response") else created(events))
    final = checked(events)
    assert (final["status"], events[-1].type) == ("cancelled", "response.incomplete")
    assert final["output"][0]["status"] == "incomplete"


def created(events: list[Any]) -> str:
    """The id of the response whose events these are."""
    name: str = events[0].response.id
    return name


# Resumption


def test_a_stream_is_resumed_from_every_place(client: OpenAI) -> None:
    """The reader leaves in the middle; the run goes on; what follows any event is what followed it the first time."""
    asked = script({"reasoning": "hm hm", "delay": 0.02}, {"text": "one two three four five", "delay": 0.02})
    before = []
    with client.responses.create(model="scripted", input=asked, background=True, stream=True) as stream:
        for event in stream:
            before.append(told(event))
            if event.type == "response.output_text.delta":
                break
    name = before[0]["response"]["id"]
    with client.responses.retrieve(name, stream=True, starting_after=before[-1]["sequence_number"]) as stream:
        rest = [told(event) for event in stream]
    assert rest[0]["sequence_number"] == before[-1]["sequence_number"] + 1
    whole = [*before, *rest]
    final = check_stream(whole)
    assert final["status"] == "completed"
    for after in range(len(whole)):
        with client.responses.retrieve(name, stream=True, starting_after=after) as stream:
            assert [told(event) for event in stream] == whole[after + 1 :]
    with client.responses.retrieve(name, stream=True) as stream:
        assert [told(event) for event in stream] == whole
    with client.responses.retrieve(name, stream=True, starting_after=10_000) as stream:
        assert list(stream) == []


def test_the_stream_helper_resumes_from_every_place(client: OpenAI) -> None:
    asked = script({"text": "one two three four five", "delay": 0.02})
    with client.responses.stream(model="scripted", input=asked, background=True) as stream:
        for event in stream:
            if event.type == "response.created":
                name = event.response.id
            if event.type == "response.output_text.delta":
                break
    with client.responses.stream(response_id=name) as stream:
        last = max(event.sequence_number for event in stream)
        whole = stream.get_final_response()
    assert whole.output_text == "one two three four five"
    for after in range(last):
        with client.responses.stream(response_id=name, starting_after=after) as stream:
            numbers = {event.sequence_number for event in stream}
            assert stream.get_final_response().output_text == whole.output_text
        assert numbers == set(range(after + 1, last + 1))


def test_every_stored_response_can_be_streamed_again(client: OpenAI) -> None:
    response = client.responses.create(model="scripted", input="not streamed")
    with client.responses.retrieve(response.id, stream=True) as stream:
        events = list(stream)
    assert checked(events) == told(response)


async def test_many_readers_of_one_run(patient: AsyncOpenAI) -> None:
    asked = script({"text": "word ", "count": 30, "delay": 0.01})
    response = await patient.responses.create(model="scripted", input=asked, background=True, stream=True)
    name = ""
    async for event in response:
        name = created([event])
        break
    await response.close()

    async def read() -> list[Any]:
        async with await patient.responses.retrieve(name, stream=True) as stream:
            return [told(event) async for event in stream]

    first, *others = await asyncio.gather(*(read() for _ in range(8)))
    assert check_stream(first)["status"] == "completed"
    assert all(other == first for other in others)


# Chains


def test_a_chain_and_its_branches(client: OpenAI) -> None:
    first = client.responses.create(model="scripted", input="my name is Ada")
    second = client.responses.create(model="scripted", input="I like ducks", previous_response_id=first.id)
    branch = client.responses.create(model="scripted", input="I like bees", previous_response_id=first.id)
    third = client.responses.create(model="scripted", input="who am I", previous_response_id=second.id)
    assert third.previous_response_id == second.id
    assert texts(client, third.id) == ["my name is Ada", "my name is Ada", "I like ducks", "I like ducks", "who am I"]
    assert texts(client, branch.id) == ["my name is Ada", "my name is Ada", "I like bees"]
    assert third.usage is not None and third.usage.input_tokens == 4 + 4 + 3 + 3 + 3


def texts(client: OpenAI, name: str) -> list[str]:
    """What a response was made from, in order, by auto-paging."""
    listed = client.responses.input_items.list(name, order="asc", limit=100)
    return [told(item)["content"][0]["text"] for item in listed]


def test_a_parent_that_is_not_there_or_not_done(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="scripted", input="a", previous_response_id="resp_unknown")
    assert refusal(caught.value) == (400, "previous_response_not_found", "previous_response_id")
    asked = script({"text": "word ", "count": 1000, "delay": 0.02})
    running = client.responses.create(model="scripted", input=asked, background=True)
    for _ in range(2):  # while it runs, and once it is cancelled
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="scripted", input="a", previous_response_id=running.id)
        assert refusal(caught.value)[2] == "previous_response_id"
        client.responses.cancel(running.id)


def test_deleted_is_gone_and_its_children_stay(client: OpenAI) -> None:
    first = client.responses.create(model="scripted", input="parent")
    second = client.responses.create(model="scripted", input="child", previous_response_id=first.id)
    client.responses.delete(first.id)
    gone = [
        lambda: client.responses.retrieve(first.id),
        lambda: client.responses.delete(first.id),
        lambda: client.responses.retrieve(first.id, stream=True),
        lambda: client.responses.input_items.list(first.id),
    ]
    for ask in gone:
        with pytest.raises(openai.NotFoundError) as caught:
            ask()
        assert refusal(caught.value) == (404, None, None)
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="scripted", input="a", previous_response_id=first.id)
    assert refusal(refused.value)[1] == "previous_response_not_found"
    third = client.responses.create(model="scripted", input="grandchild", previous_response_id=second.id)
    assert texts(client, third.id) == ["parent", "parent", "child", "child", "grandchild"]


def test_a_running_response_can_be_deleted(client: OpenAI) -> None:
    asked = script({"text": "word ", "count": 10_000, "delay": 0.02})
    events = []
    with client.responses.create(model="scripted", input=asked, background=True, stream=True) as stream:
        for event in stream:
            events.append(event)
            if event.type == "response.content_part.added":
                client.responses.delete(created(events))
    assert checked(events)["status"] == "cancelled"
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(created(events))


def test_input_items_page_by_page(client: OpenAI) -> None:
    said = [f"message {number}" for number in range(130)]
    response = client.responses.create(
        model="scripted", input=[{"role": "user", "content": text} for text in said], metadata={"many": "130"}
    )
    for limit in (1, 7, 20, 100):
        listed = client.responses.input_items.list(response.id, order="asc", limit=limit)
        assert [told(item)["content"][0]["text"] for item in listed] == said
    newest = client.responses.input_items.list(response.id)
    assert len(newest.data) == 20 and newest.has_more
    items = list(newest)
    assert [told(item)["content"][0]["text"] for item in items] == said[::-1]
    assert len({item.id for item in items}) == 130
    for limit in (0, 101):
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.input_items.list(response.id, limit=limit)
        assert refusal(caught.value)[2] == "limit"


async def test_input_items_page_by_page_at_once(patient: AsyncOpenAI) -> None:
    response = await patient.responses.create(
        model="scripted", input=[{"role": "user", "content": str(number)} for number in range(101)]
    )
    listed = [told(item) async for item in patient.responses.input_items.list(response.id, limit=50, order="asc")]
    assert [item["content"][0]["text"] for item in listed] == [str(number) for number in range(101)]


def test_the_same_items_come_back_many_times(client: OpenAI) -> None:
    """A client that resends everything, with our ids, in one chain too (DESIGN §5)."""
    kept: list[Any] = [{"role": "user", "content": "turn 0", "id": "msg_mine", "type": "message"}]
    response = client.responses.create(model="scripted", input=kept)
    for number in range(1, 12):
        kept += [*map(told, response.output), {"role": "user", "content": f"turn {number}"}]
        parent = {"previous_response_id": response.id} if number % 2 else {}
        response = client.responses.create(model="scripted", input=kept, **parent)
        assert (response.status, response.output_text) == ("completed", f"turn {number}")
    assert response.usage is not None
    before = response.usage.input_tokens
    changed = [{**kept[0], "content": "another turn 0"}]
    again = client.responses.create(model="scripted", input=changed, previous_response_id=response.id)
    assert again.usage is not None and again.usage.input_tokens == before + 2 + 3  # the model sees all of it
    listed = [told(item) for item in client.responses.input_items.list(again.id, order="asc", limit=5)]
    assert len({item["id"] for item in listed}) == len(listed)  # a list shows an id once, where it stood last
    assert (listed[-1]["id"], listed[-1]["content"][0]["text"]) == ("msg_mine", "another turn 0")


def test_an_item_is_referred_to(client: OpenAI) -> None:
    first = client.responses.create(model="scripted", input="remember me")
    reference: Any = {"type": "item_reference", "id": first.output[0].id}
    second = client.responses.create(model="scripted", input=[reference, {"role": "user", "content": "go on"}])
    assert texts(client, second.id) == ["remember me", "go on"]
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="scripted", input=[{"type": "item_reference", "id": "msg_unknown"}])


# What is not kept


def test_store_false_leaves_nothing(client: OpenAI, lasting_server: Server) -> None:
    kept, marker = "KeptMarker7f3a", "PassingMarker91bc"
    client.responses.create(model="scripted", input=f"say {kept}")
    assert found(kept, lasting_server.data)  # else the search would prove nothing
    response = client.responses.create(model="scripted", input=f"say {marker}", store=False)
    assert response.output_text == f"say {marker}"
    asked: dict[str, Any] = {"model": "scripted", "input": script({"text": f"say {marker}"}), "store": False}
    with client.responses.create(**asked, stream=True, instructions=marker, metadata={"a": marker}) as stream:
        list(stream)
    client.responses.create(**asked, extra_headers={"Idempotency-Key": "passing"})
    with pytest.raises(openai.ConflictError) as caught:
        client.responses.create(**asked, extra_headers={"Idempotency-Key": "passing"})
    assert marker not in str(caught.value)
    assert found(marker, lasting_server.data) == []
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="scripted", input="a", previous_response_id=response.id)


def found(marker: str, folder: Path) -> list[Path]:
    """The files of a folder in which the marker stands."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name.endswith("-wal") for path in files)
    return [path for path in files if marker.encode() in path.read_bytes()]


# Idempotency


def test_a_key_gives_one_response(client: OpenAI) -> None:
    def ask(text: str, **options: Any) -> Any:
        return client.responses.with_raw_response.create(
            model="scripted", input=text, extra_headers={"Idempotency-Key": "one-response"}, **options
        )

    first, second = ask("only once"), ask("only once")
    assert "Idempotency-Replayed" not in first.headers and second.headers["Idempotency-Replayed"] == "true"
    assert told(first.parse()) == told(second.parse())
    with pytest.raises(openai.ConflictError) as caught:
        ask("something else")
    assert caught.value.code == "idempotency_key_conflict"
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_a_streamed_answer_is_replayed(client: OpenAI) -> None:
    def ask() -> list[Any]:
        with client.responses.create(
            model="scripted", input="one two", stream=True, extra_headers={"Idempotency-Key": "streamed"}
        ) as stream:
            return [told(event) for event in stream]

    first = ask()
    check_stream(first)
    assert ask() == first


async def test_64_requests_with_8_keys_are_8_runs(patient: AsyncOpenAI, lasting_server: Server) -> None:
    """Those that come too early are told to come again (409, `x-should-retry`), and the client does."""
    before = ran(lasting_server)

    async def ask(number: int) -> tuple[int, str, str]:
        response = await patient.responses.create(
            model="scripted",
            input=script({"text": f"answer {number}", "delay": 0.1}),
            extra_headers={"Idempotency-Key": f"shared-{number}"},
        )
        return number, response.id, response.output_text

    answers = await asyncio.gather(*(ask(number % 8) for number in range(64)))
    assert len(answers) == 64
    assert len({name for _, name, _ in answers}) == 8
    assert {(number, text) for number, _, text in answers} == {(number, f"answer {number}") for number in range(8)}
    assert len({(number, name) for number, name, _ in answers}) == 8
    assert ran(lasting_server) - before == 8


def ran(server: Server) -> int:
    """How many responses have ended, as the server counts them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as page:
        counts = re.findall(r"^antiphon_responses_total\{.*\} (\S+)$", page.read().decode(), re.MULTILINE)
    return sum(int(float(count)) for count in counts)
