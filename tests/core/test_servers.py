"""How servers name themselves to one another, and when a call has come round."""

import pytest

from antiphon.core.problems import Problem
from antiphon.core.servers import MOST, check_passed, named, told


def test_what_is_told_is_read_again() -> None:
    assert named(told(["a1", "b2", "a1"])) == ("a1", "b2")
    assert named(" a1 ,b2") == ("a1", "b2")


@pytest.mark.parametrize("header", [None, "", ",", "A!, é", "x" * 33, "a b", "<script>"])
def test_what_is_no_id_is_left_out(header: str | None) -> None:
    assert named(header) == ()


def test_who_sees_itself_refuses_and_so_does_who_is_the_last_of_too_many() -> None:
    check_passed(("a", "b"), "c")
    for passed in (("a", "b"), tuple(f"s{n}" for n in range(MOST))):
        with pytest.raises(Problem) as caught:
            check_passed(passed, "b")
        assert (caught.value.status, caught.value.code, caught.value.retry) == (508, "upstream_cycle", False)
    many = [f"s{n}" for n in range(MOST + 9)]
    assert len(named(told(many))) == MOST
    with pytest.raises(Problem):
        check_passed(named(",".join(many)), "b")
