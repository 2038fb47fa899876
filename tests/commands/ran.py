"""A command, run as a person runs it, but in this process: a start of Python each time would take most of the time."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from msgspec import Struct

from antiphon import cli
from tests.served import environment


class Ended(Struct):
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def ran(*arguments: str, data: Path, **environ: str) -> Ended:
    """What `antiphon …` says, and its status; `data` is the data folder, beside which it runs."""
    with _streams() as (out, err), _at(data.parent, environment() | environ):
        try:
            cli.app([*arguments, "--data", str(data)])
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Ended(status, out.getvalue().decode(), err.getvalue().decode())


def said(*arguments: str, data: Path) -> str:
    """What a command that succeeds says on its standard output, without the last LF."""
    ended = ran(*arguments, data=data)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.removesuffix("\n")


def refused(*arguments: str, data: Path) -> str:
    """The one line with which a command refuses."""
    ended = ran(*arguments, data=data)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("antiphon: ") and ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


@contextlib.contextmanager
def _streams() -> Iterator[tuple[io.BytesIO, io.BytesIO]]:
    out, err = io.BytesIO(), io.BytesIO()
    told, refused = (io.TextIOWrapper(stream, encoding="utf-8", write_through=True) for stream in (out, err))
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(refused):
        yield out, err
    told.detach()
    refused.detach()


@contextlib.contextmanager
def _at(folder: Path, environ: dict[str, str]) -> Iterator[None]:
    with contextlib.chdir(folder), mock.patch.dict(os.environ, environ, clear=True):
        yield
