"""The calls of a stream put in order, however their pieces come. Each known habit stands in `chat_habits`."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.core import deltas as d
from antiphon.models.chat_calls import CallOrder, Nameless, is_object
from antiphon.models.chat_chunk import Call, Function

ARGUMENTS = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=8), max_size=3).map(json.dumps)
CALLS = st.lists(st.tuples(st.sampled_from(["f", "g"]), ARGUMENTS), min_size=1, max_size=4)


def told(deltas: list[d.Delta]) -> list[tuple[str, str]]:
    """Name and arguments of every call; a piece belongs to the call that began last."""
    found: list[tuple[str, str]] = []
    for delta in deltas:
        if isinstance(delta, d.CallBegun):
            found.append((delta.name, ""))
        elif isinstance(delta, d.CallDelta):
            name, text = found.pop()
            found.append((name, text + delta.text))
    return found


@given(CALLS, st.data())
def test_pieces_that_come_interleaved_are_told_call_by_call(calls: list[tuple[str, str]], data: st.DataObject) -> None:
    order, deltas = CallOrder({}, []), list[d.Delta]()
    left = [text for _, text in calls]
    for index, (name, _) in enumerate(calls):
        order.feed(Call(index=index, id=f"c{index}", function=Function(name=name, arguments="")), deltas)
    while any(left):
        index = data.draw(st.sampled_from([n for n, text in enumerate(left) if text]))
        size = data.draw(st.integers(1, len(left[index])))
        piece, left[index] = left[index][:size], left[index][size:]
        order.feed(Call(index=index, function=Function(arguments=piece)), deltas)
    order.finish(deltas)
    assert told(deltas) == calls
    assert [delta.call_id for delta in deltas if isinstance(delta, d.CallBegun)] == [f"c{n}" for n in range(len(calls))]


@given(CALLS)
def test_calls_without_index_or_id_are_told_apart_when_each_is_whole(calls: list[tuple[str, str]]) -> None:
    """Unless one says the very same as the one before it: that is taken for what was said."""
    order, deltas = CallOrder({}, []), list[d.Delta]()
    for name, text in calls:
        order.feed(Call(function=Function(name=name, arguments=text)), deltas)
    order.finish(deltas)
    expected = [call for number, call in enumerate(calls) if number == 0 or call != calls[number - 1]]
    assert told(deltas) == expected


def test_a_call_is_told_while_it_comes_and_the_next_when_it_is_whole() -> None:
    order, deltas = CallOrder({}, []), list[d.Delta]()
    order.feed(Call(index=0, id="a", function=Function(name="f", arguments='{"x"')), deltas)
    assert told(deltas) == [("f", '{"x"')]
    order.feed(Call(index=1, id="b", function=Function(name="g", arguments="{}")), deltas)
    assert told(deltas) == [("f", '{"x"')]
    order.feed(Call(index=0, function=Function(arguments=":1}")), deltas)
    assert told(deltas) == [("f", '{"x":1}'), ("g", "{}")]
    assert order.any and order.characters == len('f{"x":1}g{}')


def test_a_call_without_a_name_is_none() -> None:
    order, deltas = CallOrder({}, []), list[d.Delta]()
    order.feed(Call(index=0, id="a", function=Function(arguments="{}")), deltas)
    with pytest.raises(Nameless):
        order.finish(deltas)
    assert deltas == []


def test_what_settles_is_whole() -> None:
    order, deltas = CallOrder({}, []), list[d.Delta]()
    order.feed(Call(index=0, id="a", function=Function(name="f", arguments='{"x":')), deltas)
    assert not order.settle(deltas)
    order.feed(Call(index=0, function=Function(arguments="1}")), deltas)
    assert order.settle(deltas)


@pytest.mark.parametrize(
    ("text", "whole"), [("{}", True), (' {"a": 1} ', True), ("[]", False), ("{", False), ("", False), ("}", False)]
)
def test_a_whole_object(text: str, *, whole: bool) -> None:
    assert is_object(text) == whole
