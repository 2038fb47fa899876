"""Every row of contracts §B has its test."""

from tests.table import rows, test_answers, test_requests, test_served

MODULES = (test_requests, test_answers, test_served)


def test_no_row_is_missing() -> None:
    assert sorted(rows.TESTED) == list(rows.ALL), MODULES
