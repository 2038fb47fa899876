"""Log lines: one a signal, as JSON or for people."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.core.signals import (
    Fault,
    ModelChanged,
    Note,
    RequestEnded,
    RunContent,
    RunEnded,
    RunSettled,
    Signal,
    UpstreamCalled,
    UpstreamChanged,
)
from antiphon.observe.logs import Lines, structured


def run(status: str = "completed", code: str | None = None) -> RunEnded:
    return RunEnded("resp_1", "req_1", "m", status, 1.23456789, None, 3, 1, 2, code)


SIGNALS: list[tuple[Signal, str, str]] = [
    (RequestEnded("req_1", "GET", "/healthz", 200, 0.000123456), "info", "request"),
    (run(), "info", "run"),
    (run("failed", "server_error"), "warning", "run"),
    (RunContent("resp_1", "req_1", "p", ["prompt"], ["output"]), "info", "content"),
    (RunSettled("resp_1", "p", "key_1", "m", "completed", 3, 1, 2, 0, estimated=False, cost=0.0), "debug", "settled"),
    (UpstreamCalled("gpu", "m", "answered", 200, 1.0), "debug", "call"),
    (UpstreamCalled("gpu", "m", "broken", 200, 1.0), "warning", "call"),
    (UpstreamChanged("gpu", "ready"), "info", "upstream"),
    (UpstreamChanged("gpu", "failing"), "error", "upstream"),
    (ModelChanged("m", "ready"), "info", "model"),
    (ModelChanged("m", "lost", "killed"), "error", "model"),
    (ModelChanged("m", "failed"), "error", "model"),
    (Fault("here", "ValueError"), "error", "fault"),
    (Note("a thing happened", {"count": 3}), "info", "a thing happened"),
]


def lines(capfdbinary: pytest.CaptureFixture[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfdbinary.readouterr().err.splitlines()]


def test_json_is_a_line_a_signal(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    listen = structured("json", "debug")
    for signal, _, _ in SIGNALS:
        listen(signal)
    assert {type(signal) for signal, _, _ in SIGNALS} == set(get_args(Signal))
    told = lines(capfdbinary)
    assert [(line["level"], line["event"]) for line in told] == [(level, event) for _, level, event in SIGNALS]
    assert all(line["timestamp"].endswith("Z") for line in told)
    assert (told[0]["path"], told[0]["status"], told[0]["seconds"]) == ("/healthz", 200, 0.000123)
    assert (told[1]["response_id"], told[1]["first_delta"], told[1]["seconds"]) == ("resp_1", None, 1.234568)
    assert told[-1]["count"] == 3


@pytest.mark.anyio
async def test_usual_lines_go_out_together_and_what_is_wrong_goes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        lines = Lines(file)
        for _ in range(2):
            lines.write(b"usual\n")
            lines.soon()
        assert path.read_bytes() == b""
        lines.write(b"wrong\n")
        lines.now()
        assert path.read_bytes() == b"usual\nusual\nwrong\n"
        lines.write(b"usual\n")
        lines.soon()
        while path.read_bytes().count(b"\n") < 4:  # noqa: ASYNC110  seen from outside
            await asyncio.sleep(0.01)


STEPS = st.lists(st.sampled_from(["usual", "wrong", "pause"]), max_size=20)


@settings(max_examples=40)
@given(loops=st.lists(STEPS, max_size=3))
def test_in_the_end_every_line_is_written_in_order_and_once(loops: list[list[str]]) -> None:
    """Also those that still waited when their loop ended."""

    async def live(steps: list[str]) -> None:
        for step in steps:
            if step == "pause":
                await asyncio.sleep(0)
                continue
            sent.append(f"{step} {len(sent)}\n".encode())
            lines.write(sent[-1])
            lines.soon() if step == "usual" else lines.now()

    with TemporaryFile() as file:
        sent: list[bytes] = []
        lines = Lines(file)
        for steps in loops:
            asyncio.run(live(steps))
        file.flush()  # as Python does it to standard error when it ends
        file.seek(0)
        assert file.readlines() == sent


def test_a_program_that_ends_has_told_all() -> None:
    """Lines that waited for others are written when it ends, whichever way it does."""
    program = """
import asyncio, sys
from antiphon.core.signals import Fault, Note
from antiphon.observe.logs import structured

listen = structured("json", "info")

async def live():
    for number in range(200):
        listen(Fault("here", str(number)) if number % 50 == 49 else Note("n", {"number": number}))
    if sys.argv[1] == "fails":
        raise SystemExit(3)

listen(Note("before"))
asyncio.run(live())
"""
    for way, code in (("ends", 0), ("fails", 3)):
        ended = subprocess.run([sys.executable, "-c", program, way], capture_output=True, check=False)
        assert ended.returncode == code
        told = [json.loads(line) for line in ended.stderr.splitlines()]
        assert [line.get("number", line.get("message")) for line in told[1:]] == [
            str(number) if number % 50 == 49 else number for number in range(200)
        ]


def test_where_no_loop_runs_every_line_goes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        lines = Lines(file)
        lines.write(b"usual\n")
        lines.soon()
        assert path.read_bytes() == b"usual\n"


def test_what_is_less_important_is_left_out(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    listen = structured("json", "warning")
    for signal, _, _ in SIGNALS:
        listen(signal)
    assert {line["level"] for line in lines(capfdbinary)} == {"warning", "error"}


def test_people_get_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    structured("console", "info")(Note("a thing happened", {"count": 3}))
    told = capsys.readouterr()
    assert not told.out
    assert "a thing happened" in told.err and "count=3" in told.err and "\x1b" not in told.err
