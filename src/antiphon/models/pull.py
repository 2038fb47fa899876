"""Pulling a model: from the first of its sources that has the right file, resumed, checked, and put in place whole.

Knows nothing of how a source gives its bytes, nor of who shows the progress.
"""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from antiphon.models import catalogue, hub, packages
from antiphon.models.assembly import Assembly, Progress, Report, SourceFailed
from antiphon.models.catalogue import Entry, HubFile, Packages, Source

__all__ = ["Progress", "PullError", "Report", "fetch", "fetch_hub"]

_HUB_ANSWER_SECONDS: Final = 3.0
"""How long the hub may take to answer where there is another source."""

_ONLY_SOURCE_ANSWER_SECONDS: Final = 15.0
"""The same where there is none."""

_POLL_SECONDS: Final = 0.2


class PullError(Exception):
    """A model could not be pulled: the message says why, in one sentence for each source that was tried."""


def fetch(entry: Entry, folder: Path, progress: Report) -> Path:
    """The model's checked file in `folder`, fetched where it is not there yet. Blocks; call it in a thread.

    What `progress` raises stops the pull. What was fetched until then, or until a connection broke, is kept
    for the next call. Raises PullError.
    """
    present = catalogue.locate_entry(entry, folder)
    if present is not None:
        return present
    final = folder / entry.file
    with _alone(final, folder, entry.size, progress) as work, _disk(entry.name):
        present = catalogue.locate_entry(entry, folder) or _adopt(entry, final, progress)
        if present is not None:
            return present
        failures = []
        for source in entry.sources:
            try:
                return _from(source, entry, final, work, progress)
            except SourceFailed as fault:
                failures.append(f"{_named(source)} {fault}.")
        raise PullError(" ".join([f"{entry.name} could not be pulled.", *failures]))


def fetch_hub(ref: str, folder: Path, progress: Report) -> Path:
    """The checked file that `hf:ORG/REPO:FILE` names, as `fetch`. A model in several files is fetched whole.

    It is checked against the sum that the hub tells of it, since no catalogue has one. Of several files the
    path of the first is returned. Raises PullError.
    """
    try:
        files = catalogue.shards(catalogue.hub_reference(ref))
    except ValueError as fault:
        raise PullError(str(fault)) from fault
    paths = [_fetch_hub_file(file, folder, progress) for file in files]
    return paths[0]


def _fetch_hub_file(file: HubFile, folder: Path, progress: Report) -> Path:
    final = catalogue.hub_path(file, folder)
    if _checked(final):
        return final
    with _alone(final, folder, 0, progress) as work, _disk(str(file)):
        if _checked(final):
            return final
        try:
            remote = hub.look_up(file, _ONLY_SOURCE_ANSWER_SECONDS)
            return _from_hub(remote, final, remote.sha256, work, progress)
        except SourceFailed as fault:
            raise PullError(f"{file} could not be pulled. {_named(file)} {fault}.") from fault


def _checked(path: Path) -> bool:
    return path.is_file() and catalogue.read_mark(path) is not None


def _named(source: Source) -> str:
    match source:
        case HubFile():
            return "The model hub"
        case Packages():
            return "The packages"


def _from(source: Source, entry: Entry, final: Path, work: Path, progress: Report) -> Path:
    """The model from one source. Raises SourceFailed where it has it not, or not the right one."""
    match source:
        case HubFile():
            remote = hub.look_up(source, _HUB_ANSWER_SECONDS)
            if remote.size != entry.size or remote.sha256 not in (None, entry.sha256):
                raise SourceFailed(
                    f"has another file under that name ({remote.size} bytes, sha256 {remote.sha256}), which is refused"
                )
            return _from_hub(remote, final, entry.sha256, work, progress)
        case Packages():
            with Assembly(work / "packages.partial", entry.size) as assembly:
                _room(work, entry.size - _length(assembly.path) + packages.spare(source, entry.size))
                packages.save(source, assembly, work, progress)
                return _settle(assembly, final, entry.sha256)


def _from_hub(remote: hub.Remote, final: Path, sha256: str | None, work: Path, progress: Report) -> Path:
    with Assembly(work / f"hub-{remote.tag}.partial", remote.size) as assembly:
        _room(work, remote.size - _length(assembly.path))
        progress(Progress(0, remote.size, "looking at what is there already"))
        assembly.resume_all()
        hub.save(remote, assembly, progress)
        return _settle(assembly, final, sha256)


def _settle(assembly: Assembly, final: Path, sha256: str | None) -> Path:
    """Put the whole file in place and mark it as checked; a wrong one is deleted. Raises SourceFailed."""
    found = assembly.sha256
    if assembly.written != assembly.limit or found != (sha256 or found):
        assembly.path.unlink()
        raise SourceFailed(
            f"gave a file that is not the model ({assembly.written} bytes, sha256 {found}; "
            f"{assembly.limit} bytes, sha256 {sha256} are right), so it was refused and deleted"
        )
    os.fsync(assembly.fileno())
    final.parent.mkdir(parents=True, exist_ok=True)
    # In this order a crash leaves a file without a mark, never a mark on an unchecked file.
    catalogue.mark_path(final).unlink(missing_ok=True)
    assembly.path.replace(final)
    catalogue.write_mark(final, found)
    return final


def _adopt(entry: Entry, final: Path, progress: Report) -> Path | None:
    """Check a file that lies there without a mark, as one that a person copied there. A wrong one is not kept."""
    if _length(final) != entry.size:
        return None
    with Assembly(final, entry.size) as there:
        progress(Progress(0, entry.size, f"checking the {entry.file} that is there"))
        there.resume_all()
        try:
            return _settle(there, final, entry.sha256)
        except SourceFailed:
            return None


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _room(folder: Path, needed: int) -> None:
    """Raises PullError where the disk has no room for what is to come: no source could help."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise PullError(
            f"The disk of {folder} is too full: {needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free."
        )


@contextmanager
def _alone(final: Path, folder: Path, size: int, progress: Report) -> Iterator[Path]:
    """A folder to work in, for one pull of the file at a time; the others wait. Empty leftovers go at the end."""
    work = folder / ".pull" / final.relative_to(folder)
    with _disk(final.name):
        work.mkdir(parents=True, exist_ok=True)
        lock = work.with_name(work.name + ".lock").open("ab")
    with lock:
        while True:
            # The system lets go of the lock when its holder dies, so none is ever stale.
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress(Progress(0, size, "waiting for another pull of the same model"))
                time.sleep(_POLL_SECONDS)
        yield work
        shutil.rmtree(work, ignore_errors=True)  # only after success: a failed pull's leftovers are its next start


@contextmanager
def _disk(name: str) -> Iterator[None]:
    """What the disk refuses becomes a PullError that says so."""
    try:
        yield
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise PullError(f"{name} could not be written: the disk is full.") from fault
        where = f" ({fault.filename})" if fault.filename else ""
        raise PullError(f"{name} could not be written: {fault.strerror or fault}{where}.") from fault
