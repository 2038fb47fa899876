"""`antiphon backup`: a copy of what the server keeps, in one file.

Knows nothing of how it is kept (`store`).
"""

import sys
from pathlib import Path

from antiphon.commands.models import bytes_told
from antiphon.core.ports import StoreError


def backup(data: Path, file: Path) -> None:
    """Copy the memory of the data folder to a file. Exits with 1 and one line where that can't be done."""
    from antiphon.app import backup as copy

    try:
        copy(data, file)
    except StoreError as fault:
        print(f"antiphon: {fault}", file=sys.stderr)
        raise SystemExit(1) from None
    print(f"Copied what {data} keeps to {file} ({bytes_told(file.stat().st_size)}).")
