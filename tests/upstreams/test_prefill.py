"""A background response whose server dies: an upstream that takes an answer's beginning goes on with it."""

from typing import Any

import pytest

from tests.asgi import until
from tests.models.chat_habits import END, chunk
from tests.stores import ReinedStore
from tests.upstreams.behaviours import Speech, in_turn, speaking, stalling
from tests.upstreams.fake import faking
from tests.upstreams.front import front
from tests.upstreams.speech import SPEECH, SPOKEN, frames

pytestmark = pytest.mark.anyio

REST = Speech(frames([chunk({"content": "lo, world"}), *END]), b"")


def texts(response: dict[str, Any]) -> list[str]:
    return [part["text"] for item in response["output"] for part in item["content"]]


@pytest.mark.parametrize(("takes", "ends"), [({"prefill"}, "completed"), (set(), "failed")], ids=["prefill", "without"])
async def test_what_was_seen_stays_and_the_text_goes_on_where_it_can(takes: set[Any], ends: str) -> None:
    store = ReinedStore()
    behaviour = in_turn(stalling(SPEECH["chat"], SPOKEN["chat"]), speaking(REST))
    async with faking(behaviour) as fake:
        upstream = fake.upstream(takes=frozenset(takes))
        async with front(upstream, store=store) as first:
            reading = first.creating("hi", model="m", stream=True, background=True)
            await until(lambda: b"output_text.delta" in reading.raw)
            await first.kill()
        seen = reading.events()
        async with front(upstream, store=store) as second:
            response = await second.at(seen[0]["response"]["id"], "completed", "failed")
            replay = await second.ask("GET", f"/v1/responses/{response['id']}?stream=true")
        assert replay.events()[: len(seen)] == seen
        assert response["status"] == ends
        if ends == "completed":
            assert texts(response) == ["Hello, world"]
            asked = fake.asked[1].body
            assert asked["messages"][-1] == {"role": "assistant", "content": "Hel"}
            assert asked["continue_final_message"] is True
        else:
            assert (texts(response), response["error"]["code"]) == (["Hel"], "interrupted")
            assert len(fake.asked) == 1
