import os
import time
from pathlib import Path

from antiphon.store import sqlite_accounts


def test_the_stamp_only_grows_also_where_the_clock_went_back(tmp_path: Path) -> None:
    assert sqlite_accounts.version(tmp_path) == 0
    sqlite_accounts.stamp(tmp_path)
    ahead = time.time_ns() + 10**15
    os.utime(tmp_path / sqlite_accounts.STAMP, ns=(ahead, ahead))
    sqlite_accounts.stamp(tmp_path)
    assert sqlite_accounts.version(tmp_path) == ahead + 1
    assert (tmp_path / sqlite_accounts.STAMP).stat().st_mode & 0o077 == 0
