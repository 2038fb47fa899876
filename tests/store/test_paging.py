import pytest

from antiphon.core.ports import PageQuery
from antiphon.core.problems import Problem
from antiphon.store.paging import choose


def test_an_id_that_stands_twice_counts_where_it_stood_last() -> None:
    ids = ["a", "b", "a", "c"]
    assert choose(ids, PageQuery(order="asc")) == ([1, 2, 3], False)
    assert choose(ids, PageQuery(order="desc", limit=2)) == ([3, 2], True)
    assert choose(ids, PageQuery(order="asc", after="b")) == ([2, 3], False)
    assert choose(ids, PageQuery(order="desc", after="b")) == ([], False)
    assert choose([], PageQuery()) == ([], False)


def test_an_unknown_after_is_told_as_it_was_sent() -> None:
    with pytest.raises(Problem, match="msg_9") as refusal:
        choose(["a"], PageQuery(after="msg_9"))
    assert refusal.value.param == "after"
