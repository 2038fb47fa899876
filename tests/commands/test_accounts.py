from datetime import UTC, datetime

import pytest

from antiphon.commands.accounts import (
    Refusal,
    changed,
    counted,
    day,
    key_of,
    limits_of,
    limits_told,
    minute,
    moment,
    plain,
    project_of,
)
from antiphon.commands.flags import Bounds
from antiphon.core.accounts import Limits, Roll
from tests.store.accounts import a_key, a_project

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "ahead", "expected"),
    [
        ("30d", 1, NOW + 30 * 86_400),
        ("12h", -1, NOW - 12 * 3_600),
        ("90m", 1, NOW + 5_400),
        ("2w", -1, NOW - 14 * 86_400),
        ("2030-01-31", 1, NOW - 12 * 3_600),
        ("2030-01-31T13:00:00+01:00", -1, NOW),
    ],
)
def test_times_are_spans_or_dates(text: str, ahead: object, expected: float) -> None:
    assert moment(text, NOW, ahead) == expected  # type: ignore[arg-type]  # the parameters are 1 and -1


@pytest.mark.parametrize("text", ["", "soon", "30", "d", "-3d", "2030-13-01", "9999999d"])
def test_what_is_no_time_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(Refusal, match=r"30d, 12h .* 2030-01-31"):
        moment(text, NOW, 1)


def test_times_are_told_in_utc_and_none_as_nothing() -> None:
    assert (day(NOW), minute(NOW), day(None), minute(None)) == ("2030-01-31", "2030-01-31 12:00", "", "")


def test_a_project_is_found_by_id_before_name() -> None:
    first, second = a_project(id="proj_1", name="proj_2"), a_project(id="proj_2", name="Ducks")
    third = a_project(id="proj_3", name="Geese")
    fourth = a_project(id="proj_4", name="Geese")
    roll = Roll([a_key(id="key_1")], [first, second, third, fourth], keyed=True)
    assert project_of(roll, "proj_2") is second and project_of(roll, "Ducks") is second
    with pytest.raises(Refusal, match="proj_3, proj_4"):
        project_of(roll, "Geese")
    with pytest.raises(Refusal, match="antiphon projects list"):
        project_of(roll, "Swans")
    assert key_of(roll, "key_1") is roll.keys[0]
    with pytest.raises(Refusal, match="antiphon keys list"):
        key_of(roll, "key_2")


def test_limits_change_where_something_is_said() -> None:
    before = Limits(requests_per_minute=1, requests_per_day=2, tokens_per_minute=3)
    asked = Bounds(requests_per_minute=9, requests_per_day="none", concurrent_runs=4)
    after = limits_of(asked, before)
    assert after == Limits(requests_per_minute=9, tokens_per_minute=3, concurrent_runs=4)
    assert limits_told(after) == "9 requests/min, 3 tokens/min, 4 at once"
    assert limits_told(Limits()) == ""
    assert (changed(None, 1), changed("none", 1), changed(2, 1)) == (1, None, 2)


def test_what_somebody_called_a_thing_steers_no_terminal() -> None:
    assert plain("a\x1b[31mb\nc") == "a\ufffd[31mb\ufffdc"
    assert (counted(1, "row"), counted(0, "row"), counted(1200, "row")) == ("1 row", "0 rows", "1,200 rows")
