"""A report as a picture: CPU per unit as bars, a panel for each of three scenarios, as SVG.

Knows nothing of how the figures came about. No library is needed: it is rectangles and text.
"""

from html import escape

from bench.proxy.figures import COLUMNS, MARKS, Column, Report, Row, circumstances, figure, shown

PANELS = {
    "ns64": "a request, 64 at once",
    "sf": "a token, as fast as they come",
    "sp64": "a token, each alone, 64 at once",
}
LEFT, WIDTH, RIGHT, BAR, GAP, TOP = 190, 400, 90, 18, 6, 40
COLOURS = {"antiphon": "#3b6fb6", "agentic-api": "#c0803a"}
OTHER = "#8a8f98"


def draw(report: Report) -> str:
    """The whole picture."""
    rows = [row for row in report.rows if not row.absent]
    columns = [column for column in COLUMNS[:5] if column.head in PANELS and column.scenario in report.scenarios]
    height = TOP + len(rows) * (BAR + GAP) + 12
    whole = len(columns) * height + 30
    size = f'width="{LEFT + WIDTH + RIGHT}" height="{whole}" viewBox="0 0 {LEFT + WIDTH + RIGHT} {whole}"'
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">']
    drawn.append('<rect width="100%" height="100%" fill="#ffffff"/>')
    for place, column in enumerate(columns):
        drawn += panel(rows, column, place * height)
    drawn.append(text(8, whole - 12, f"{report.date}; the dashed line is the first mark of the design.", size=11))
    drawn.append(f"<desc>{escape(circumstances(report))}</desc></svg>")
    return "\n".join(drawn) + "\n"


def panel(rows: list[Row], column: Column, top: int) -> list[str]:
    """One scenario: a title and a bar each row, with the mark where there is one."""
    values = {row.key: figure(row, column) or 0.0 for row in rows}
    marks = {key: bounds[column.head] for key, bounds in MARKS.items() if key in values}
    scale = WIDTH / (max([*values.values(), *marks.values()], default=0) or 1)
    drawn = [text(8, top + 24, f"µs of CPU {PANELS[column.head]}", weight="bold", size=13)]
    for place, row in enumerate(rows):
        y = top + TOP + place * (BAR + GAP)
        long = values[row.key] * scale
        colour = COLOURS.get(row.key.removesuffix("-stored"), OTHER)
        drawn.append(text(LEFT - 8, y + 13, row.name, anchor="end"))
        drawn.append(f'<rect x="{LEFT}" y="{y}" width="{max(long, 1):.1f}" height="{BAR}" fill="{colour}"/>')
        reach = LEFT + long
        if mark := marks.get(row.key):
            x = LEFT + mark * scale
            line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{y + BAR + 3}" stroke="#1d1f23"'
            drawn.append(f'{line} stroke-dasharray="3 2" stroke-width="1.5"/>')
            reach = max(reach, x)
        drawn.append(text(round(reach) + 6, y + 13, shown(figure(row, column))))
    return drawn


def text(x: int, y: int, words: str, *, anchor: str = "start", weight: str = "normal", size: int = 12) -> str:
    """Words at a place."""
    look = f'text-anchor="{anchor}" font-weight="{weight}" font-size="{size}" fill="#1d1f23"'
    return f'<text x="{x}" y="{y}" {look}>{escape(words)}</text>'
