import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.models.llama_queue import LlamaQueue

SHARED, SLOTS, BOUND = 100, 3, 4


def test_who_does_not_fit_waits_and_is_not_overtaken() -> None:
    queue = LlamaQueue(slots=3, bound=4, shared=100)
    assert queue.offer(1, 60) == "runs"
    assert queue.offer(2, 50) == "waits"
    assert queue.offer(3, 10) == "waits"
    assert queue.leave(1) == [2, 3]


def test_a_full_queue_refuses_and_one_who_leaves_makes_room() -> None:
    queue = LlamaQueue(slots=1, bound=1, shared=100)
    assert [queue.offer(ticket, 10) for ticket in (1, 2, 3)] == ["runs", "waits", "full"]
    assert queue.leave(2) == []
    assert queue.offer(4, 10) == "waits"


def test_one_who_waits_can_leave_and_lets_those_behind_through() -> None:
    queue = LlamaQueue(slots=3, bound=4, shared=100)
    queue.offer(1, 50)
    queue.offer(2, 90)
    queue.offer(3, 40)
    assert queue.leave(2) == [3]


@pytest.mark.parametrize("need", [0, 101])
def test_what_could_never_run_is_the_callers_fault(need: int) -> None:
    with pytest.raises(ValueError, match="never run"):
        LlamaQueue(slots=1, bound=1, shared=100).offer(1, need)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(1, SHARED))))
def test_it_never_overfills_starts_in_order_and_leaves_nobody_who_fits(steps: list[tuple[bool, int, int]]) -> None:
    queue = LlamaQueue(slots=SLOTS, bound=BOUND, shared=SHARED)
    running: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []
    for ticket, (arrives, which, need) in enumerate(steps):
        if arrives:
            match queue.offer(ticket, need):
                case "runs":
                    assert not waiting
                    running[ticket] = need
                case "waits":
                    waiting.append((ticket, need))
                case "full":
                    assert len(waiting) == BOUND
        else:
            known = [*running, *(number for number, _ in waiting)]
            gone = known[which % len(known)] if known else -1
            running.pop(gone, None)
            waiting = [entry for entry in waiting if entry[0] != gone]
            for started in queue.leave(gone):
                assert started == waiting[0][0]
                running[started] = waiting.pop(0)[1]
        assert (queue.running, queue.waiting, queue.used) == (len(running), len(waiting), sum(running.values()))
        assert queue.used <= SHARED and queue.running <= SLOTS
        assert not waiting or len(running) == SLOTS or queue.used + waiting[0][1] > SHARED
