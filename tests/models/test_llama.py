import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from antiphon.core.deltas import TextDelta
from antiphon.core.items import InputText, Message, OutputText, Role
from antiphon.core.problems import Problem
from antiphon.core.signals import Signal
from antiphon.models.llama import LlamaModel, LlamaOptions
from tests.models.llama_talk import all_of, answer, assistant, prompt, text_of, until, user
from tests.served import ENGINE_THREADS

pytestmark = pytest.mark.anyio

ROLES: tuple[Role, ...] = ("system", "developer")
LONG = "one two three four five six seven eight nine ten "


def silent(signal: Signal) -> None:
    """Nobody listens."""


@asynccontextmanager
async def loaded(path: Path, options: LlamaOptions) -> AsyncIterator[LlamaModel]:
    model = LlamaModel("small", path, options, silent)
    await model.start()
    try:
        yield model
    finally:
        await model.stop()


@pytest.fixture(scope="module")
async def model(small_model: Path) -> AsyncIterator[LlamaModel]:
    async with loaded(small_model, LlamaOptions(threads=ENGINE_THREADS, context=4096)) as model:
        yield model


@pytest.fixture(scope="module")
async def narrow(small_model: Path) -> AsyncIterator[LlamaModel]:
    """One slot, one place to wait."""
    async with loaded(small_model, LlamaOptions(threads=ENGINE_THREADS, context=8192, slots=1, queue=1)) as model:
        yield model


async def test_text_comes_in_pieces_with_usage_and_reason_at_the_end(model: LlamaModel) -> None:
    asked = prompt("What is 2+2?", bound=5)
    turn = await model.open(asked)
    batches = [batch async for batch in turn]
    assert len(batches) > 1
    text, usage, reason = await answer(model, asked)
    assert text and text == text_of([delta for batch in batches for delta in batch][:-2])
    assert usage.input_tokens == (await model.count(asked)).tokens
    assert (usage.output_tokens, reason) == (5, "length")


async def test_an_answer_that_ends_by_itself_stops(model: LlamaModel) -> None:
    _, usage, reason = await answer(model, prompt("What is 2+2?", bound=200))
    assert reason == "stop" and usage.output_tokens < 200


async def test_system_and_developer_are_the_same_to_the_model(model: LlamaModel) -> None:
    roles = [Message(role=role, content=[InputText("Answer in French.")]) for role in ROLES]
    answers = [await answer(model, prompt(told, "What is the sea?", bound=24)) for told in roles]
    assert answers[0][0] == answers[1][0] != (await answer(model, prompt("What is the sea?", bound=24)))[0]
    assert answers[0][1].input_tokens == answers[1][1].input_tokens


async def test_the_second_turn_reads_only_what_is_new(model: LlamaModel) -> None:
    first = prompt(LONG * 10)
    text, before, _ = await answer(model, first)
    asked = prompt(*first.items, assistant(text), "Go on.")
    _, after, _ = await answer(model, asked)
    assert after.cached_tokens >= before.input_tokens - 1
    assert after.cached_tokens < after.input_tokens == (await model.count(asked)).tokens


async def test_a_prompt_that_is_only_read_makes_the_next_one_quicker(model: LlamaModel) -> None:
    """It says nothing, and is read all the same; what goes on from it reads only what is new."""
    told = Message(role="system", content=[InputText("Only read. " + LONG * 10)])
    text, read, stop = await answer(model, prompt(told, bound=0))
    assert (text, stop, read.output_tokens) == ("", "stop", 0)
    assert read.input_tokens > 100
    _, after, _ = await answer(model, prompt(told, "What is the sea?", bound=4))
    assert after.cached_tokens > 0.9 * read.input_tokens


async def test_nothing_at_all_is_read_in_no_time(model: LlamaModel) -> None:
    text, _, stop = await answer(model, prompt(bound=0))
    assert (text, stop) == ("", "stop")
    assert await model.busy() == 0


async def test_reading_alone_is_bound_by_the_context_and_ends_when_it_is_left(model: LlamaModel) -> None:
    with pytest.raises(Problem) as found:
        await model.open(prompt(LONG * 2000, bound=0))
    assert found.value.code == "context_length_exceeded"
    turn = await model.open(prompt(LONG * 40, bound=0))
    await turn.aclose()  # type: ignore[attr-defined]  # ports.Turn promises it

    async def idle() -> bool:
        return await model.busy() == 0 and model.running == 0

    await until(idle)


async def test_conversations_that_fill_the_context_make_room_for_one_another(small_model: Path) -> None:
    async with loaded(small_model, LlamaOptions(threads=ENGINE_THREADS, context=256)) as model:
        openings = [prompt(f"Story number {number}. " + LONG * 12, bound=4) for number in range(4)]
        assert sum([(await model.count(opening)).tokens for opening in openings]) > 1.5 * 256
        for opening in openings:
            await answer(model, opening)
        for opening in openings:
            _, usage, _ = await answer(model, prompt(*opening.items, assistant("Yes."), "Go on.", bound=4))
            assert usage.cached_tokens > 100


async def test_an_answer_goes_on_where_it_was_interrupted(model: LlamaModel) -> None:
    asked = prompt("Tell me about the sea.", bound=24)
    whole, usage, _ = await answer(model, asked)
    begun = whole[: whole.rindex(" ", 0, len(whole) // 2)]
    half = Message(role="assistant", status="in_progress", content=[OutputText(begun)])
    rest, later, _ = await answer(model, replace(asked, said=[half]))
    assert rest.startswith(" ") and not rest.strip().startswith(begun[:10])
    assert (later.input_tokens, later.output_tokens) == (usage.input_tokens, 24)


async def test_an_answer_that_had_reached_its_bound_says_no_more(model: LlamaModel) -> None:
    said = Message(role="assistant", status="in_progress", content=[OutputText("The sea is wide and blue.")])
    text, usage, reason = await answer(model, replace(prompt("Go.", bound=2), said=[said]))
    assert (text, reason) == ("", "length") and usage.output_tokens >= 2


@pytest.mark.parametrize("alternatives", [0, 3])
async def test_log_probabilities_with_as_many_alternatives_as_asked(model: LlamaModel, alternatives: int) -> None:
    turn = await model.open(prompt("What is 2+2?", bound=4, top_logprobs=alternatives))
    pieces = [delta for delta in await all_of(turn) if isinstance(delta, TextDelta)]
    told = [entry for piece in pieces for entry in piece.logprobs or []]
    assert "".join(entry.token for entry in told) == text_of(list(pieces))
    for entry in told:
        assert entry.logprob <= 0 and bytes(entry.bytes).decode() == entry.token
        assert len(entry.top_logprobs) == alternatives


async def test_characters_of_several_tokens_come_whole(model: LlamaModel) -> None:
    turn = await model.open(prompt("Repeat exactly: 🎉🎊日本語", bound=24))
    assert "\ufffd" not in text_of([delta for delta in await all_of(turn) if isinstance(delta, TextDelta)])


async def test_marks_of_the_template_in_a_begun_answer_are_text(model: LlamaModel) -> None:
    plain = (await model.count(prompt("Hi"))).tokens
    said = Message(role="assistant", status="in_progress", content=[OutputText("<|im_end|>")])
    assert (await model.count(replace(prompt("Hi"), said=[said]))).tokens == plain
    _, usage, _ = await answer(model, replace(prompt("Hi", bound=12), said=[said]))
    assert usage.output_tokens > 2


async def test_what_is_too_long_is_refused_with_both_numbers(model: LlamaModel) -> None:
    asked = prompt(LONG * 500)
    size = (await model.count(asked)).tokens
    with pytest.raises(Problem) as refused:
        await model.open(asked)
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, "context_length_exceeded", "input")
    assert "4096" in refused.value.message and str(size) in refused.value.message


async def test_a_bound_beyond_the_context_is_lowered_to_what_fits(model: LlamaModel) -> None:
    _, usage, reason = await answer(model, prompt("What is 2+2?", bound=1_000_000))
    assert reason == "stop" and usage.output_tokens < 4096


async def test_what_does_not_fit_beside_the_others_waits_for_them(model: LlamaModel) -> None:
    first = await model.open(prompt(LONG * 100, bound=2000))
    second = await model.open(prompt(LONG * 110, bound=2000))
    third = await model.open(prompt("Hi", bound=4))
    assert (model.running, model.waiting) == (1, 2)
    await first.aclose()  # type: ignore[attr-defined]  # a Turn has aclose, AsyncIterator does not name it
    assert (model.running, model.waiting) == (2, 0)
    await second.aclose()  # type: ignore[attr-defined]  # as above
    await all_of(third)
    assert (model.running, model.waiting) == (0, 0)


async def test_a_full_queue_refuses_and_those_who_wait_come_in_order(narrow: LlamaModel) -> None:
    ends: list[str] = []

    async def ask(name: str, turn: object) -> None:
        await all_of(turn)  # type: ignore[arg-type]  # it is the Turn that open gave
        ends.append(name)

    first = asyncio.create_task(ask("first", await narrow.open(prompt("Count to ten.", bound=40))))
    second = asyncio.create_task(ask("second", await narrow.open(prompt("Hi", bound=2))))
    with pytest.raises(Problem) as refused:
        await narrow.open(prompt("Hi"))
    assert (refused.value.status, refused.value.code) == (503, "overloaded")
    assert refused.value.retry_after is not None
    await asyncio.gather(first, second)
    assert ends == ["first", "second"]


async def test_one_who_waits_can_be_cancelled(narrow: LlamaModel) -> None:
    first = await narrow.open(prompt("Count to ten.", bound=30))
    second = await narrow.open(prompt("Hi"))
    waiting = asyncio.create_task(all_of(second))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert narrow.waiting == 0
    await all_of(first)
    assert (await answer(narrow, prompt("Hi", bound=2)))[0]


async def test_a_cancel_in_a_long_prefill_frees_the_slot(narrow: LlamaModel) -> None:
    turn = await narrow.open(prompt(LONG * 550, bound=4))
    reading = asyncio.create_task(all_of(turn))

    async def at_work() -> bool:
        return await narrow.busy() == 1

    async def free() -> bool:
        return await narrow.busy() == 0 and narrow.running == 0

    await until(at_work)
    reading.cancel()
    await until(free)
    assert reading.cancelled()
    assert (await answer(narrow, prompt("Hi", bound=2)))[0]


async def test_a_child_that_is_killed_ends_its_turns_and_is_back_by_itself(narrow: LlamaModel) -> None:
    running = await narrow.open(prompt("Write a very long story.", bound=2000))
    waiting = await narrow.open(prompt("What is 2+2?", bound=4))
    assert await anext(running)
    killed = narrow.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(Problem) as lost:
        await all_of(running)
    assert (lost.value.status, lost.value.code) == (500, "server_error")
    assert await all_of(waiting), "one who waited is answered by the next child"
    assert narrow.pid not in {None, killed} and narrow.readiness().ready
    assert (await answer(narrow, prompt(user("Hi"), bound=2)))[0]


async def test_the_same_seed_says_the_same_and_stays_within_top_k(small_model: Path) -> None:
    async with loaded(small_model, LlamaOptions(threads=ENGINE_THREADS, context=1024, slots=1, seed=7)) as model:
        asked = prompt("Invent a name.", temperature=1.5)
        assert (await answer(model, asked))[0] == (await answer(model, asked))[0]
        asked.sampling.top_k = 1
        greedy = prompt("Invent a name.", temperature=0.0)
        assert (await answer(model, asked))[0] == (await answer(model, greedy))[0]


async def test_while_it_loads_it_says_so_and_requests_wait(small_model: Path) -> None:
    model = LlamaModel("small", small_model, LlamaOptions(threads=ENGINE_THREADS, context=1024, slots=1), silent)
    assert not model.readiness().ready
    await model.start()
    try:
        assert "so far" in model.readiness().detail or not model.readiness().ready
        assert (await answer(model, prompt("Hi", bound=2)))[0]
        assert model.readiness().ready and model.info().context == 1024
    finally:
        await model.stop()
    with pytest.raises(Problem) as gone:
        await model.open(prompt("Hi"))
    assert gone.value.status == 503
