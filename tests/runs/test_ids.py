"""Ids: their form, and that they grow."""

import re
import time

from antiphon.runs.ids import new_id, now


def test_ids_are_unique_and_grow_with_time() -> None:
    first = [new_id("resp") for _ in range(1000)]
    time.sleep(0.002)
    later = new_id("resp")
    assert len(set(first)) == 1000
    assert max(first) < later
    assert all(re.fullmatch(r"resp_[0-9a-f]{32}", one) for one in first)
    assert abs(int(later[5:17], 16) / 1000 - now()) < 60
