"""`antiphon pull`: fetch a model and show how far it is.

Knows nothing of sources (`models.pull`).
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from antiphon.commands.models import bytes_told
from antiphon.models import catalogue
from antiphon.models.assembly import Progress, Report
from antiphon.models.pull import PullError, fetch, fetch_hub

STEP_PERCENT: Final = 5
"""How often a line is printed where there is no terminal to paint a bar on."""


def pull(name: str, data: Path, *, as_json: bool) -> None:
    """Fetch the model of that name of the catalogue, or that `hf:ORG/REPO:FILE` names, into the data folder.

    Shows a bar on a terminal, else a line now and then, on standard error; the file's path goes to standard output.
    With `as_json` it is JSON lines on standard output: `{"type":"progress","done","total","doing"}`, in the end
    `{"type":"done","name","path","sha256"}` or `{"type":"error","message"}`.
    Exits with 1 where the model can't be had, 2 for a name that isn't known, 130 when interrupted.
    """
    try:
        _must_be_known(name)
        with _json_lines() if as_json else _shown(name) as report:
            path = _fetched(name, catalogue.folder(data), report)
    except _Ended as end:
        if as_json:
            _line({"type": "error", "message": str(end)})
        else:
            print(end, file=sys.stderr)
        raise SystemExit(end.status) from None
    if as_json:
        _line({"type": "done", "name": name, "path": str(path), "sha256": catalogue.read_mark(path)})
    else:
        print(path)


class _Ended(Exception):
    """No model came of it: the exit status, and a sentence for the person."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _must_be_known(name: str) -> None:
    if catalogue.find(name) is None and not name.startswith("hf:"):
        known = ", ".join(entry.name for entry in catalogue.load().models)
        raise _Ended(2, f"{name!r} is not in the catalogue, which has {known}; or give hf:ORG/REPO:FILE.")


def _fetched(name: str, folder: Path, report: Report) -> Path:
    entry = catalogue.find(name)
    try:
        return fetch_hub(name, folder, report) if entry is None else fetch(entry, folder, report)
    except PullError as fault:
        raise _Ended(1, str(fault)) from fault
    except KeyboardInterrupt:
        kept = "Stopped; what was fetched is kept, and the same command goes on from there."
        raise _Ended(130, kept) from None


def _line(fields: dict[str, str | int | None]) -> None:
    sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")
    sys.stdout.flush()


def _shown(name: str) -> AbstractContextManager[Report]:
    console = Console(stderr=True, markup=False, highlight=False)
    return _bar(name, console) if console.is_terminal else _lines(name)


@contextmanager
def _bar(name: str, console: Console) -> Iterator[Report]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task(name, total=None)
        yield lambda at: bar.update(task, completed=at.done, total=at.total or None, description=at.doing)


@contextmanager
def _lines(name: str) -> Iterator[Report]:
    def say(at: Progress) -> None:
        print(f"{name}: {at.doing}: {bytes_told(at.done)} of {bytes_told(at.total)}", file=sys.stderr, flush=True)

    yield _now_and_then(say)


@contextmanager
def _json_lines() -> Iterator[Report]:
    yield _now_and_then(lambda at: _line({"type": "progress", **msgspec.structs.asdict(at)}))


def _now_and_then(say: Report) -> Report:
    """Pass on the first progress, and then one for each step of some percent, or where it is another doing."""
    last: tuple[int, str] | None = None

    def report(at: Progress) -> None:
        nonlocal last
        step = at.done * 100 // (at.total or 1) // STEP_PERCENT
        words = " ".join(at.doing.split()[:2])  # "downloading from", not each of 22 packages
        if last is None or step != last[0] or words != last[1]:
            last = (step, words)
            say(at)

    return report
