"""`antiphon models`: the models that are known by name or were pulled by reference, and which are on this disk.

Knows nothing of how a model gets there (`pull`).
"""

import sys
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from antiphon.models import catalogue

PIPED_WIDTH: Final = 200


class Row(Struct):
    """A model as it is listed. `size` is in bytes, `context` in tokens; None and 0 stand for what isn't known."""

    name: str
    title: str
    licence: str | None
    size: int
    context: int
    path: str | None
    default: bool = False


def models(data: Path, *, as_json: bool) -> None:
    """List the models to standard output, the default first: a table, or a JSON array. `data` is the data folder."""
    folder = catalogue.folder(data)
    listed = rows(folder)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(listed), indent=2).decode() + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("NAME", no_wrap=True)
    table.add_column("WHAT")
    table.add_column("LICENCE", no_wrap=True)
    table.add_column("SIZE", justify="right", no_wrap=True)
    table.add_column("HERE", no_wrap=True)
    for row in listed:
        star = "* " if row.default else "  "
        table.add_row(star + row.name, row.title, row.licence or "", bytes_told(row.size), "yes" if row.path else "no")
    # What is piped somewhere is not folded to the width of a terminal that isn't there.
    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    console.print(table)
    console.print("\n* is served where no other is named. `antiphon pull NAME` fetches one.", soft_wrap=True)
    console.print(f"They are kept in {folder}", soft_wrap=True)


def rows(folder: Path) -> list[Row]:
    """The models of the catalogue, the default first, then those that were pulled by reference."""
    book = catalogue.load()
    listed = []
    for entry in sorted(book.models, key=lambda entry: entry.name != book.default):
        path = catalogue.locate_entry(entry, folder)
        where = str(path) if path else None
        default = entry.name == book.default
        listed.append(Row(entry.name, entry.title, entry.licence, entry.size, entry.context, where, default))
    for name, path in catalogue.on_disk(folder):
        listed.append(Row(name, "from the model hub", None, path.stat().st_size, 0, str(path)))
    return listed


def bytes_told(count: int) -> str:
    """A number of bytes for a person: 1.12 GB, 98 MB."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.2f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1_000_000 else f"{count / 1e3:.0f} kB"
