"""Conversations through the real `openai` client (protocol §1, rows 9 to 16, and §8.1)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.clients.sdk import script, told
from tests.served import Server

pytestmark = pytest.mark.anyio


@pytest.fixture
def client(lasting_server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=lasting_server.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
async def patient(lasting_server: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=lasting_server.url, api_key="any", max_retries=0) as client:
        yield client


def said(text: str, role: str = "user") -> Any:
    return {"type": "message", "role": role, "content": text}


def texts(client: OpenAI, conversation: str, **query: Any) -> list[str]:
    """What stands in a conversation, oldest first, by auto-paging."""
    listed = client.conversations.items.list(conversation, order="asc", **query)
    return [told(item)["content"][0]["text"] for item in listed]


def test_a_conversation_lives_and_dies(client: OpenAI) -> None:
    made = client.conversations.create(items=[said("hello"), said("hi", "assistant")], metadata={"topic": "ducks"})
    assert made.id.startswith("conv_") and made.object == "conversation"
    assert told(client.conversations.retrieve(made.id)) == told(made)
    changed = client.conversations.update(made.id, metadata={"topic": "bees"})
    assert (changed.id, changed.metadata, changed.created_at) == (made.id, {"topic": "bees"}, made.created_at)
    assert told(client.conversations.retrieve(made.id)) == told(changed)
    deleted = client.conversations.delete(made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "conversation.deleted", True)
    gone = [
        lambda: client.conversations.retrieve(made.id),
        lambda: client.conversations.update(made.id, metadata={}),
        lambda: client.conversations.delete(made.id),
        lambda: client.conversations.items.list(made.id),
        lambda: client.conversations.items.create(made.id, items=[said("a")]),
        lambda: client.responses.create(model="scripted", input="a", conversation=made.id),
    ]
    for ask in gone:
        with pytest.raises(openai.NotFoundError):
            ask()


def test_an_empty_conversation(client: OpenAI) -> None:
    made = client.conversations.create()
    assert made.metadata == {}
    assert list(client.conversations.items.list(made.id)) == []


def test_the_items_of_a_conversation(client: OpenAI) -> None:
    made = client.conversations.create(items=[said("one")])
    added = client.conversations.items.create(made.id, items=[said("two"), said("three")])
    assert [told(item)["content"][0]["text"] for item in added.data] == ["two", "three"]
    assert (added.first_id, added.last_id, added.has_more) == (added.data[0].id, added.data[1].id, False)
    assert texts(client, made.id) == texts(client, made.id, limit=1) == ["one", "two", "three"]
    newest = client.conversations.items.list(made.id, limit=2)
    assert [item.id for item in newest.data] == [added.data[1].id, added.data[0].id] and newest.has_more
    two = client.conversations.items.retrieve(str(added.data[0].id), conversation_id=made.id)
    assert told(two) == told(added.data[0])
    left = client.conversations.items.delete(str(two.id), conversation_id=made.id)
    assert told(left) == told(made)
    assert texts(client, made.id) == ["one", "three"]
    for ask in (client.conversations.items.retrieve, client.conversations.items.delete):
        with pytest.raises(openai.NotFoundError):
            ask(str(two.id), conversation_id=made.id)


def test_a_response_reads_its_conversation_and_is_appended(client: OpenAI) -> None:
    made = client.conversations.create(items=[said("my name is Ada")])
    first = client.responses.create(model="scripted", input="I like ducks", conversation=made.id)
    assert first.conversation is not None and first.conversation.id == made.id
    assert first.usage is not None and first.usage.input_tokens == 4 + 3
    second = client.responses.create(model="scripted", input="who am I", conversation={"id": made.id})
    assert second.usage is not None and second.usage.input_tokens == 4 + 3 + 3 + 3
    expected = ["my name is Ada", "I like ducks", "I like ducks", "who am I", "who am I"]
    assert texts(client, made.id) == expected
    listed = client.responses.input_items.list(second.id, order="asc")
    assert [told(item)["content"][0]["text"] for item in listed] == expected[:4]
    client.responses.delete(first.id)
    assert texts(client, made.id) == expected


def test_what_failed_or_was_cancelled_is_not_appended(client: OpenAI) -> None:
    made = client.conversations.create(items=[said("before")])
    broken = script({"text": "half"}, {"fail": {"message": "It broke."}})
    assert client.responses.create(model="scripted", input=broken, conversation=made.id).status == "failed"
    slow = script({"text": "word ", "count": 10_000, "delay": 0.02})
    running = client.responses.create(model="scripted", input=slow, conversation=made.id, background=True)
    client.responses.cancel(running.id)
    assert texts(client, made.id) == ["before"]
    cut = client.responses.create(
        model="scripted", input=script({"text": "word ", "count": 100}), conversation=made.id, max_output_tokens=16
    )
    assert cut.status == "incomplete"
    assert texts(client, made.id)[-1] == cut.output_text


def test_one_response_at_a_time(client: OpenAI) -> None:
    made = client.conversations.create()
    slow = script({"text": "word ", "count": 10_000, "delay": 0.02})
    running = client.responses.create(model="scripted", input=slow, conversation=made.id, background=True)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="scripted", input="a", conversation=made.id)
    assert (caught.value.code, caught.value.param) == ("conversation_locked", "conversation")
    client.responses.cancel(running.id)
    assert client.responses.create(model="scripted", input="a", conversation=made.id).status == "completed"


async def test_of_many_at_once_one_wins(patient: AsyncOpenAI) -> None:
    made = await patient.conversations.create()
    asked = script({"text": "won", "delay": 0.3})
    answers = await asyncio.gather(
        *(patient.responses.create(model="scripted", input=asked, conversation=made.id) for _ in range(8)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, openai.BadRequestError)]
    assert len(refused) == 7 and {fault.code for fault in refused} == {"conversation_locked"}
    items = [told(item) async for item in patient.conversations.items.list(made.id)]
    assert len(items) == 2


def test_a_conversation_or_a_parent(client: OpenAI) -> None:
    made = client.conversations.create()
    parent = client.responses.create(model="scripted", input="a")
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="scripted", input="b", conversation=made.id, previous_response_id=parent.id)


def test_deleting_a_conversation_keeps_its_responses(client: OpenAI) -> None:
    made = client.conversations.create(items=[said("before")])
    response = client.responses.create(model="scripted", input="a", conversation=made.id)
    client.conversations.delete(made.id)
    assert told(client.responses.retrieve(response.id)) == told(response)
    following = client.responses.create(model="scripted", input="b", previous_response_id=response.id)
    listed = client.responses.input_items.list(following.id, order="asc")
    assert [told(item)["content"][0]["text"] for item in listed] == ["before", "a", "a", "b"]


def test_a_key_makes_one_conversation(client: OpenAI) -> None:
    def make(**metadata: str) -> Any:
        return client.conversations.create(metadata=metadata, extra_headers={"Idempotency-Key": "conversation"})

    made = make(topic="ducks")
    assert told(make(topic="ducks")) == told(made)
    with pytest.raises(openai.ConflictError):
        make(topic="bees")


def test_more_than_twenty_items_at_once_are_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        client.conversations.create(items=[said("a")] * 21)
    made = client.conversations.create(items=[said(str(number)) for number in range(20)])
    for start in range(20, 120, 20):
        client.conversations.items.create(made.id, items=[said(str(start + number)) for number in range(20)])
    assert texts(client, made.id) == [str(number) for number in range(120)]
