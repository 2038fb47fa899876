"""Thought before the answer, on the small model: with a template that speaks of it, the model thinks in truth."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.core import deltas as d
from antiphon.core.items import Item, Message, OutputText, Reasoning, ReasoningText
from antiphon.core.offers import choose, offers
from antiphon.core.prompt import Prompt, Sampling
from antiphon.core.request import (
    CustomTool,
    Effort,
    FunctionTool,
    JsonSchemaFormat,
    ReasoningOptions,
    Request,
    Text,
    tool_choice_from_json,
)
from antiphon.core.signals import Signal
from antiphon.models.llama import LlamaModel, LlamaOptions
from antiphon.models.llama_frames import Thinking
from antiphon.models.llama_thought import budget, framed, line, thinking
from tests.models.llama_talk import all_of
from tests.models.thinker import HYBRID, OPENS, THOUGHT, talk, thinker
from tests.served import ENGINE_THREADS

pytestmark = pytest.mark.anyio

EFFORTS: list[Effort] = ["minimal", "low", "medium", "high", "xhigh", "max"]


def asked(*items: Item, effort: Effort | None = None, bound: int = 100, said: list[Item] | None = None) -> Prompt:
    return Prompt(
        model="small",
        items=list(items),
        said=said or [],
        sampling=Sampling(max_output_tokens=bound, temperature=0),
        reasoning=ReasoningOptions(effort=effort),
    )


def thought_of(text: str) -> Reasoning:
    return Reasoning(content=[ReasoningText(text)])


@pytest.mark.parametrize(
    ("rendered", "had", "up_to", "closing"),
    [
        ("A:\n", None, "A:\n<think>\n", "</think>\n\n"),
        ("A:\n<think>\n", None, "A:\n<think>\n", "</think>\n\n"),
        ("A:\n<think>\n", "Hm.", "A:\n<think>\n", "</think>\n\n"),
        ("A:\n", "", "A:\n<think>\n\n</think>\n\n", ""),
        ("A:<think>", "", "A:<think>\n</think>\n\n", ""),
        ("A:\n<think>\n\n</think>\n\n", "", "A:\n<think>\n\n</think>\n\n", ""),
        ("A:\n<think></think>\n", None, "A:\n<think></think>\n", ""),
    ],
)
def test_where_a_thought_opens_and_what_closes_it(rendered: str, had: str | None, up_to: str, closing: str) -> None:
    assert framed(rendered, Thinking("<think>", had)) == (up_to, closing)
    assert framed(rendered, None) == (rendered, "")
    assert (line(""), line("Hm."), line("Hm. \n\n")) == ("", "Hm.\n", "Hm.\n")


def test_more_effort_is_a_larger_share_and_leaves_room_for_an_answer() -> None:
    shares = [budget(effort, 1000) for effort in EFFORTS]
    assert shares == sorted(shares) and shares[0] > 0 and shares[-1] < 1000
    assert budget(None, 1000) == budget("medium", 1000)
    assert [budget(effort, 1) for effort in EFFORTS] == [1] * len(EFFORTS)


def test_who_thinks_and_what_was_thought() -> None:
    assert thinking(asked(), None) is None
    assert thinking(asked(effort="high"), "<think>") == Thinking("<think>") == thinking(asked(), "<think>")
    assert thinking(asked(effort="none"), "<think>") == Thinking("<think>", "")
    half = Message(role="assistant", status="in_progress", content=[OutputText("No")])
    assert thinking(asked(said=[half]), "<think>") == Thinking("<think>", "")
    assert thinking(asked(said=[thought_of("Hm."), half]), "<think>") == Thinking("<think>", "Hm.")


def silent(signal: Signal) -> None:
    """Nobody listens."""


@asynccontextmanager
async def loaded(small_model: Path, template: str) -> AsyncIterator[LlamaModel]:
    with thinker(small_model, template) as path:
        model = LlamaModel(
            "thinker",
            path,
            LlamaOptions(threads=ENGINE_THREADS, context=2048, slots=1, niceness=0, load_seconds=120),
            silent,
        )
        await model.start()
        try:
            yield model
        finally:
            await model.stop()


@pytest.fixture(scope="module")
async def model(small_model: Path) -> AsyncIterator[LlamaModel]:
    async with loaded(small_model, HYBRID) as model:
        yield model


class Answer:
    """What was thought, what was said behind it, and the usage. Nothing is thought behind the answer's beginning."""

    def __init__(self, deltas: list[d.Delta]) -> None:
        self.thought, self.text, self.reason = "", "", ""
        self.calls: list[tuple[str, str]] = []
        self.usage = d.UsageDelta(0, 0)
        for delta in deltas:
            match delta:
                case d.ReasoningDelta(text=text):
                    assert not (self.text or self.calls)
                    self.thought += text
                case d.TextDelta(text=text):
                    self.text += text
                case d.CallBegun(name=name) | d.CustomBegun(name=name):
                    self.calls.append((name, ""))
                case d.CallDelta(text=text) | d.CustomDelta(text=text):
                    self.calls[-1] = self.calls[-1][0], self.calls[-1][1] + text
                case d.UsageDelta():
                    self.usage = delta
                case d.Stop(reason=reason):
                    self.reason = reason


async def answer(model: LlamaModel, prompt: Prompt) -> Answer:
    count = (await model.count(prompt)).tokens
    said = Answer(await all_of(await model.open(prompt)))
    assert said.usage.input_tokens == count or said.usage.output_tokens == said.usage.reasoning_tokens
    assert said.usage.cached_tokens <= said.usage.input_tokens and not said.usage.estimated
    return said


async def test_it_thinks_and_then_says(model: LlamaModel) -> None:
    said = await answer(model, asked(*talk()))
    assert (said.thought, said.reason) == (THOUGHT, "stop") and said.text
    assert 0 < said.usage.reasoning_tokens < said.usage.output_tokens <= 100


async def test_a_template_that_opens_a_thought_itself(small_model: Path) -> None:
    async with loaded(small_model, OPENS) as model:
        said = await answer(model, asked(*talk()))
        assert said.thought == THOUGHT and said.text
        silent_one = await answer(model, asked(*talk(), effort="none"))
        assert silent_one.thought == "" and silent_one.text


async def test_no_effort_is_no_thought(model: LlamaModel) -> None:
    said = await answer(model, asked(*talk(), effort="none"))
    assert said.thought == "" and said.text and said.usage.reasoning_tokens == 0
    assert model.check(Request(model="m", reasoning=ReasoningOptions(effort="high"))) == []


async def test_effort_bounds_the_thought_and_the_answer_follows_all_the_same(model: LlamaModel) -> None:
    tokens = []
    for effort in ("minimal", "low", "high"):
        said = await answer(model, asked(*talk(), effort=effort, bound=40))
        assert said.text and THOUGHT.startswith(said.thought)
        assert 0 < said.usage.reasoning_tokens <= budget(effort, 40)
        tokens.append(said.usage.reasoning_tokens)
    assert tokens == sorted(set(tokens))


async def test_a_limit_that_leaves_no_room_cuts_the_thought(model: LlamaModel) -> None:
    forced = with_tools(asked(*talk(), bound=1), choice={"type": "function", "name": "tell"})
    for prompt in (asked(*talk(), bound=1), forced):
        said = await answer(model, prompt)
        assert said.thought and (said.text, said.calls, said.reason) == ("", [], "length")
        assert (said.usage.output_tokens, said.usage.reasoning_tokens) == (1, 1)


ANSWER: Any = {
    "type": "object",
    "properties": {"cold": {"type": "boolean"}},
    "required": ["cold"],
    "additionalProperties": False,
}


async def test_a_schema_holds_what_comes_behind_the_thought(model: LlamaModel) -> None:
    prompt = asked(*talk())
    prompt.text = Text(format=JsonSchemaFormat(name="n", schema=ANSWER, strict=True))
    said = await answer(model, prompt)
    assert said.thought.startswith("The user asks") and said.reason == "stop"
    assert json.loads(said.text).keys() == {"cold"}


def with_tools(prompt: Prompt, choice: Any) -> Prompt:
    grammar = {"type": "grammar", "syntax": "regex", "definition": "hot|cold"}
    tools = [FunctionTool(name="tell", parameters=ANSWER, strict=True), CustomTool(name="word", format=grammar)]
    offered = offers(tools, [])
    chosen = tool_choice_from_json(choice)
    return replace(
        prompt,
        tools=tools,
        tool_choice=chosen,
        offers=offered,
        choice=choose(offered, chosen),
        parallel_tool_calls=False,
    )


@pytest.mark.parametrize(
    "choice", ["auto", "required", {"type": "function", "name": "tell"}, {"type": "custom", "name": "word"}]
)
async def test_tools_are_called_behind_the_thought(model: LlamaModel, choice: Any) -> None:
    said = await answer(model, with_tools(asked(*talk()), choice))
    assert said.thought and 0 < said.usage.reasoning_tokens < said.usage.output_tokens
    assert bool(said.text) != bool(said.calls)
    assert choice == "auto" or said.calls
    for name, given in said.calls if said.reason == "stop" else []:
        assert json.loads(given).keys() == {"cold"} if name == "tell" else given in {"hot", "cold"}


async def test_an_answer_that_was_interrupted_behind_its_thought_goes_on(model: LlamaModel) -> None:
    whole = await answer(model, asked(*talk()))
    half = Message(role="assistant", status="in_progress", content=[OutputText("Lava is")])
    for said in ([thought_of(THOUGHT)], [thought_of(THOUGHT), half]):
        later = await answer(model, asked(*talk(), said=said))
        assert later.thought == "" and later.text
        assert half in said or later.text == whole.text
        assert later.usage.input_tokens == whole.usage.input_tokens
        assert later.usage.output_tokens >= later.usage.reasoning_tokens > 0


async def test_log_probabilities_are_those_of_the_answer(model: LlamaModel) -> None:
    prompt = asked(*talk())
    prompt.sampling.top_logprobs = 1
    deltas = await all_of(await model.open(prompt))
    told = [entry.token for delta in deltas if isinstance(delta, d.TextDelta) for entry in delta.logprobs or []]
    assert "".join(told) == Answer(deltas).text != ""


async def test_a_cancel_while_it_thinks_frees_the_slot(model: LlamaModel) -> None:
    turn: Any = await model.open(asked(*talk(), bound=1500))
    async for _ in turn:
        break
    await turn.aclose()
    assert (await answer(model, asked(*talk()))).text
