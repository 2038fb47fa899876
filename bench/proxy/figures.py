"""What the measurements come to: medians of the rounds, in columns, beside the marks of docs/design.md §9.

Knows nothing of how anything was measured, nor of how a table is drawn.
"""

from collections.abc import Callable, Container
from statistics import median

from msgspec import Struct

from bench.proxy.load import Sample


class Row(Struct):
    """A server's measurements, by scenario. `absent` says why it has none; `faults` what went wrong in single ones."""

    key: str
    name: str
    absent: str = ""
    samples: dict[str, list[Sample]] = {}
    faults: list[str] = []


class Report(Struct):
    """One run. `date` is a day; `versions` are those of the programs measured; `seconds` are of one measurement."""

    date: str
    machine: str
    versions: dict[str, str]
    rounds: int
    seconds: float
    scenarios: list[str]
    rows: list[Row]


class Column(Struct, frozen=True):
    """A figure: the median of a value in one scenario."""

    head: str
    unit: str
    scenario: str
    value: Callable[[Sample], float | None]


def per_request(sample: Sample) -> float:
    """µs of CPU a request."""
    return sample.cpu / sample.requests * 1e6


def per_token(sample: Sample) -> float | None:
    """µs of CPU a streamed token, the request's own cost shared among its tokens."""
    return sample.cpu / sample.tokens * 1e6 if sample.tokens else None


COLUMNS = (
    Column("ns1", "µs/req", "ns1", per_request),
    Column("ns64", "µs/req", "ns64", per_request),
    Column("sf", "µs/tok", "sf", per_token),
    Column("sp", "µs/tok", "sp", per_token),
    Column("sp64", "µs/tok", "sp64", per_token),
    Column("ns64", "req/s", "ns64", lambda sample: sample.rate),
    Column("ns1 p50", "ms", "ns1", lambda sample: sample.latency / 1e3),
    Column("sp TTFT", "ms", "sp", lambda sample: None if sample.first is None else sample.first / 1e3),
)
MEMORY = ("memory", "MB")
QUIET = 0.1
"""Cores that other work may keep busy without a word about it."""

MARKS: dict[str, dict[str, float]] = {
    "antiphon": {"ns64": 250, "sf": 8, "sp64": 45},
    "antiphon-stored": {"ns64": 350, "sf": 10, "sp64": 50},
}
"""The first marks of docs/design.md §9: what a row's CPU per unit may be."""
PEER = "agentic-api"
THERE = {"ns64": 66.0, "sf": 1.35, "sp64": 16.4}
"""What the peer took on the quiet cores where the marks were set."""


def figure(row: Row, column: Column) -> float | None:
    """The median of the rounds; None where it was not measured."""
    values = [value for sample in row.samples.get(column.scenario, []) if (value := column.value(sample)) is not None]
    return median(values) if values else None


def memory(row: Row) -> float | None:
    """The most memory that was seen behind any measurement, in MB; None where there was none."""
    return max((sample.memory for samples in row.samples.values() for sample in samples), default=None)


def shown(value: float | None) -> str:
    """Three digits, or all before the point; a dash for what was not measured."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def columns(report: Report) -> list[Column]:
    """Those whose scenario was measured."""
    return [column for column in COLUMNS if column.scenario in report.scenarios]


def heads(report: Report) -> list[tuple[str, str]]:
    """Each column's head and unit, that of the names left out."""
    return [*((column.head, column.unit) for column in columns(report)), MEMORY]


def lines(report: Report) -> list[list[str]]:
    """The table: a name and its cells a line; those that are absent are left to `notes`."""
    return [
        [row.name, *(shown(figure(row, column)) for column in columns(report)), shown(memory(row))]
        for row in report.rows
        if not row.absent
    ]


def notes(report: Report) -> list[str]:
    """What the table does not say: who is absent and why, what failed, and how the marks stand."""
    said = [f"{row.name}: {row.absent}" for row in report.rows if row.absent]
    said += [f"{row.name}: {fault}" for row in report.rows for fault in row.faults]
    for row in report.rows:
        failed = sum(sample.failed for samples in row.samples.values() for sample in samples)
        if failed:
            said.append(f"{row.name}: {failed} requests failed or broke off; its figures count the others")
    samples = [sample for row in report.rows for several in row.samples.values() for sample in several]
    if samples and (busy := median(sample.others for sample in samples)) >= QUIET:
        said.append(
            f"Other work kept {busy:.1f} cores busy meanwhile (median); all figures are better on a quiet machine"
        )
    return [*said, *(line for row in report.rows if (line := standing(row))), *by_the_peer(report)]


def costs(row: Row, known: Container[str]) -> dict[str, float]:
    """CPU per unit by scenario, of those that are known and were measured."""
    found = {column.head: figure(row, column) for column in COLUMNS[:5] if column.head in known}
    return {head: value for head, value in found.items() if value is not None}


def standing(row: Row) -> str:
    """How a row's figures stand beside its marks; empty where it has none."""
    marks = MARKS.get(row.key, {})
    told = [
        f"{head} {shown(value)} ({'met' if value <= marks[head] else 'over'}: {marks[head]:.0f})"
        for head, value in costs(row, marks).items()
    ]
    return f"{row.name}, beside the first mark: {', '.join(told)}" if told else ""


def by_the_peer(report: Report) -> list[str]:
    """How dear this machine is, by what the peer takes here beside there; and the marked figures divided by that."""
    peer = next((row for row in report.rows if row.key == PEER), None)
    times = {head: value / THERE[head] for head, value in costs(peer, THERE).items()} if peer else {}
    told = []
    for row in report.rows:
        if row.key in MARKS and (found := costs(row, times)):
            divided = ", ".join(f"{head} {shown(value / times[head])}" for head, value in found.items())
            told.append(f"{row.name}: {divided}")
    said = ", ".join(f"{head} {factor:.1f}" for head, factor in times.items())
    head = f"{PEER} takes so many times here what it took where the marks were set: {said}. Divided by that:"
    return [head, *told] if told else []


def circumstances(report: Report) -> str:
    """When, where and how, in one line."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    rounds = "one round" if report.rounds == 1 else f"medians of {report.rounds} interleaved rounds"
    return f"{report.date}, {report.machine}; {versions}; {rounds}, {report.seconds:g} s a measurement."
