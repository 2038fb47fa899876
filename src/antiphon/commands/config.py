"""`antiphon config check`: what is wrong in a file of settings, and on which line.

Knows nothing of what the settings do.
"""

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from antiphon.config import Complaint, broken, complaint, line_of
from antiphon.models.upstream_config import configured
from antiphon.settings import TABLES

WrongKey = Callable[[Path, str, object], str]
"""Says what is wrong with a key that stands for a flag: its file, name and value; "" for nothing."""


def check(file: Path, wrong_key: WrongKey) -> int:
    """Print each mistake as `FILE:LINE: what`; gives the status to exit with."""
    try:
        text = file.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is no text"
        print(f"antiphon: {file} can't be read: {why}.", file=sys.stderr)
        return 1
    complaints = mistakes(file, text, wrong_key)
    for one in sorted(complaints, key=lambda one: one.line):
        print(one)
    if not complaints:
        print(f"{file}: nothing is wrong.")
    return 1 if complaints else 0


def mistakes(file: Path, text: str, wrong_key: WrongKey) -> list[Complaint]:
    """Everything that is wrong in the file."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        return [broken(file, fault)]
    found = [complaint(file, text, one) for one in configured(tables, file.expanduser().parent)[1]]
    for key, value in tables.items():
        if key not in TABLES and (why := wrong_key(file, key, value)):
            found.append(Complaint(str(file), line_of(text, (key,)), why))
    return found
