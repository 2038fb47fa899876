"""What the load tool prints is read rightly, and CPU and memory are those of the whole process tree."""

import subprocess
import sys
import time
from typing import Any

import pytest

from bench.proxy.load import SCENARIOS, Failed, Target, cpu, memory, read

TOLD: dict[str, Any] = {
    "elapsed_s": 2.0,
    "done": 12,
    "ok": 10,
    "non200": 1,
    "errors": 1,
    "incomplete": 2,
    "rps": 5.0,
    "tokens": 800,
    "loadgen_cpu_s": 0.1,
    "lat_us": {"p50": 1500.0, "p99": 9000.0},
}
STREAMED = TOLD | {"ttft_us": {"p50": 700.0}, "tok_us": {"p50": 60.0}}

BURN = "import time\nwhile time.process_time() < {}: pass"
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {BURN.format(0.3)!r} + "\\nprint(flush=True); input()"])
{BURN.format(0.2)}
child.wait()
"""


def test_a_request_that_broke_off_counts_as_failed() -> None:
    sample = read(TOLD, spent=0.5, resident=70.0, elsewhere=1.0)
    assert (sample.requests, sample.failed) == (8, 4)
    assert (sample.first, sample.token) == (None, None)
    assert sample.others == 0.5


def test_a_stream_has_the_time_to_its_first_token() -> None:
    sample = read(STREAMED, spent=0.5, resident=70.0, elsewhere=-0.01)
    assert (sample.first, sample.token) == (700.0, 60.0)
    assert sample.others == 0


def test_nothing_answered_is_no_measurement() -> None:
    with pytest.raises(Failed, match="of 12 requests none was answered"):
        read(TOLD | {"ok": 2}, spent=0.5, resident=70.0, elsewhere=0)


@pytest.mark.parametrize("store", [True, False])
def test_each_way_of_asking_is_in_the_request(store: bool) -> None:  # noqa: FBT001  # the field's own values
    asked = Target(1, 1, "responses", store).body(SCENARIOS["sp64"])
    assert asked["store"] is store
    assert asked["stream"] is True
    assert asked["model"] == "fake-n100-d10000"
    assert "store" not in Target(1, 1, "chat").body(SCENARIOS["ns1"])


@pytest.mark.skipif(sys.platform != "linux", reason="the load tools read /proc, which only Linux has")
def test_a_child_s_cpu_and_memory_count() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()  # the child has burnt its share
        while cpu(process.pid) < 0.5:  # and the parent, whose share is in no line
            time.sleep(0.01)
        assert memory(process.pid) > 8
        process.communicate(b"\n")
    assert cpu(process.pid) == 0
    assert memory(process.pid) == 0
