"""Fields: refusals, moves, defaults, and what is not understood."""

from typing import Any

import pytest

from antiphon.contract.fields import Refusal, asks, default, header_name, misunderstood, mover
from antiphon.contract.law import Move
from antiphon.core.problems import Problem


@pytest.mark.parametrize("value", [None, [], {}, "auto"])
def test_what_asks_for_nothing(value: Any) -> None:
    assert not asks(value, ["auto"])


@pytest.mark.parametrize("value", [False, 0, "", "high", [None]])
def test_what_asks_for_something(value: Any) -> None:
    assert asks(value, ["auto"])


def test_a_value_below_a_field_is_refused_by_its_path() -> None:
    refusal = Refusal(("a", "b"), ("x",))
    for fine in ({}, {"b": None}, {"b": "x"}, "no object"):
        refusal.check(fine)
    with pytest.raises(Problem, match=r"'a\.b' must be 'x'") as found:
        refusal.check({"b": "y"})
    assert (found.value.code, found.value.param) == ("unsupported_parameter", "a.b")


@pytest.mark.parametrize(
    ("source", "target", "before", "after"),
    [
        ("a", "b.c", {"a": 1}, {"b": {"c": 1}}),
        ("a", "b.c", {"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"c": 1, "d": 2}}),
        ("a.id", "a", {"a": {"id": "x"}}, {"a": "x"}),
        ("a.b.c", "a.b", {"a": {"b": {"c": {"d": 1}, "e": 2}}}, {"a": {"b": {"d": 1, "e": 2}}}),
        ("a.b", "c", {"a": "text"}, {"a": "text"}),
        ("a.b", "c", {"a": {"b": None}}, {"a": {}}),
    ],
)
def test_a_field_is_moved(source: str, target: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    mover(Move(source, target))(before)
    assert before == after


def test_two_places_of_one_thing_must_agree() -> None:
    with pytest.raises(Problem, match="'a' and 'b' are both given, and differ"):
        mover(Move("a", "b"))({"a": 1, "b": 2})


def test_a_default_counts_where_its_parent_is_given() -> None:
    body: dict[str, Any] = {"a": {}, "b": {"c": 1}, "d": None}
    for path in ("a.c", "b.c", "d", "e.c", "f"):
        default(body, path, 7)
    assert body == {"a": {"c": 7}, "b": {"c": 1}, "d": 7, "f": 7}


def test_what_means_nothing_is_taken_out() -> None:
    body: dict[str, Any] = {"list": ["x", "y", "z"], "word": "y", "deep": {"word": {"any": 1}}, "fine": "x"}
    found = [one for path in ("list", "word", "deep.word", "fine", "none") for one in misunderstood(body, path, ["x"])]
    assert found == [("list[1]", "y"), ("list[2]", "z"), ("word", "y"), ("deep.word", {"any": 1})]
    assert body == {"list": ["x"], "deep": {}, "fine": "x"}


def test_a_name_is_fit_for_a_header() -> None:
    assert header_name("a,b\r\né" + "x" * 100) == "a?b???" + "x" * 58
