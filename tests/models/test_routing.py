"""Who is asked: the least loaded, the one that knows the prefix, and for how long one is asked again."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from antiphon.core.items import InputText, Item, Message
from antiphon.core.prompt import Prompt, Sampling
from antiphon.models.routing import Retries, Standing, key_of, order, pause

STANDINGS = st.lists(
    st.builds(Standing, st.text(min_size=1), st.floats(0.1, 10), st.integers(0, 50), st.integers(0, 99)),
    max_size=6,
    unique_by=lambda one: one.name,
)


@given(STANDINGS, st.none() | st.text())
def test_each_is_asked_once(standings: list[Standing], key: str | None) -> None:
    assert sorted(order(standings, key)) == list(range(len(standings)))


def test_without_a_key_the_least_loaded_comes_first_by_weight_then_the_least_used() -> None:
    assert order([Standing("a", 1, 2), Standing("b", 1, 1), Standing("c", 4, 3)], None) == [2, 1, 0]
    assert order([Standing("a", calls=5), Standing("b", calls=4)], None) == [1, 0]


@given(st.text(), st.permutations(["a", "b", "c", "d"]))
def test_a_key_finds_its_place_in_whatever_order_they_are_set_up(key: str, names: list[str]) -> None:
    standings = [Standing(name) for name in names]
    ranked = [names[n] for n in order(standings, key)]
    again = sorted(names)
    assert ranked == [again[n] for n in order([Standing(name) for name in again], key)]


@given(st.text(), st.integers(0, 3))
def test_only_the_keys_of_one_that_goes_move(key: str, gone: int) -> None:
    names = ["a", "b", "c", "d"]
    first = names[order([Standing(name) for name in names], key)[0]]
    left = [name for n, name in enumerate(names) if n != gone]
    then = left[order([Standing(name) for name in left], key)[0]]
    assert then == first or first == names[gone]


def test_keys_spread_by_weight() -> None:
    standings = [Standing("a", 1), Standing("b", 3)]
    found = Counter(order(standings, f"key {n}")[0] for n in range(2000))
    assert 0.2 < found[0] / 2000 < 0.3


def test_one_that_has_more_than_its_share_comes_after_the_others() -> None:
    for n in range(50):
        assert order([Standing("a", load=9), Standing("b", load=1)], f"key {n}") == [1, 0]


@given(st.integers(1, 5), st.none() | st.floats(0, 30), st.floats(0, 1))
def test_a_pause_is_as_long_as_was_asked_for_and_not_without_end(tries: int, asked: float | None, dice: float) -> None:
    retries = Retries(times=3, first=0.2, longest=1.0, patience=10.0)
    found = pause(retries, tries, asked, dice)
    if tries > 3 or (asked is not None and asked > 10):
        assert found is None
    elif asked is not None:
        assert found is not None and asked <= found <= asked + 0.1
    else:
        assert found is not None and 0.1 <= found <= 1.0


def prompt(*words: str, **fields: str) -> Prompt:
    items: list[Item] = [Message(role="user", content=[InputText(word)]) for word in words]
    return Prompt(model="m", items=items, sampling=Sampling(max_output_tokens=16), **fields)


def test_turns_of_one_talk_have_one_key() -> None:
    assert key_of(prompt("Hello.")) == key_of(prompt("Hello.", "And then?")) != key_of(prompt("Good day."))
    assert key_of(prompt("a", conversation="conv_1")) == key_of(prompt("b", conversation="conv_1"))
    assert key_of(prompt("a", cache_key="k")) == key_of(prompt("b", cache_key="k", conversation="conv_1"))
    assert key_of(prompt()) is None
