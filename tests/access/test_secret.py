"""The server's secret: made once, readable by its owner, another key for each purpose."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from antiphon.access.secret import LENGTH, derived, kept_in, passing
from antiphon.core.problems import Problem


def test_it_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    made = kept_in(tmp_path)
    assert len(made) == LENGTH and kept_in(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    (tmp_path / "other").mkdir()
    assert kept_in(tmp_path / "other") != made


def test_processes_that_come_at_once_have_the_same(tmp_path: Path) -> None:
    said = "import sys; from pathlib import Path; from antiphon.access.secret import kept_in"
    command = [sys.executable, "-c", f"{said}; print(kept_in(Path(sys.argv[1])).hex())", str(tmp_path)]
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda _: subprocess.run(command, capture_output=True, text=True, check=True).stdout, range(8))
    assert len(set(made)) == 1


def test_one_that_was_begun_and_never_written_is_made(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(0o600)
    assert len(kept_in(tmp_path)) == LENGTH


def test_a_damaged_one_is_told_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(Problem, match="damaged"):
        kept_in(tmp_path)
    assert (tmp_path / "secret").read_bytes() == b"short"


def test_keys_differ_by_purpose_and_secret() -> None:
    one, two = passing(), passing()
    assert one != two
    assert len({derived(secret, purpose) for secret in (one, two) for purpose in ("a", "b")}) == 4
    assert derived(one, "a") == derived(one, "a") != one
