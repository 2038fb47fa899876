"""`antiphon export`: all that is kept of one project, a line of JSON for each row.

Knows nothing of what the rows mean.
"""

import os
import sys
from pathlib import Path
from typing import BinaryIO

from antiphon.commands.accounts import Refusal, counted, done, project_of
from antiphon.commands.models import bytes_told


def export(data: Path, project: str, file: Path | None) -> None:
    """Write a project to a file, which appears whole or not at all, or to standard output."""
    if file is None:
        done(_export(data, project, sys.stdout.buffer))
        return
    part = file.with_name(file.name + ".part")
    try:
        part.unlink(missing_ok=True)
        # It holds what people said: for its owner only.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            rows = done(_export(data, project, target))
            target.flush()
            os.fsync(target.fileno())
        part.replace(file)
    except OSError as fault:
        print(f"antiphon: {file} can't be written: {fault.strerror or fault}.", file=sys.stderr)
        raise SystemExit(1) from None
    finally:
        part.unlink(missing_ok=True)
    print(f"Wrote {counted(rows, 'row')} to {file} ({bytes_told(file.stat().st_size)}).")


async def _export(data: Path, name: str, target: BinaryIO) -> int:
    from antiphon.desk import opened

    rows = 0
    async with opened(data) as desk:
        project = project_of(await desk.books.roll(), name)
        async for line in desk.books.export(project.id):
            target.write(line)
            rows += 1
    if not rows:
        raise Refusal(f"Nothing is kept of {name!r}.")
    return rows
