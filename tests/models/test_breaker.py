"""The breaker: opens, waits, tries once, closes; and what holds whatever happens."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.models.breaker import Breaker, BreakerPolicy

POLICY = BreakerPolicy(consecutive=3, share=0.5, window=10, pause=2.0, longest=8.0)


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(3):
        breaker.begun(at)
        breaker.failed(at)
    return breaker


def test_it_opens_after_failures_in_a_row_and_a_success_between_begins_anew() -> None:
    breaker = Breaker(POLICY)
    breaker.failed(0)
    breaker.failed(0)
    breaker.succeeded()
    breaker.failed(0)
    breaker.failed(0)
    assert breaker.state(0) == "closed" and breaker.admits(0)
    breaker.failed(0)
    assert breaker.state(0) == "open" and not breaker.admits(0) and breaker.wait(0.5) == 1.5


def test_it_opens_when_half_of_the_last_calls_failed() -> None:
    breaker = Breaker(POLICY)
    for number in range(10):
        assert breaker.state(0) == "closed"
        if number % 2:
            breaker.failed(0)
        else:
            breaker.succeeded()
    assert breaker.state(0) == "open"


def test_after_the_pause_one_call_goes_through_and_decides() -> None:
    breaker = opened()
    assert breaker.state(2) == "half_open" and breaker.admits(2)
    breaker.begun(2)
    assert not breaker.admits(2)
    breaker.succeeded()
    assert breaker.state(2) == "closed" and breaker.admits(2)


def test_a_trial_that_fails_opens_it_for_twice_as_long_up_to_a_bound() -> None:
    breaker, now = opened(), 0.0
    for wait in (2.0, 4.0, 8.0, 8.0):
        assert breaker.wait(now) == wait
        now += wait
        breaker.begun(now)
        breaker.failed(now)


def test_no_wait_is_longer_than_the_longest_by_a_rounding_of_the_clock() -> None:
    breaker, now = Breaker(BreakerPolicy(consecutive=1, pause=8.0, longest=8.0)), 24.94645853594478
    breaker.failed(now)
    assert (now + 8.0) - now > 8.0
    assert breaker.wait(now) == 8.0


def test_a_trial_whose_client_left_leaves_room_for_another() -> None:
    breaker = opened()
    breaker.begun(2)
    breaker.abandoned()
    assert breaker.admits(2)


DEEDS = st.lists(st.tuples(st.sampled_from(["begun", "succeeded", "failed", "abandoned"]), st.floats(0, 5)))


@given(DEEDS)
def test_whatever_happens_it_lets_calls_through_again(deeds: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(POLICY), 0.0
    for deed, passed in deeds:
        now += passed
        if deed in {"succeeded", "abandoned"}:
            getattr(breaker, deed)()
        else:
            getattr(breaker, deed)(now)
        assert 0 <= breaker.wait(now) <= POLICY.longest
        assert breaker.admits(now) <= (breaker.state(now) != "open")
    breaker.abandoned()
    assert breaker.admits(now + POLICY.longest)
    breaker.succeeded()
    assert breaker.state(now) == "closed"
