"""Log lines: one a signal, as JSON or for people."""

import asyncio
import json
from pathlib import Path
from typing import Any, get_args

import pytest

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
