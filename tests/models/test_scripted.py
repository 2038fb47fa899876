"""The scripted model does as it is told, and goes on where it was."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.core import deltas as d
from antiphon.core.compaction import asking, transcript
from antiphon.core.emitter import Completed, Emitter
from antiphon.core.items import FunctionCallOutput, InputText, Item, Message, OutputText
from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt, Sampling
from antiphon.core.request import Request
from antiphon.core.response import Response
from antiphon.models.scripted import ScriptedModel, script_of, words

pytestmark = pytest.mark.anyio


def user(script: Any) -> Message:
    text = script if isinstance(script, str) else json.dumps(script)
    return Message(role="user", content=[InputText(text)])


def prompt_of(
    *items: Item, said: list[Item] | None = None, bound: int = 1000, top_logprobs: int | None = None
) -> Prompt:
    sampling = Sampling(max_output_tokens=bound, top_logprobs=top_logprobs)
    return Prompt(model="scripted", items=list(items), said=said or [], sampling=sampling)


async def play(prompt: Prompt, model: ScriptedModel | None = None) -> list[d.Delta]:
    turn: Any = await (model or ScriptedModel()).open(prompt)
    async with aclosing(turn) as batches:
        return [delta async for batch in batches for delta in batch]


async def test_plain_text_is_said_back_word_by_word() -> None:
    *said, usage, stop = await play(prompt_of(user("one  two\nthree ")))
    assert [delta.text for delta in said if isinstance(delta, d.TextDelta)] == ["one", "  two", "\nthree "]
    assert usage == d.UsageDelta(3, 3) and stop == d.Stop("stop")


async def test_a_prompt_that_is_only_read_is_answered_with_nothing() -> None:
    assert await play(prompt_of(user("one two"), bound=0)) == [d.UsageDelta(2, 0), d.Stop("stop")]
    assert await play(prompt_of(bound=0)) == [d.UsageDelta(0, 0), d.Stop("stop")]


@given(st.text())
def test_words_lose_nothing(text: str) -> None:
    assert "".join(words(text)) == text


def test_a_text_of_blanks_is_one_word_however_long() -> None:
    blanks = " \n" * 500_000  # looking for a word at each of them would take hours
    assert words(blanks) == [blanks]
    assert words("") == []


async def test_every_kind_of_step() -> None:
    steps = [
        {"reasoning": "r s"},
        {"summary": "t u"},
        {"text": "a b", "whole": True},
        {"refusal": "no"},
        {"call": {"name": "f", "arguments": {"x": [1]}, "call_id": "c"}},
        {"custom": {"name": "g", "input": "raw text"}},
        {"item": {"type": "acme:oracle_call", "id": "o_1"}},
        {"usage": {"input_tokens": 7, "output_tokens": 5, "cached_tokens": 4}},
        {"stop": "content_filter"},
    ]
    said = await play(prompt_of(user(steps)))
    kinds = [type(delta).__name__ for delta in said]
    assert kinds[:5] == ["ReasoningDelta", "ReasoningDelta", "SummaryDelta", "SummaryDelta", "TextDelta"]
    assert kinds[5:8] == ["RefusalDelta", "CallBegun", "CallDelta"]
    assert [delta.text for delta in said if isinstance(delta, d.CallDelta)] == ['{"x":[1]}']
    assert "ItemDelta" in kinds and "CustomDelta" in kinds
    assert said[-2:] == [d.UsageDelta(7, 5, cached_tokens=4), d.Stop("content_filter")]


async def test_turns_are_chosen_by_the_outputs_that_came() -> None:
    script = user({"turns": [[{"text": "first"}], [{"text": "second"}]]})
    output = FunctionCallOutput(call_id="c", output="x")
    for outputs, expected in ((0, "first"), (1, "second"), (2, "second")):
        first = (await play(prompt_of(script, *[output] * outputs)))[0]
        assert isinstance(first, d.TextDelta) and first.text == expected
    assert script_of([]) == script_of([Message(role="system")])
    assert len(await play(prompt_of(user('[{"text": 5}]')))) == 4  # no script after all: said back


async def test_it_tells_what_it_was_given() -> None:
    script = user({"turns": [[{"text": "first"}], [{"text": "It is "}, {"tell": "output"}]]})
    for output in ("18 degrees", [InputText("18 degrees")]):
        said = await play(prompt_of(script, FunctionCallOutput(call_id="c", output=output)))
        assert "".join(delta.text for delta in said if isinstance(delta, d.TextDelta)) == "It is 18 degrees"
    assert await play(prompt_of(user([{"tell": "output"}]))) == [d.UsageDelta(2, 0), d.Stop("stop")]  # none was given
    prompt = prompt_of(Message(role="developer", content=[InputText("Be brief.")]), user([{"tell": "prompt"}]))
    told = (await play(prompt))[0]
    assert isinstance(told, d.TextDelta)
    read = json.loads(told.text)
    assert (read["model"], read["items"][0]["content"][0]["text"]) == ("scripted", "Be brief.")


async def test_of_a_summary_it_says_the_facts_alone() -> None:
    items = [user("FACT one\nnot this"), Message(role="assistant", content=[OutputText("FACT two\nFACT one")])]
    for asked in (
        asking(transcript(items)),
        [*items, user("You make a CONTEXT CHECKPOINT COMPACTION. Create a summary.")],
    ):
        said = await play(prompt_of(*asked))
        assert "".join(delta.text for delta in said if isinstance(delta, d.TextDelta)) == "FACT one\nFACT two"


async def test_a_bound_cuts_and_is_told() -> None:
    said = await play(prompt_of(user([{"text": "one two three four"}]), bound=2))
    assert [delta.text for delta in said if isinstance(delta, d.TextDelta)] == ["one", " two"]
    assert said[-2:] == [d.UsageDelta(5, 2), d.Stop("length")]
    assert (await play(prompt_of(user("one two"), bound=2)))[-1] == d.Stop("stop")


async def test_it_refuses_and_breaks_as_told() -> None:
    refusal = [{"fail": {"status": 503, "code": "overloaded", "message": "No."}}]
    with pytest.raises(Problem) as found:
        await ScriptedModel().open(prompt_of(user(refusal)))
    assert (found.value.status, found.value.code) == (503, "overloaded")
    with pytest.raises(Problem, match="told to fail"):
        await play(prompt_of(user([{"text": "a"}, {"fail": {}}])))
    with pytest.raises(RuntimeError, match="crash"):
        await play(prompt_of(user([{"crash": True}])))
    with pytest.raises(Problem) as found:
        await ScriptedModel(context=5).open(prompt_of(user("one two three four five")))
    assert (found.value.code, found.value.param) == ("context_length_exceeded", "input")


async def test_it_counts_what_it_sees() -> None:
    model = ScriptedModel()
    prompt = prompt_of(user("one two"), Message(role="assistant", content=[OutputText("three")]))
    assert await model.count(prompt) == Count(3)
    usage = next(delta for delta in await play(prompt) if isinstance(delta, d.UsageDelta))
    assert usage.input_tokens == 3
    assert model.check(Request(model="scripted", top_k=4)) == []
    assert (model.info().id, model.readiness().ready) == ("scripted", True)


async def test_logprobs_only_where_they_are_wanted() -> None:
    plain = (await play(prompt_of(user("a"))))[0]
    told = (await play(prompt_of(user("a"), top_logprobs=1)))[0]
    assert isinstance(plain, d.TextDelta) and plain.logprobs is None
    assert isinstance(told, d.TextDelta) and told.logprobs is not None
    assert [len(word.top_logprobs) for word in told.logprobs] == [1]


async def test_closing_the_turn_stops_it_at_once() -> None:
    turn: Any = await ScriptedModel().open(prompt_of(user([{"text": "a b", "delay": 60}])))
    waiting = asyncio.ensure_future(anext(turn))
    await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await turn.aclose()


_steps = st.lists(
    st.fixed_dictionaries({"text": st.text("ab ", min_size=1)})
    | st.fixed_dictionaries({"reasoning": st.text("cd ", min_size=1)})
    | st.fixed_dictionaries({"call": st.fixed_dictionaries({"name": st.just("f"), "arguments": st.just({"x": 1})})}),
    min_size=1,
    max_size=5,
)


@given(_steps, st.data())
def test_after_an_interruption_it_says_the_rest_and_nothing_twice(steps: list[Any], data: st.DataObject) -> None:
    async def both() -> None:
        whole = await play(prompt_of(user(steps)))
        speech = whole[:-2]
        cut = data.draw(st.integers(0, len(speech)))
        response = Response(id="resp_1", created_at=1, model="scripted")
        numbers = iter(range(1000))
        emitter = Emitter(response, new_id=lambda prefix: f"{prefix}_{next(numbers)}", now=lambda: 2)
        emitter.start()
        emitter.feed(speech[:cut])
        rest = await play(prompt_of(user(steps), said=emitter.said()))
        emitter.feed(rest)
        emitter.finish(Completed())
        texts = [text_of(item) for item in emitter.fold.response.output]
        once = Emitter(response, new_id=lambda prefix: f"{prefix}_{next(numbers)}", now=lambda: 2)
        once.start()
        once.feed(whole)
        once.finish(Completed())
        assert "".join(texts) == "".join(text_of(item) for item in once.fold.response.output)

    asyncio.run(both())


def text_of(item: Any) -> str:
    parts = [*(getattr(item, "content", None) or []), *(getattr(item, "summary", None) or [])]
    return "".join(part.text for part in parts) + getattr(item, "arguments", "")
