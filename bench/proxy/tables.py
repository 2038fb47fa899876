"""A report as a table: for a terminal, as plain text, and as the Markdown that stands in docs/performance.md.

Knows nothing of how the figures came about.
"""

from rich import box
from rich.console import Console
from rich.table import Table

from bench.proxy.figures import Report, circumstances, heads, lines, notes

WIDE = 90
"""Columns of a terminal that has room for a line under the heads, and space between the columns."""


def terminal(report: Report, console: Console) -> None:
    """A table that fits a terminal of 80 columns."""
    lined = box.SIMPLE_HEAD if console.width >= WIDE else None
    table = Table(box=lined, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(min_width=12)
    for head, unit in heads(report):
        table.add_column("\n".join([*head.split(), f"[dim]{unit}[/]"]), justify="right", no_wrap=True)
    for line in lines(report):
        table.add_row(*line)
    console.print(table)
    for note in (circumstances(report), *notes(report)):
        console.print(note, markup=False, highlight=False)


def plain(report: Report) -> str:
    """Columns of spaces."""
    table = [["", *(head for head, _ in heads(report))], ["", *(unit for _, unit in heads(report))], *lines(report)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    drawn = [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in table
    ]
    return "\n".join([*(line.rstrip() for line in drawn), "", circumstances(report), *notes(report)])


def markdown(report: Report) -> str:
    """A table, what the run was, and the notes as a list."""
    table = [
        ["", *(f"{head}, {unit}" for head, unit in heads(report))],
        ["--", *("--:" for _ in heads(report))],
        *lines(report),
    ]
    drawn = [f"| {' | '.join(line)} |".replace("|  |", "| |") for line in table]
    return "\n".join([circumstances(report), "", *drawn, "", *(f"- {note}" for note in notes(report))]).rstrip()
