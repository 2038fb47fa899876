"""Lanes: who may begin. Held against a plain picture of the rules, over random comings and goings."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.api.lanes import Lanes

_names = st.sampled_from([None, "a", "b", "c"])


@given(st.integers(1, 3), st.lists(_names | st.just("end"), max_size=40), st.randoms(use_true_random=False))
def test_who_begins(most: int, steps: list[str | None], random: object) -> None:
    """One is in flight a lane and `most` in all; in a lane, and where there is only one, all begin in order."""
    lanes = Lanes[int](most)
    waiting: list[tuple[int, str | None]] = []
    running: dict[str | None, int] = {}
    for number, step in enumerate(steps):
        if step == "end" and running:
            lane = random.choice(list(running))  # type: ignore[attr-defined]
            del running[lane]
            lanes.free(lane)
        elif step != "end":
            lanes.offer(number, step, size=number)
            waiting.append((number, step))
        while (taken := lanes.take()) is not None:
            may = [(one, lane) for one, lane in waiting if lane not in running]
            assert (taken.entry, taken.lane) == may[0]
            waiting.remove(may[0])
            running[taken.lane] = taken.entry
            assert len(running) <= most
        assert len(running) == most or not [one for one, lane in waiting if lane not in running]
        assert len(lanes) == len(waiting)
        assert lanes.size == sum(one for one, _ in waiting)
    if most == 1:
        assert waiting == sorted(waiting)


def test_one_lane_is_one_line() -> None:
    lanes = Lanes[str](1)
    for entry, lane in (("first", "a"), ("second", "b"), ("third", "a")):
        lanes.offer(entry, lane, 1)
    assert [lanes.take(), lanes.take()][1] is None
    lanes.free("a")
    taken = lanes.take()
    assert taken is not None and taken.entry == "second"
