"""The figures of a run: medians, marks, what is said of those that are absent, and each form in which it is printed."""

import io
from xml.etree import ElementTree as ET

import msgspec
from rich.console import Console

from bench.proxy.figures import MARKS, Report, Row, notes, shown
from bench.proxy.load import Sample
from bench.proxy.plot import draw
from bench.proxy.tables import markdown, plain, terminal


def sample(cpu: float, *, tokens: int = 0, failed: int = 0, memory: float = 50.0, others: float = 0.0) -> Sample:
    first = 4000.0 if tokens else None
    return Sample(1000, failed, cpu, tokens, 2000.0, 500.0, 900.0, first, None, memory, others)


def report(*rows: Row) -> Report:
    return Report("2026-01-31", "2 cores", {"Antiphon": "0.1.0"}, 3, 2.0, ["ns64", "sf", "sp"], list(rows))


OURS = Row(
    "antiphon",
    "Antiphon, store:false",
    samples={
        "ns64": [sample(0.9), sample(0.2, memory=70.0), sample(0.25)],
        "sf": [sample(0.9, tokens=100_000)],
        "sp": [sample(1.0, tokens=100_000)],
    },
)
ABSENT = Row("nginx", "nginx, bare proxy", absent="nginx is not here: apt-get install nginx-light")


def test_the_median_of_the_rounds_a_unit() -> None:
    line = next(line for line in plain(report(OURS)).splitlines() if line.startswith("Antiphon"))
    assert line.removeprefix("Antiphon, store:false").split() == ["250", "9.00", "10.0", "2,000", "4.00", "70.0"]


def test_a_mark_is_met_or_over() -> None:
    (line,) = notes(report(OURS))
    assert "ns64 250 (met: 250)" in line
    assert "sf 9.00 (over: 8)" in line
    assert "sp64" not in line  # it was not measured
    assert set(MARKS) == {"antiphon", "antiphon-stored"}


def test_a_dear_machine_is_told_by_what_the_peer_takes_on_it() -> None:
    peer = Row("agentic-api", "peer", samples={"ns64": [sample(0.132)], "sf": [sample(0.27, tokens=100_000)]})
    told = notes(report(OURS, peer))
    assert told[0].endswith("(over: 8)")
    assert told[1].endswith("ns64 2.0, sf 2.0. Divided by that:")
    assert told[2:] == ["Antiphon, store:false: ns64 125, sf 4.50"]
    assert len(notes(report(OURS, Row("agentic-api", "peer", absent="gone")))) == 2
    assert notes(report(peer)) == []


def test_who_is_absent_is_told_with_the_remedy_and_has_no_figures() -> None:
    for text in (plain(report(OURS, ABSENT)), markdown(report(OURS, ABSENT))):
        assert "nginx, bare proxy: nginx is not here: apt-get install nginx-light" in text
        assert text.count("nginx, bare proxy") == 1


def test_what_failed_and_what_disturbed_is_told() -> None:
    row = Row(
        "x",
        "Other",
        samples={"ns64": [sample(0.1, failed=3, others=1.5), sample(0.1, failed=4, others=0.5)]},
        faults=["sf: the server ended"],
    )
    said = "\n".join(notes(report(row)))
    assert "Other: sf: the server ended" in said
    assert "Other: 7 requests failed or broke off" in said
    assert "Other work kept 1.0 cores busy" in said


def test_markdown_is_a_table_with_one_cell_a_column() -> None:
    rows = [line for line in markdown(report(OURS)).splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert {line.count("|") for line in rows} == {8}


def test_a_terminal_of_80_columns_shows_all_figures() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    terminal(report(OURS, ABSENT), console)
    assert isinstance(console.file, io.StringIO)
    written = console.file.getvalue()
    assert "…" not in written
    assert {"250", "9.00", "10.0", "2,000", "4.00", "70.0"} <= set(written.split())


def test_the_picture_is_svg_with_a_bar_for_each_row_that_ran() -> None:
    drawn = ET.fromstring(draw(report(OURS, ABSENT)))  # noqa: S314  # our own
    name = "{http://www.w3.org/2000/svg}"
    words = [element.text for element in drawn.iter(f"{name}text")]
    assert words.count("Antiphon, store:false") == 2  # ns64 and sf; sp64 was not measured
    assert "nginx, bare proxy" not in words
    assert len(list(drawn.iter(f"{name}line"))) == 2


def test_a_report_can_be_kept_and_printed_later() -> None:
    kept = msgspec.json.encode(report(OURS, ABSENT))
    assert plain(msgspec.json.decode(kept, type=Report)) == plain(report(OURS, ABSENT))


def test_figures_have_three_digits() -> None:
    assert [shown(value) for value in (None, 1234.5, 250.4, 10.04, 0.017)] == [
        "–",
        "1,234",
        "250",
        "10.0",
        "0.02",
    ]
