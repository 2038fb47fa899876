"""Conversations that grow, over the scripted model: how long prompts get, what is still known, what is charged."""

from typing import Any

import pytest

from antiphon.core import compaction
from antiphon.core.accounts import Project, UsageQuery
from antiphon.core.items import Item
from antiphon.core.ports import Turn
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt
from antiphon.models.scripted import ScriptedModel, text_of, words
from antiphon.runs import compacting
from antiphon.store.sqlite import SqliteStore
from tests.asgi import Rooms, script, serving, until

pytestmark = pytest.mark.anyio

MANAGED = [{"type": "compaction", "compact_threshold": 1000}]
USAGE = UsageQuery(start=0, end=2**40, width=0)
FACT = "FACT the ship is called Persevere"


class Recorded(ScriptedModel):
    """The scripted model, which remembers what it was given."""

    def __init__(self, context: int = 131_072) -> None:
        super().__init__(context=context)
        self.prompts: list[Prompt] = []

    async def open(self, prompt: Prompt) -> Turn:
        self.prompts.append(prompt)
        return await super().open(prompt)

    @property
    def asked(self) -> list[Prompt]:
        """Those by which it was asked for a summary."""
        return [prompt for prompt in self.prompts if compaction.is_asked(prompt.items)]

    async def sizes(self) -> list[int]:
        return [(await self.count(prompt)).tokens for prompt in self.prompts]


def text(items: list[Item]) -> str:
    return "\n".join(map(text_of, items))


def kinds(response: dict[str, Any]) -> list[str]:
    return [item["type"] for item in response["output"]]


async def talk(rooms: Rooms, turns: int, **fields: Any) -> list[dict[str, Any]]:
    """A chain of turns, the fact in the first."""
    made: list[dict[str, Any]] = []
    for turn in range(1, turns + 1):
        words_of_turn = f"turn {turn} has " + "some words to be said again " * 2
        said = f"{FACT}\n{words_of_turn}" if turn == 1 else words_of_turn
        before = {"previous_response_id": made[-1]["id"]} if made else {}
        made.append(await rooms.made(said, **before, **fields))
    return made


async def test_three_hundred_turns_are_never_over_the_context_and_the_first_is_not_forgotten() -> None:
    model = Recorded(context=1400)
    async with serving(None, model) as rooms:
        made = await talk(rooms, 300, context_management=MANAGED)
    assert all(response["status"] == "completed" for response in made)
    assert max(await model.sizes()) < 1400
    compacted = [response for response in made if "compaction" in kinds(response)]
    assert len(compacted) > 3
    assert all(kinds(response) == ["compaction", "message"] for response in compacted)
    last = model.prompts[-1]
    assert not compaction.is_asked(last.items)
    assert FACT in text(last.items)
    assert all(FACT not in text([item]) for item in last.items if text_of(item).startswith("turn"))
    assert text_of(last.items[-1]).startswith("turn 300")


async def test_an_earlier_summary_stays_word_by_word_until_it_takes_half_of_the_room() -> None:
    model = Recorded()
    facts = [f"FACT number {number} is " + "long " * 50 for number in range(4)]
    async with serving(None, model) as rooms:
        made = await rooms.made(f"{facts[0]}\n" + "w " * 600)
        for fact in [*facts[1:], "FACT that stays"]:
            said = f"{fact}\n" + "w " * 600
            made = await rooms.made(said, previous_response_id=made["id"], context_management=MANAGED)
            assert kinds(made) == ["compaction", "message"]
    again = ["[summary of what came before]" in text(prompt.items) for prompt in model.asked]
    assert again == [False, False, False, True]
    bounds = [prompt.sampling.max_output_tokens for prompt in model.asked]
    assert bounds[0] == bounds[3] > bounds[1] > bounds[2]  # what stays leaves less room
    told = text(model.prompts[-1].items)
    assert all(told.count(fact.strip()) == 1 for fact in facts)


async def test_without_a_threshold_the_same_conversation_is_too_long() -> None:
    model = Recorded(context=1400)
    async with serving(None, model) as rooms:
        made = await rooms.made(FACT + " w" * 800)
        answer = await rooms.create("w " * 400, previous_response_id=made["id"])
        assert answer.error() == (400, "context_length_exceeded", "input")


async def test_the_newest_of_the_user_stay_as_many_as_fit_in_half_of_the_threshold() -> None:
    model = Recorded()
    async with serving(None, model) as rooms:
        first = await rooms.made([{"role": "user", "content": f"a{n} " * 100} for n in range(9)])
        second = await rooms.made("the question " * 50, previous_response_id=first["id"], context_management=MANAGED)
    assert kinds(second) == ["compaction", "message"]
    seen = [text_of(item)[:3] for item in model.prompts[-1].items]
    assert seen == ["a5 ", "a6 ", "a7 ", "a8 ", "the"]
    assert len(words(text(model.prompts[-1].items))) == 500


async def test_it_is_streamed_in_the_grammar_and_charged_with_the_rest() -> None:
    model = Recorded()
    async with serving(None, model) as rooms:
        first = await rooms.made("w " * 600 + "\n" + FACT)
        answer = await rooms.create(
            "q " * 10, previous_response_id=first["id"], context_management=MANAGED, stream=True
        )
        events = answer.events()
        done = [event["item"]["type"] for event in events if event["type"] == "response.output_item.done"]
        assert done == ["compaction", "message"]
        usage = events[-1]["response"]["usage"]
        summary, turn = (await model.sizes())[-2:]
        assert usage["input_tokens"] == summary + turn
        assert usage["output_tokens"] == 10 + len(words(FACT))
        sums = await rooms.store.usage(USAGE)
        assert sum(one.output_tokens for one in sums) == first["usage"]["output_tokens"] + usage["output_tokens"]


async def test_a_turn_in_the_middle_of_calls_goes_on() -> None:
    model = Recorded()
    tool = {"type": "function", "name": "look"}
    steps = '{"turns": [[{"call": {"name": "look", "call_id": "c"}}], [{"text": "seen"}]]}'
    async with serving(None, model) as rooms:
        before = await rooms.made("w " * 600)
        first = await rooms.made(steps, previous_response_id=before["id"], tools=[tool])
        output = {"type": "function_call_output", "call_id": "c", "output": "FOUND"}
        second = await rooms.made([output], previous_response_id=first["id"], tools=[tool], context_management=MANAGED)
        assert kinds(second) == ["compaction", "message"]
        assert second["output"][1]["content"][0]["text"] == "seen"
        assert text_of(model.prompts[-1].items[-1]).count("FOUND") == 1
        third = await rooms.made("and?", previous_response_id=second["id"], tools=[tool])
    assert third["output"][0]["content"][0]["text"] == "and?"
    assert "w w w" not in text(model.prompts[-1].items)


async def test_a_turn_that_is_too_long_itself_keeps_its_question() -> None:
    model = Recorded()
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "FACT found\n" + "o " * 1200}
    async with serving(None, model) as rooms:
        made = await rooms.made([{"role": "user", "content": "The question"}, call, output], context_management=MANAGED)
    assert kinds(made) == ["compaction", "message"]
    seen = [text_of(item) for item in model.prompts[-1].items]
    assert seen[1] == "The question" and seen[0].endswith("\nFACT found") and len(seen) == 2


async def test_what_can_t_become_shorter_is_left() -> None:
    model = Recorded()
    async with serving(None, model) as rooms:
        made = await rooms.made("w " * 1200, context_management=MANAGED)
    assert kinds(made) == ["message"] and not model.asked


async def test_a_conversation_longer_than_the_model_is_summed_up_piece_by_piece() -> None:
    model = Recorded(context=1000)
    items = [{"role": role, "content": f"FACT {n}\n" + "w " * 300} for n in range(6) for role in ("user", "assistant")]
    async with serving(None, model) as rooms:
        made = await rooms.made([*items, {"role": "user", "content": "So?"}], context_management=MANAGED)
    assert kinds(made) == ["compaction", "message"]
    assert len(model.asked) > 1 and max(await model.sizes()) < 1000
    assert all(f"FACT {n}" in text(model.prompts[-1].items) for n in range(6))


async def test_a_threshold_beyond_the_model_is_the_model_s_own() -> None:
    model = Recorded(context=1200)
    async with serving(None, model) as rooms:
        first = await rooms.made("w " * 500)
        beyond = [{"type": "compaction", "compact_threshold": 100_000}]
        second = await rooms.made("q", previous_response_id=first["id"], context_management=beyond)
        third = await rooms.made("q", previous_response_id=first["id"], context_management=[{"type": "compaction"}])
    assert kinds(second) == kinds(third) == ["compaction", "message"]


async def test_a_trigger_compacts_and_says_nothing_else() -> None:
    model = Recorded()
    async with serving(None, model) as rooms:
        first = await rooms.made(FACT)
        trigger = {"type": "compaction_trigger"}
        second = await rooms.made([trigger], previous_response_id=first["id"])
        assert kinds(second) == ["compaction"]
        third = await rooms.made("What now?", previous_response_id=second["id"])
        assert kinds(third) == ["message"]
        seen = [text_of(item) for item in model.prompts[-1].items]
        assert seen[0].endswith(FACT) and seen[1] == FACT and seen[2] == "What now?" and len(seen) == 3
        inputs = await rooms.get(f"/responses/{third['id']}/input_items")
        assert [item["type"] for item in inputs["data"]] == ["message", "compaction", "message", "message"]


async def test_a_blob_stands_alone_on_a_server_that_was_started_again(tmp_path: Any) -> None:
    async with serving(SqliteStore(tmp_path / "one")) as rooms:
        made = await rooms.made([{"role": "user", "content": FACT}, {"type": "compaction_trigger"}], store=False)
    model = Recorded()
    async with serving(SqliteStore(tmp_path / "two"), model) as rooms:
        again = [{"role": "user", "content": "never seen"}, *made["output"], {"role": "user", "content": "q"}]
        await rooms.made(again, store=False)
        assert FACT in text(model.prompts[-1].items) and "never seen" not in text(model.prompts[-1].items)
        counted = await rooms.ask("POST", "/v1/responses/input_tokens", {"model": "scripted", "input": again})
        assert counted.json()["input_tokens"] == (await model.sizes())[-1]


async def test_what_does_not_open_is_refused_where_it_stands() -> None:
    async with serving() as rooms:
        made = await rooms.made([{"role": "user", "content": FACT}, {"type": "compaction_trigger"}])
        blob = made["output"][0]["encrypted_content"]
        damaged = blob[:40] + ("A" if blob[40] != "A" else "B") + blob[41:]
        question = {"role": "user", "content": "q"}
        refused = 400, "invalid_encrypted_content", "input[1].encrypted_content"
        for other in (damaged, "x", blob[:-4]):
            items = [question, {"type": "compaction", "encrypted_content": other}, question]
            assert (await rooms.create(items)).error() == refused
        await rooms.store.keep_project(Project(id="other", name="other", created_at=1))
        elsewhere = {"authorization": f"Bearer {await rooms.key('other')}"}
        items = [question, {"type": "compaction", "encrypted_content": blob}, question]
        assert (await rooms.create(items, elsewhere)).error() == refused
        thought = {"type": "reasoning", "summary": [], "encrypted_content": blob}
        own = {"authorization": f"Bearer {await rooms.key()}"}
        assert (await rooms.create([thought, question], own)).error()[1] == "invalid_encrypted_content"
        kept = await rooms.ask(
            "POST", "/v1/conversations", {"items": [question, items[1] | {"encrypted_content": "x"}]}, own
        )
        assert kept.error() == (400, "invalid_encrypted_content", "items[1].encrypted_content")


async def test_what_is_too_large_for_a_blob_goes_with_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacting, "LARGEST", 6000)
    model = Recorded()
    words_of_many_letters = [{"role": "user", "content": f"a{n} {'x' * 2000}"} for n in range(5)]
    developer = {"role": "developer", "content": "d" * 7000}
    trigger = {"type": "compaction_trigger"}
    async with serving(None, model) as rooms:
        made = await rooms.made([*words_of_many_letters, trigger])
        await rooms.made([*made["output"], {"role": "user", "content": "q"}])
        assert [text_of(item)[:2] for item in model.prompts[-1].items] == ["a3", "a4", "q"]
        answer = await rooms.create([developer, {"role": "user", "content": "q"}, trigger])
        assert answer.error() == (413, "request_too_large", "input")
        talk = [{"role": "assistant", "content": "w " * 1100}, {"role": "user", "content": "x" * 7000}]
        assert kinds(await rooms.made(talk, context_management=MANAGED)) == ["message"]


async def test_a_trigger_elsewhere_is_refused() -> None:
    async with serving() as rooms:
        answer = await rooms.create([{"type": "compaction_trigger"}, {"role": "user", "content": "q"}])
        assert answer.error() == (400, "invalid_value", "input[0].type")
        kept = await rooms.ask("POST", "/v1/conversations", {"items": [{"type": "compaction_trigger"}]})
        assert kept.error() == (400, "invalid_value", "items[0].type")


async def test_a_model_that_breaks_while_it_sums_up_refuses_the_request() -> None:
    class Broken(Recorded):
        async def open(self, prompt: Prompt) -> Turn:
            if compaction.is_asked(prompt.items):
                raise Problem(503, "model_busy", "No room.")
            return await super().open(prompt)

    async with serving(None, Broken()) as rooms:
        first = await rooms.made("w " * 600)
        for stream in (False, True):
            answer = await rooms.create(
                "q", previous_response_id=first["id"], context_management=MANAGED, stream=stream
            )
            assert (answer.status, answer.error()[1]) == (503, "model_busy")
        (total,) = await rooms.store.usage(USAGE)
        assert total.responses == 1


async def test_a_run_that_another_process_takes_up_is_not_compacted_again(tmp_path: Any) -> None:
    store = SqliteStore(tmp_path)
    async with serving(store, Recorded()) as rooms:
        first = await rooms.made("w " * 600)
        slow = script({"text": "said ", "count": 40, "delay": 0.05})
        background = {"previous_response_id": first["id"], "background": True, "stream": True}
        begun = rooms.creating(slow, context_management=MANAGED, **background)
        await until(lambda: any(event["type"] == "response.output_text.delta" for event in begun.events()))
        begun.leave()
        response_id = begun.events()[0]["response"]["id"]
        await rooms.worker.stop()
    await store.stop()
    model = Recorded()
    async with serving(store, model) as rooms:
        made = await rooms.at(response_id, "completed")
    assert kinds(made) == ["compaction", "message"]
    assert made["output"][1]["content"][0]["text"] == "said " * 40
    await store.stop()
    assert not model.asked and "w w w" not in text(model.prompts[-1].items)
