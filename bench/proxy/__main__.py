"""Prints what the server costs as a proxy: CPU a request and a token, beside others, in one interleaved run.

    python -m bench.proxy [--rounds N] [--seconds N] [--scenarios ns1,ns64,…] [--rows antiphon,nginx,…]

Behind all stands a fake upstream of Chat Completions; every server is asked in turn, in each scenario, round after
round, and the medians are told. `--json`, `--markdown` and `--svg` print the same report for programs and for the
documents; `--from FILE` prints an earlier one, and the last stays in build/bench/report.json. Five rows of the table
are servers that run here for as long as this does. Knows nothing of what their answers say.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from antiphon import __version__
from bench.proxy.figures import Report, Row
from bench.proxy.load import SCENARIOS, Failed, Scenario, Target, measure
from bench.proxy.plot import draw
from bench.proxy.servers import AGENTIC, CONTENDERS, Contender, Yard
from bench.proxy.tables import markdown, plain, terminal
from bench.proxy.tools import CACHE, Missing, built

ROOT = Path(__file__).resolve().parent.parent.parent
LAST = CACHE / "report.json"
WARM = 0.7
"""Seconds for which a server is asked in a scenario before anything counts."""


def names(known: dict[str, object]) -> Callable[[str], list[str]]:
    """Reads a list with commas, of names that are known."""

    def read(given: str) -> list[str]:
        chosen = given.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return chosen

    return read


def positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    """Reads a number above zero."""

    def read(given: str) -> float:
        if (value := kind(given)) <= 0:
            raise argparse.ArgumentTypeError("must be above zero")
        return value

    return read


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        "python -m bench.proxy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=positive(int), default=3, help="default: 3")
    parser.add_argument("--seconds", type=positive(float), default=3.0, help="of one measurement; default: 3")
    parser.add_argument("--scenarios", type=names({**SCENARIOS}), default=list(SCENARIOS), help=",".join(SCENARIOS))
    parser.add_argument("--rows", type=names({**CONTENDERS}), default=list(CONTENDERS), help=",".join(CONTENDERS))
    parser.add_argument("--from", dest="earlier", type=Path, metavar="FILE", help="measure nothing, print this report")
    shape = parser.add_mutually_exclusive_group()
    for name in ("json", "markdown", "svg"):
        shape.add_argument(f"--{name}", dest="shape", action="store_const", const=name)
    return parser.parse_args()


def run(given: argparse.Namespace, errors: Console) -> Report:
    """Start all that can be had and measure it."""
    scenarios = [SCENARIOS[name] for name in given.scenarios]
    contenders = [CONTENDERS[key] for key in given.rows]
    with TemporaryDirectory(prefix="antiphon-bench-") as folder, ExitStack() as stack:
        built("loadgen")
        yard = Yard(Path(folder), stack)
        rows, targets = begin(yard, contenders, errors)
        report = Report(
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            machine=machine(),
            versions=versions([row.key for row in rows if not row.absent]),
            rounds=given.rounds,
            seconds=given.seconds,
            scenarios=given.scenarios,
            rows=rows,
        )
        everything = stack.enter_context(progress(errors))
        task = everything.add_task("warming up", total=len(targets) * len(scenarios) * (given.rounds + 1))
        for number in range(given.rounds + 1):
            saying = f"round {number} of {given.rounds}" if number else "warming up"
            everything.update(task, description=saying)
            if not errors.is_terminal:
                errors.print(saying)
            for scenario in scenarios:
                for row, target in targets if number % 2 else targets[::-1]:
                    step(row, target, scenario, given.seconds if number else 0)
                    everything.advance(task)
    return report


def begin(yard: Yard, contenders: list[Contender], errors: Console) -> tuple[list[Row], list[tuple[Row, Target]]]:
    """A row for each, and those that run with how they are asked."""
    rows, targets = [], []
    for contender in contenders:
        row = Row(contender.key, contender.name)
        rows.append(row)
        try:
            with errors.status(f"starting {contender.name}"):
                target = contender.start(yard)
        except Missing as error:
            row.absent = str(error)
        else:
            targets.append((row, msgspec.structs.replace(target, store=contender.store)))
    return rows, targets


def step(row: Row, target: Target, scenario: Scenario, seconds: float) -> None:
    """One measurement, kept in the row; what fails is told there. Zero seconds warm up, and count for nothing."""
    try:
        sample = measure(target, scenario, seconds or WARM)
    except Failed as error:
        fault = f"{scenario.name}: {error}"
        if fault not in row.faults:
            row.faults.append(fault)
        return
    if seconds:
        row.samples.setdefault(scenario.name, []).append(sample)


def progress(errors: Console) -> Progress:
    """A bar on a terminal; nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors, transient=True, refresh_per_second=2, disable=not errors.is_terminal)


def machine() -> str:
    """The processor, its cores and the system, in words."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(": ")[2] for line in told if line.startswith("model name")), platform.machine())
    return (
        f"{len(os.sched_getaffinity(0))} cores of {model}, {platform.system()} {platform.release().partition('-')[0]}"
    )


def versions(keys: list[str]) -> dict[str, str]:
    """Those of the programs in these rows."""
    commit = said("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    told = {"Antiphon": f"{__version__} ({commit})" if commit else __version__, "Python": platform.python_version()}
    if "nginx" in keys:
        told["nginx"] = said("/usr/sbin/nginx", "-v").rpartition("/")[2] or said("nginx", "-v").rpartition("/")[2]
    if any(key.startswith("agentic-api") for key in keys):
        told["agentic-api"] = AGENTIC
    return told


def said(*command: str) -> str:
    """What a command prints; empty where it can't be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return "" if done.returncode else (done.stdout or done.stderr).strip()


def stop(number: int, frame: FrameType | None) -> None:
    """The first signal ends the run, and with it all that it started; later ones don't disturb that."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> None:
    """Measure, or read an earlier report, and print it. Ends with 1 where the tools are missing."""
    given = arguments()
    errors, output = Console(stderr=True), Console()
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, stop)
    try:
        if given.earlier:
            report = msgspec.json.decode(given.earlier.read_bytes(), type=Report)
        else:
            report = run(given, errors)
            LAST.write_bytes(msgspec.json.encode(report))
    except (Missing, OSError, msgspec.MsgspecError) as error:
        sys.exit(f"bench: {error}")
    match given.shape:
        case "json":
            print(msgspec.json.format(msgspec.json.encode(report)).decode())
        case "markdown":
            print(markdown(report))
        case "svg":
            print(draw(report), end="")
        case _ if output.is_terminal:
            terminal(report, output)
        case _:
            print(plain(report))


if __name__ == "__main__":
    main()
