"""One model behind several upstreams: what fails before the first token is tried again, and then elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from msgspec.structs import replace

from antiphon.core import deltas as d
from antiphon.core.items import InputText, Message
from antiphon.core.ports import ModelInfo, Turn
from antiphon.core.prices import Prices
from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt, Sampling
from antiphon.core.request import Request
from antiphon.core.signals import Signal, UpstreamCalled
from antiphon.models.breaker import BreakerPolicy
from antiphon.models.lane import Lane
from antiphon.models.routed import Route, RoutedModel
from antiphon.models.routing import Retries
from antiphon.models.scripted import ScriptedModel
from antiphon.models.upstream import Upstream, UpstreamFault

pytestmark = pytest.mark.anyio

AT_ONCE = Retries(times=2, first=0.0, longest=0.0, patience=0.1)
DOWN = UpstreamFault(503, "overloaded", "down")
WORDS: list[d.Delta] = [d.TextDelta("a")]
END: list[d.Delta] = [d.UsageDelta(1000, 500, 200), d.Stop()]


class Spoken(ScriptedModel):
    """A model that does what it is told, call by call: batches to say, and faults to break with."""

    def __init__(self, *calls: Sequence[list[d.Delta] | Exception], ignores: str = "", late: bool = False) -> None:
        super().__init__()
        self.calls = list(calls)
        self.asked = 0
        self.closed = 0
        self.ignores = ignores
        self.late = late

    def check(self, request: Request) -> list[str]:
        return [self.ignores] if self.ignores else []

    async def count(self, prompt: Prompt) -> Count:
        for one in self._next():
            if isinstance(one, Exception):
                raise one
        return Count(7)

    async def open(self, prompt: Prompt) -> Turn:
        call = self._next()
        if isinstance(call[0], Exception) and not self.late:
            raise call[0]
        return self._say(call)

    def _next(self) -> Sequence[list[d.Delta] | Exception]:
        self.asked += 1
        return self.calls.pop(0) if len(self.calls) > 1 else self.calls[0]

    async def _say(self, call: Sequence[list[d.Delta] | Exception]) -> AsyncIterator[list[d.Delta]]:
        try:
            for one in call:
                if isinstance(one, Exception):
                    raise one
                yield one
        finally:
            self.closed += 1


def routed(signals: list[Signal], *models: Spoken, **options: int) -> RoutedModel:
    routes = [
        Route(
            Lane(
                Upstream(name=f"up{n}", url="http://127.0.0.1:1", **options),  # type: ignore[arg-type]  # counts only
                signals.append,
                BreakerPolicy(consecutive=4, pause=60),
            ),
            model,
        )
        for n, model in enumerate(models)
    ]
    prices = Prices(input=2.0, cached=1.0, output=4.0)
    return RoutedModel(ModelInfo("m", 0, "up0", prices=prices), routes, signals.append, AT_ONCE)


def prompt(text: str = "") -> Prompt:
    """Without words it has no key, so that the routes are asked in their order."""
    return Prompt(
        model="m", items=[Message(role="user", content=[InputText(text)])], sampling=Sampling(max_output_tokens=9)
    )


async def test_a_prompt_that_is_only_to_be_read_goes_to_no_upstream() -> None:
    only = Spoken([WORDS, END])
    asked = replace(prompt("a"), sampling=Sampling(max_output_tokens=0))
    turn = await routed([], only).open(asked)
    assert [delta async for batch in turn for delta in batch] == [d.UsageDelta(0, 0), d.Stop()]
    assert only.asked == 0


async def heard(model: RoutedModel, text: str = "") -> list[d.Delta]:
    turn = await model.open(prompt(text))
    return [delta async for batch in turn for delta in batch]


def outcomes(signals: list[Signal]) -> list[tuple[str, str, int]]:
    return [(one.upstream, one.outcome, one.status) for one in signals if isinstance(one, UpstreamCalled)]


@pytest.mark.parametrize("late", [False, True], ids=["refused", "broken before a word"])
async def test_one_that_fails_is_asked_again_and_then_the_next(late: bool) -> None:  # noqa: FBT001  a case of the test's table
    signals: list[Signal] = []
    first, second = Spoken([DOWN], late=late), Spoken([WORDS, END])
    assert await heard(routed(signals, first, second)) == [*WORDS, *END]
    assert (first.asked, second.asked) == (3, 1)
    assert outcomes(signals) == [("up0", "failed", 503)] * 3 + [("up1", "answered", 200)]


async def test_one_that_comes_to_itself_is_enough() -> None:
    model = Spoken([DOWN], [DOWN], [WORDS, END])
    assert await heard(routed([], model)) == [*WORDS, *END]
    assert model.asked == 3


async def test_a_request_that_is_wrong_is_asked_once() -> None:
    wrong = UpstreamFault(400, None, "bad", blame="request")
    first, second = Spoken([wrong]), Spoken([WORDS])
    with pytest.raises(UpstreamFault) as caught:
        await heard(routed([], first, second))
    assert caught.value is wrong and (first.asked, second.asked) == (1, 0)


async def test_a_key_that_is_refused_is_not_asked_again_but_another_is() -> None:
    refused = UpstreamFault(502, "server_error", "key", blame="upstream")
    first, second = Spoken([refused]), Spoken([WORDS, END])
    await heard(routed([], first, second))
    assert (first.asked, second.asked) == (1, 1)


async def test_when_nothing_is_left_the_last_ones_words_are_the_clients() -> None:
    late = UpstreamFault(429, "rate_limit_exceeded", "slow", retry_after=17)
    with pytest.raises(UpstreamFault) as caught:
        await heard(routed([], Spoken([DOWN]), Spoken([late])))
    assert (caught.value.status, caught.value.code, caught.value.retry_after) == (429, "rate_limit_exceeded", 17)


async def test_after_the_first_word_nothing_is_done_again() -> None:
    signals: list[Signal] = []
    first, second = Spoken([WORDS, DOWN]), Spoken([WORDS])
    with pytest.raises(UpstreamFault):
        await heard(routed(signals, first, second))
    assert (first.asked, second.asked) == (1, 0)
    assert outcomes(signals) == [("up0", "broken", 200)]


async def test_one_that_keeps_failing_is_not_asked_while_its_breaker_is_open() -> None:
    first, second = Spoken([DOWN]), Spoken([WORDS, END])
    model = routed([], first, second)
    for _ in range(4):
        await heard(model)
    assert first.asked == 4
    alone = routed([], Spoken([DOWN]))
    for _ in range(3):
        with pytest.raises(UpstreamFault) as caught:
            await heard(alone)
    assert caught.value.message == "down" and (caught.value.retry_after or 0) > 50


async def test_what_it_took_and_cost_is_told() -> None:
    signals: list[Signal] = []
    await heard(routed(signals, Spoken([WORDS, END])))
    (call,) = (one for one in signals if isinstance(one, UpstreamCalled))
    assert (call.input_tokens, call.output_tokens, call.outcome) == (1000, 500, "answered")
    assert call.first_delta is not None and call.first_delta <= call.seconds
    assert call.cost == pytest.approx((800 * 2 + 200 * 1 + 500 * 4) / 1e6)


async def test_a_turn_that_is_left_stops_its_model_and_gives_its_place_back() -> None:
    signals: list[Signal] = []
    spoken = Spoken([WORDS, WORDS, END])
    model = routed(signals, spoken, concurrency=1)
    for _ in range(3):
        turn = await model.open(prompt())  # it would wait for ever for a place that was not given back
        await turn.aclose()  # type: ignore[attr-defined]  # ports.Turn promises it
    assert spoken.closed == 3
    assert outcomes(signals) == [("up0", "left", 200)] * 3


async def test_a_cancel_while_the_first_word_is_awaited_gives_the_place_back() -> None:
    class Silent(Spoken):
        async def open(self, prompt: Prompt) -> Turn:
            await asyncio.Event().wait()
            raise AssertionError

    signals: list[Signal] = []
    model = routed(signals, Silent([[]]), concurrency=1)
    task = asyncio.create_task(model.open(prompt()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled() and outcomes(signals) == [("up0", "left", 200)]


async def test_too_many_for_one_go_to_the_next_and_then_are_refused() -> None:
    model = routed([], Spoken([WORDS, WORDS]), Spoken([WORDS, WORDS]), concurrency=1, queue=0)
    turns = [await model.open(prompt()) for _ in range(2)]
    with pytest.raises(Problem) as caught:
        await model.open(prompt())
    assert (caught.value.status, caught.value.code) == (503, "overloaded")
    for turn in turns:
        await turn.aclose()  # type: ignore[attr-defined]  # ports.Turn promises it


async def test_one_talk_stays_with_one_upstream_and_many_are_spread() -> None:
    first, second = Spoken([WORDS, END]), Spoken([WORDS, END])
    model = routed([], first, second)
    for _ in range(6):
        await heard(model, "the same talk")
    assert sorted((first.asked, second.asked)) == [0, 6]
    for number in range(40):
        await heard(model, f"talk {number}")
    assert min(first.asked, second.asked) > 8


async def test_counting_falls_back_too_and_what_any_ignores_is_named() -> None:
    first, second = Spoken([DOWN], ignores="top_k"), Spoken([WORDS], ignores="text.verbosity")
    model = routed([], first, second)
    assert await model.count(prompt()) == Count(7)
    assert model.check(Request(model="m")) == ["top_k", "text.verbosity"]
    with pytest.raises(UpstreamFault):
        await routed([], first).count(prompt())
