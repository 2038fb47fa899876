"""Every habit of either kind of upstream, through the whole server: streamed, and not."""

from typing import Any

import pytest

from tests.models.chat_habits import HABITS, Habit
from tests.upstreams import responses_habits
from tests.upstreams.behaviours import FRAMINGS, contrary, framed, speaking
from tests.upstreams.fake import faking
from tests.upstreams.front import end_of, front
from tests.upstreams.speech import HELLO, SPEECH, of_chat, of_responses

pytestmark = pytest.mark.anyio

STREAMED = pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
KINDS = pytest.mark.parametrize("kind", ["chat", "responses"])

TOOLS = [
    {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False},
    {"type": "function", "name": "time", "parameters": {"type": "object"}, "strict": False},
    {
        "type": "namespace",
        "name": "crm",
        "description": "",
        "tools": [{"type": "custom", "name": "sql", "description": ""}],
    },
]
BEFORE = [
    {"role": "user", "content": "What of the weather?"},
    {"type": "function_call", "call_id": "old", "name": "weather", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "old", "output": "fair"},
]


def told(output: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """What stands in an output, as `Habit.told` has it."""
    found: list[tuple[str, ...]] = []
    for item in output:
        match item["type"]:
            case "message":
                kinds = {"output_text": ("text", "text"), "refusal": ("refusal", "refusal")}
                found += [(kinds[part["type"]][0], part[kinds[part["type"]][1]]) for part in item["content"]]
            case "reasoning":
                found += [("summary", part["text"]) for part in item["summary"]]
                found += [("thought", part["text"]) for part in item.get("content", ())]
            case "function_call":
                found.append(("call", item["name"], item["arguments"], item["call_id"]))
            case "custom_tool_call":
                found.append(("custom", item["name"], item["input"], item["call_id"]))
            case other:
                found.append(("item", other))
    return found


def due(habit: Habit, *, streamed: bool) -> list[tuple[str, ...]]:
    """What is to come out: of a whole answer its thought first, then its text, then its calls."""
    order = ["thought", "text", "refusal", "call", "custom"]
    return habit.told if streamed else sorted(habit.told, key=lambda one: order.index(one[0]))


@STREAMED
@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
async def test_every_habit_comes_to_the_same_answer(habit: Habit, *, streamed: bool) -> None:
    async with faking(speaking(of_chat(habit))) as fake, front(fake.upstream()) as rooms:
        answer = await rooms.create(BEFORE, model="m", tools=TOOLS, stream=streamed)
        response = end_of(answer, streamed=streamed)
        assert [one.streamed for one in fake.asked] == [streamed]
    assert response["status"] == ("completed" if habit.stop == "stop" else "incomplete")
    check_told(response["output"], due(habit, streamed=streamed))
    inputs, outputs, cached, _, estimated = habit.usage
    usage = response["usage"]
    assert usage.get("estimated", False) == estimated
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    if not estimated:
        assert (usage["input_tokens"], usage["output_tokens"]) == (inputs, outputs)
        assert usage["input_tokens_details"]["cached_tokens"] == cached


def check_told(output: list[dict[str, Any]], expected: list[tuple[str, ...]]) -> None:
    """See that an output is what is due, with call ids that stand nowhere else."""
    found = told(output)
    ids = [one[3] for one in found if one[0] in ("call", "custom")]
    assert len({*ids, "old"}) == len(ids) + 1 and all(ids)
    known = [(*one[:3], "") if want[-1] == "" else one for one, want in zip(found, expected, strict=True)]
    assert known == expected


@STREAMED
@pytest.mark.parametrize("habit", responses_habits.HABITS.values(), ids=responses_habits.HABITS)
async def test_every_habit_of_a_responses_upstream_comes_to_the_same_answer(
    habit: responses_habits.Habit, *, streamed: bool
) -> None:
    speech = of_responses(habit.events, habit.response)
    async with faking(speaking(speech)) as fake, front(fake.upstream("responses")) as rooms:
        response = end_of(await rooms.create(BEFORE, model="m", tools=TOOLS, stream=streamed), streamed=streamed)
        assert [one.streamed for one in fake.asked] == [streamed]
    assert response["status"] == habit.status
    assert (response["incomplete_details"] or {}).get("reason") == habit.response.get("incomplete_details", {}).get(
        "reason"
    )
    check_told(response["output"], habit.told)
    theirs = {one["id"] for one in habit.response["output"]}
    assert not theirs & {one["id"] for one in response["output"]}
    usage, counted = response["usage"], habit.response["usage"]
    assert usage.get("estimated", False) == (counted is None)
    assert counted is None or (usage["input_tokens"], usage["output_tokens"]) == (9, 4)


@STREAMED
@KINDS
@pytest.mark.parametrize("form", FRAMINGS)
async def test_however_the_body_is_framed(form: str, kind: Any, *, streamed: bool) -> None:
    async with faking(framed(SPEECH[kind], form)) as fake, front(fake.upstream(kind)) as rooms:
        response = end_of(await rooms.create("hi", model="m", stream=streamed), streamed=streamed)
        assert len(fake.asked) == 1
    assert told(response["output"]) == [("text", HELLO)]


@STREAMED
@KINDS
async def test_one_connection_serves_many(kind: Any, *, streamed: bool) -> None:
    async with faking(speaking(SPEECH[kind])) as fake, front(fake.upstream(kind)) as rooms:
        for _ in range(5):
            end_of(await rooms.create("hi", model="m", stream=streamed), streamed=streamed)
        assert (len(fake.asked), fake.connections) == (5, 1)


@STREAMED
@KINDS
async def test_one_that_answers_in_the_other_form_than_it_was_asked_in(kind: Any, *, streamed: bool) -> None:
    async with faking(contrary(SPEECH[kind])) as fake, front(fake.upstream(kind)) as rooms:
        response = end_of(await rooms.create("hi", model="m", stream=streamed), streamed=streamed)
    assert told(response["output"]) == [("text", HELLO)]
