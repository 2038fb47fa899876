"""The server's secret: made once, readable by its owner, another key for each purpose."""

import stat
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
