"""What may be dropped of a prompt (protocol §8.4), at random."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.core.items import FunctionCall, FunctionCallOutput, InputText, Item, Message, Reasoning
from antiphon.core.pairing import check_pairs
from antiphon.core.truncation import droppable, without

_message = st.builds(
    lambda role: [Message(role=role, content=[InputText(role)])],
    st.sampled_from(["user", "assistant", "system", "developer"]),
)


@st.composite
def _calls(draw: st.DrawFn) -> list[Item]:
    """Reasoning, calls side by side, then their outputs in any order; something may be said between."""
    names = [f"call_{draw(st.integers(0, 10**9))}" for _ in range(draw(st.integers(1, 3)))]
    thought: list[Item] = [Reasoning() for _ in range(draw(st.integers(0, 2)))]
    between: list[Item] = draw(_message) if draw(st.booleans()) else []
    outputs: list[Item] = [FunctionCallOutput(call_id=name, output="x") for name in draw(st.permutations(names))]
    return [*thought, *(FunctionCall(call_id=name, name="f") for name in names), *between, *outputs]


_prompts = st.lists(_message | _calls(), max_size=8).map(lambda runs: [item for run in runs for item in run])


def key(item: Item) -> object:
    return id(item)  # equal items are several


@given(_prompts, st.data())
def test_what_is_left_is_whole(items: list[Item], data: st.DataObject) -> None:
    groups = droppable(items)
    left = without(items, groups[: data.draw(st.integers(0, len(groups)))])
    check_pairs(left)
    kept = {key(item) for item in left}
    for place, item in enumerate(items):
        if isinstance(item, Message) and item.role in ("system", "developer"):
            assert key(item) in kept
        if isinstance(item, Reasoning):
            follower = next((other for other in items[place + 1 :] if not isinstance(other, Reasoning)), None)
            if isinstance(follower, FunctionCall):
                assert (key(item) in kept) == (key(follower) in kept)
    assert [key(item) for item in items if key(item) in kept] == [key(item) for item in left]


@given(_prompts)
def test_the_last_question_and_what_follows_stay_and_all_else_can_go(items: list[Item]) -> None:
    users = [place for place, item in enumerate(items) if isinstance(item, Message) and item.role == "user"]
    last = users[-1] if users else 0
    left = without(items, droppable(items))
    kept = {key(item) for item in left}
    assert all(key(item) in kept for item in items[last:])
    answered = {item.call_id for item in items[last:] if isinstance(item, FunctionCallOutput)}
    for item in items[:last]:
        if isinstance(item, Message) and item.role in ("user", "assistant"):
            assert key(item) not in kept
        if isinstance(item, FunctionCall) and item.call_id in answered:
            assert key(item) in kept


@given(_prompts)
def test_the_oldest_goes_first_and_nothing_twice(items: list[Item]) -> None:
    groups = droppable(items)
    assert [group[0] for group in groups] == sorted(group[0] for group in groups)
    places = [place for group in groups for place in group]
    assert len(places) == len(set(places))


def test_a_talk_without_a_question_loses_nothing() -> None:
    assert droppable([Message(role="assistant"), Message(role="system")]) == []
    assert droppable([]) == []
