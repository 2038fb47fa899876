import os
import time
from pathlib import Path

from antiphon.store import sqlite_accounts


def test_the_stamp_only_grows_also_where_the_clock_went_back(tmp_path: Path) -> None:
    stamp = str(tmp_path / sqlite_accounts.STAMP)
    assert sqlite_accounts.version(stamp) == 0
    sqlite_accounts.stamp(stamp)
    ahead = time.time_ns() + 10**15
    os.utime(stamp, ns=(ahead, ahead))
    sqlite_accounts.stamp(stamp)
    assert sqlite_accounts.version(stamp) == ahead + 1
    assert Path(stamp).stat().st_mode & 0o077 == 0
