"""What the `Limiter` port says, over every limiter.

`PIECE` is how coarse a limiter may be: by so much, and no more, may it make somebody wait too long.
"""

import asyncio
import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from antiphon.core.accounts import Limiter, Limits, Quota, Standing
from antiphon.core.problems import Problem
from tests.conformance.limiters import LIMITERS
from tests.store.made import Clock

pytestmark = pytest.mark.anyio

MINUTE, DAY = 60.0, 86_400.0
PIECE = {MINUTE: 1.0, DAY: 60.0}

Made = Callable[[Clock], Limiter]


@pytest.fixture(params=list(LIMITERS))
def made(request: pytest.FixtureRequest) -> Made:
    return LIMITERS[request.param]


def quota(subject: str = "s", **limits: int) -> list[Quota]:
    return [Quota(subject, Limits(**limits))]


async def refused(limiter: Limiter, quotas: list[Quota], tokens: int = 1) -> Problem:
    with pytest.raises(Problem) as found:
        await limiter.take("refused", quotas, tokens)
    assert (found.value.status, found.value.code) == (429, "rate_limit_exceeded")
    return found.value


async def test_requests_of_a_minute_and_of_a_day_are_bounded(made: Made) -> None:
    for limits, span in ((quota(requests_per_minute=3), MINUTE), (quota(requests_per_day=3), DAY)):
        clock = Clock()
        limiter = made(clock)
        for number in range(3):
            await limiter.take(str(number), limits, 1)
        problem = await refused(limiter, limits)
        assert problem.retry_after is not None and span <= problem.retry_after <= span + PIECE[span]
        assert "limit 3" in problem.message and "'s'" in problem.message and problem.retry is None
        assert f"Try again in {math.ceil(problem.retry_after)} s." in problem.message
        clock.now += span / 2
        await refused(limiter, limits)
        clock.now += span / 2 + PIECE[span]
        await limiter.take("again", limits, 1)


async def test_tokens_are_taken_and_settled_with_what_was_used(made: Made) -> None:
    limits = quota(tokens_per_minute=100)
    limiter = made(Clock())
    await limiter.take("a", limits, 90)
    await refused(limiter, limits, 11)
    await limiter.settle("a", 40)
    await limiter.take("b", limits, 60)
    await limiter.settle("b", 75)  # more than was reserved
    standing = await limiter.standing(limits)
    assert (standing.limit_tokens, standing.remaining_tokens) == (100, 0)
    await refused(limiter, limits, 1)


async def test_a_run_that_was_let_in_elsewhere_has_its_place_whatever_the_limits_say(made: Made) -> None:
    limits = quota(concurrent_runs=1, requests_per_minute=9, tokens_per_minute=100)
    limiter = made(Clock())
    await limiter.take("here", limits, 1)
    await limiter.hold("elsewhere", limits)
    await limiter.settle("here", 1)
    await refused(limiter, limits)
    standing = await limiter.standing(limits)
    assert (standing.remaining_requests, standing.remaining_tokens) == (8, 99), "nothing else is counted for it"
    await limiter.settle("elsewhere", 50)
    await limiter.settle("elsewhere", 50)
    await limiter.take("again", limits, 99)


async def test_who_needs_more_than_the_oldest_gives_back_waits_for_the_next(made: Made) -> None:
    limits = quota(tokens_per_minute=100)
    clock = Clock()
    limiter = made(clock)
    for ticket in "ab":
        await limiter.take(ticket, limits, 50)
        clock.now += 10
    for tokens, span in ((50, MINUTE - 20), (51, MINUTE - 10), (100, MINUTE - 10)):
        wait = (await refused(limiter, limits, tokens)).retry_after
        assert wait is not None and span <= wait <= span + PIECE[MINUTE]


async def test_what_is_more_than_reserved_counts_when_it_is_known(made: Made) -> None:
    limits = quota(tokens_per_minute=100)
    clock = Clock()
    limiter = made(clock)
    await limiter.take("a", limits, 10)
    clock.now += 100  # a long run
    await limiter.settle("a", 90)
    assert (await limiter.standing(limits)).remaining_tokens == 20
    clock.now += 61
    assert (await limiter.standing(limits)).remaining_tokens == 100


async def test_what_is_settled_late_gives_nothing_back_twice(made: Made) -> None:
    limits = quota(tokens_per_minute=100)
    clock = Clock()
    limiter = made(clock)
    await limiter.take("a", limits, 90)
    clock.now += 100
    await limiter.take("b", limits, 80)
    await limiter.settle("a", 0)
    assert (await limiter.standing(limits)).remaining_tokens == 20


async def test_runs_at_once_are_bounded_and_given_back_once(made: Made) -> None:
    limits = quota(concurrent_runs=2)
    limiter = made(Clock())
    await limiter.take("a", limits, 1)
    await limiter.take("b", limits, 1)
    problem = await refused(limiter, limits)
    assert problem.retry_after is not None and problem.retry_after > 0
    await limiter.settle("a", 1)
    await limiter.settle("a", 1)
    await limiter.settle("never taken", 1)
    await limiter.take("c", limits, 1)
    await refused(limiter, limits)


@pytest.mark.parametrize(
    "limits",
    [
        Limits(tokens_per_minute=99),
        Limits(requests_per_minute=0),
        Limits(requests_per_day=0),
        Limits(concurrent_runs=0),
        Limits(tokens_per_minute=99, requests_per_day=1),
    ],
)
async def test_what_can_never_be_let_in_is_told_not_to_come_again(made: Made, limits: Limits) -> None:
    limiter = made(Clock())
    problem = await refused(limiter, [Quota("s", limits)], 100)
    assert problem.retry is False and problem.retry_after is None


async def test_all_quotas_are_taken_or_none(made: Made) -> None:
    wide, narrow = quota("key", requests_per_minute=10, tokens_per_minute=1000), quota("project", concurrent_runs=1)
    limiter = made(Clock())
    await limiter.take("a", wide + narrow, 10)
    for _ in range(20):
        assert "'project'" in (await refused(limiter, wide + narrow, 10)).message
    standing = await limiter.standing(wide)
    assert (standing.remaining_requests, standing.remaining_tokens) == (9, 990)


async def test_who_is_refused_for_two_reasons_is_told_the_longer_wait(made: Made) -> None:
    limits = quota(requests_per_minute=1, requests_per_day=1, concurrent_runs=1)
    limiter = made(Clock())
    await limiter.take("a", limits, 1)
    problem = await refused(limiter, limits)
    assert problem.retry_after is not None and problem.retry_after >= DAY and "per day" in problem.message


async def test_the_standing_is_that_of_the_tightest(made: Made) -> None:
    quotas = [
        *quota("key", requests_per_minute=10, requests_per_day=50),
        *quota("project", requests_per_minute=3, tokens_per_minute=100),
        *quota("project/m", requests_per_minute=8, tokens_per_minute=80),
    ]
    clock = Clock()
    limiter = made(clock)
    assert await limiter.standing([]) == Standing()
    fresh = await limiter.standing(quotas)
    assert (fresh.limit_requests, fresh.remaining_requests, fresh.reset_requests) == (3, 3, 0)
    for asked in (quotas, quotas[::-1]):
        assert await limiter.take("a", asked, 15) == await limiter.standing(quotas)
    clock.now += 10
    for ticket in "bcde":
        await limiter.take(ticket, quotas[:1], 5)
    found = await limiter.standing(quotas)
    assert (found.limit_requests, found.remaining_requests) == (3, 1)
    assert (found.limit_requests_day, found.remaining_requests_day) == (50, 44)
    assert (found.limit_tokens, found.remaining_tokens) == (80, 50)
    assert found.reset_tokens is not None and 50 <= found.reset_tokens <= 51
    assert found.reset_requests is not None and 50 <= found.reset_requests <= 51
    assert found.reset_requests_day is not None and DAY - 10 <= found.reset_requests_day <= DAY + 60
    assert (await limiter.standing(quota("other", requests_per_minute=7))).remaining_requests == 7


async def test_many_at_once_get_what_there_is_and_no_more(made: Made) -> None:
    limits = quota(requests_per_minute=40, tokens_per_minute=100, concurrent_runs=64)
    limiter = made(Clock())
    takes = (limiter.take(str(number), limits, 4) for number in range(64))
    results = await asyncio.gather(*takes, return_exceptions=True)
    let_in = [one.remaining_tokens for one in results if isinstance(one, Standing)]
    assert let_in == [*range(96, -1, -4)]


# Random days


class Step(Struct, frozen=True):
    """Time passes, then a run is settled where one is open, then another asks to be let in."""

    wait: float
    settle: int | None
    asker: int
    tokens: int
    used: int


WAITS = [0.0, 0.0, 0.0, 0.001, 0.4, 1.0, 7.3, 29.7, 59.2, 59.999, 60.0, 61.0, 600.0, 43_200.0, 86_399.5, 90_000.0]
STEPS = st.lists(
    st.builds(
        Step,
        wait=st.sampled_from(WAITS),
        settle=st.one_of(st.none(), st.integers(0, 5)),
        asker=st.integers(0, 2),
        tokens=st.integers(0, 60),
        used=st.integers(0, 80),
    ),
    min_size=8,
    max_size=50,
)
FEW = st.one_of(st.none(), st.integers(1, 4))
SOME_LIMITS = st.builds(
    Limits,
    requests_per_minute=FEW,
    requests_per_day=FEW,
    tokens_per_minute=st.one_of(st.none(), st.integers(40, 150)),
    concurrent_runs=st.one_of(st.none(), st.integers(1, 9)),
)


class Diary:
    """What was let in, as a person would write it down: subject by subject, with times."""

    def __init__(self, limits: list[Limits]) -> None:
        project = Quota("project", limits[0])
        self.quotas = [[project], [project, Quota("key1", limits[1])], [project, Quota("key2", limits[2])]]
        self.requests: dict[str, list[float]] = {quota.subject: [] for asker in self.quotas for quota in asker}
        self.tokens: dict[str, list[list[float]]] = {subject: [] for subject in self.requests}
        self.open: list[tuple[str, list[Quota], int, dict[str, list[float]]]] = []

    def admit(self, ticket: str, quotas: list[Quota], tokens: int, now: float) -> None:
        rows = {}
        for one in quotas:
            self.requests[one.subject].append(now)
            rows[one.subject] = [now, tokens]
            self.tokens[one.subject].append(rows[one.subject])
        self.open.append((ticket, quotas, tokens, rows))

    def settle(self, number: int, used: int, now: float) -> str:
        ticket, quotas, tokens, rows = self.open.pop(number % len(self.open))
        for one in quotas:
            if used <= tokens:
                rows[one.subject][1] = used
            else:
                self.tokens[one.subject].append([now, used - tokens])
        return ticket

    def running(self, subject: str) -> int:
        return sum(any(one.subject == subject for one in quotas) for _, quotas, _, _ in self.open)

    def full(self, quotas: list[Quota]) -> bool:
        """Whether as many run as may."""
        bounds = ((one, one.limits.concurrent_runs) for one in quotas)
        return any(bound is not None and self.running(one.subject) >= bound for one, bound in bounds)

    def counted(self, one: Quota, now: float, slack: float) -> tuple[int, int, float]:
        """Requests of the minute and of the day before `now`, and its tokens; windows longer by so many pieces."""
        minute, day = MINUTE + slack * PIECE[MINUTE], DAY + slack * PIECE[DAY]
        requests = self.requests[one.subject]
        return (
            sum(at > now - minute for at in requests),
            sum(at > now - day for at in requests),
            sum(count for at, count in self.tokens[one.subject] if at > now - minute),
        )

    def fits(self, quotas: list[Quota], tokens: int, now: float, slack: float) -> bool:
        """Whether a request could be let in, were the windows longer by so many pieces."""
        for one in quotas:
            minute, day, used = self.counted(one, now, slack)
            limits = one.limits
            bounds = (
                (minute + 1, limits.requests_per_minute),
                (day + 1, limits.requests_per_day),
                (used + tokens, limits.tokens_per_minute),
            )
            if any(bound is not None and count > bound for count, bound in bounds):
                return False
        return not self.full(quotas)


@pytest.mark.parametrize("name", list(LIMITERS))
@settings(max_examples=120, deadline=None)
@given(
    limits=st.lists(SOME_LIMITS, min_size=3, max_size=3),
    steps=STEPS,
    start=st.sampled_from([0.0, 0.5, 86_399.9, 1_764_104_211.321]),
)
async def test_over_random_days_no_more_is_let_in_than_may_and_all_adds_up(
    name: str, limits: list[Limits], steps: list[Step], start: float
) -> None:
    clock = Clock()
    clock.now = start
    limiter = LIMITERS[name](clock)
    diary = Diary(limits)
    for number, step in enumerate(steps):
        clock.now += step.wait
        if step.settle is not None and diary.open:
            await limiter.settle(diary.settle(step.settle, step.used, clock.now), step.used)
        await ask(limiter, clock, diary, step, str(number))


async def ask(limiter: Limiter, clock: Clock, diary: Diary, step: Step, ticket: str) -> None:
    quotas = diary.quotas[step.asker]
    before = await limiter.standing(quotas)
    try:
        await limiter.take(ticket, quotas, step.tokens)
    except Problem as problem:
        assert not diary.fits(quotas, step.tokens, clock.now, slack=1), "refused, though there was room"
        assert await limiter.standing(quotas) == before, "a refusal took something"
        if problem.retry_after is not None:
            await enough(limiter, clock, diary, step, problem.retry_after)
        return
    assert diary.fits(quotas, step.tokens, clock.now, slack=0), "let in, though there was no room"
    diary.admit(ticket, quotas, step.tokens, clock.now)
    for one in quotas:
        adds_up(await limiter.standing([one]), one, diary, clock.now)


async def enough(limiter: Limiter, clock: Clock, diary: Diary, step: Step, wait: float) -> None:
    """Who comes again after what was told (in milliseconds, rounded up) is let in, unless it is runs that have to
    end; and could not have come a piece earlier."""
    quotas = diary.quotas[step.asker]
    if diary.full(quotas):
        return
    early = clock.now + wait - 0.01
    assert not diary.fits(quotas, step.tokens, early, slack=1), "told to wait too long"
    clock.now += math.ceil(wait * 1000) / 1000
    late = f"late at {clock.now}"
    await limiter.take(late, quotas, step.tokens)
    diary.admit(late, quotas, step.tokens, clock.now)


def adds_up(standing: Standing, one: Quota, diary: Diary, now: float) -> None:
    """What remains is the limit less what was taken, in the window or in one that is longer by a piece."""
    limits = one.limits
    least, most = diary.counted(one, now, slack=0), diary.counted(one, now, slack=1)
    told = (
        (standing.limit_requests, standing.remaining_requests, limits.requests_per_minute),
        (standing.limit_requests_day, standing.remaining_requests_day, limits.requests_per_day),
        (standing.limit_tokens, standing.remaining_tokens, limits.tokens_per_minute),
    )
    for (limit, remaining, bound), low, high in zip(told, least, most, strict=True):
        assert limit == bound
        if bound is not None:
            assert remaining is not None and max(0, bound - high) <= remaining <= max(0, bound - low)
