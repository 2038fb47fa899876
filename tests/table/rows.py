"""Rows: marks a test as that of one row of contracts §B, so that its id is `B-01`, `B-02` …

Knows nothing of what a row says.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

ALL = range(1, 58)
"""The numbers of the table's rows."""

TESTED: set[int] = set()
"""The rows whose tests have been loaded."""

Test = TypeVar("Test", bound=Callable[..., Any])


def row(number: int) -> Callable[[Test], Test]:
    """Mark the one test of a row; it takes the number as `row`."""

    def mark(test: Test) -> Test:
        assert number in ALL
        assert number not in TESTED, f"row {number} has a test already"
        TESTED.add(number)
        marked: Test = pytest.mark.parametrize("row", [pytest.param(number, id=f"B-{number:02}")])(test)
        return marked

    return mark
