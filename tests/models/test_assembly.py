import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.models.assembly import Assembly, Mark, SourceFailed


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@given(st.lists(st.lists(st.binary(max_size=9), max_size=4), max_size=5))
def test_the_sum_is_that_of_the_file_however_often_it_is_taken_up(tries: list[list[bytes]]) -> None:
    whole = b"".join(piece for pieces in tries for piece in pieces)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        for pieces in tries:
            with Assembly(path, limit=len(whole)) as assembly:
                assembly.resume_all()
                for piece in pieces:
                    assembly.write(piece)
        with Assembly(path, limit=len(whole)) as assembly:
            assembly.resume_all()
            assert (assembly.written, assembly.sha256) == (len(whole), sum_of(whole))
        assert path.read_bytes() == whole


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=5), st.data())
def test_only_parts_that_are_whole_and_unchanged_are_kept(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    ends = [sum(map(len, pieces[: n + 1])) for n in range(len(pieces))]
    marks = [Mark(str(n), end, sum_of(whole[:end])) for n, end in enumerate(ends)]
    spoilt = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(0, len(whole)))
    damaged = bytes(byte ^ (at == spoilt) for at, byte in enumerate(whole))[:length]
    good = [end for end in ends if end <= min(spoilt, length)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(damaged)
        with Assembly(path, limit=len(whole)) as assembly:
            assert assembly.resume(marks) == len(good)
            assert assembly.sha256 == sum_of(whole[: assembly.written])
            assembly.write(whole[assembly.written :])
            assert assembly.sha256 == sum_of(whole)
        assert path.read_bytes() == whole


def test_more_than_the_file_has_is_refused(tmp_path: Path) -> None:
    with Assembly(tmp_path / "file", limit=3) as assembly:
        assembly.write(b"ab")
        with pytest.raises(SourceFailed, match="more than the 3 bytes"):
            assembly.write(b"cd")
        assert assembly.written == 2


def test_a_server_that_starts_anew_starts_the_sum_anew(tmp_path: Path) -> None:
    with Assembly(tmp_path / "file", limit=9) as assembly:
        assembly.write(b"old start")
        assembly.seek(0)
        assembly.truncate()
        assembly.write(b"new")
        assert assembly.sha256 == sum_of(b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
