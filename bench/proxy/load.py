"""One measurement: the load tool against a running server, and the CPU that the server's processes took meanwhile.

Knows nothing of which server it is, nor of how measurements are put together.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from msgspec import Struct

from bench.proxy.tools import built

PROMPT = "Please tell me a short story about a quick brown fox and a lazy dog, in about fifty words."
PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


class Scenario(Struct, frozen=True):
    """How a server is asked. `model` is the name by which the fake upstream knows what to answer."""

    name: str
    connections: int
    model: str
    stream: bool
    meaning: str


SCENARIOS = {
    one.name: one
    for one in (
        Scenario("ns1", 1, "fake-x", stream=False, meaning="not streamed, one at a time"),
        Scenario("ns64", 64, "fake-x", stream=False, meaning="not streamed, 64 at once"),
        Scenario("sf", 8, "fake-n200", stream=True, meaning="streamed, 200 tokens as fast as they come, 8 at once"),
        Scenario("sp", 8, "fake-n100-d10000", stream=True, meaning="streamed, 100 tokens, one each 10 ms, 8 at once"),
        Scenario(
            "sp64", 64, "fake-n100-d10000", stream=True, meaning="streamed, 100 tokens, one each 10 ms, 64 at once"
        ),
    )
}


class Target(Struct, frozen=True):
    """A server that runs, and how it is asked: `chat` or `responses`; `store` is None where there is no such field."""

    port: int
    pid: int
    api: str
    store: bool | None = None

    @property
    def path(self) -> str:
        """The route that is asked."""
        return "/v1/chat/completions" if self.api == "chat" else "/v1/responses"

    def body(self, scenario: Scenario) -> dict[str, Any]:
        """The request, as JSON."""
        asked: dict[str, Any] = {"model": scenario.model}
        if self.api == "chat":
            asked["messages"] = [{"role": "user", "content": PROMPT}]
        else:
            asked["input"] = PROMPT
        if self.store is not None:
            asked["store"] = self.store
        if scenario.stream:
            asked["stream"] = True
        if scenario.stream and self.api == "chat":
            asked["stream_options"] = {"include_usage": True}
        return asked


class Sample(Struct, frozen=True):
    """What one measurement gave. CPU in seconds, user and system; times in µs; memory in MB (10⁶), resident."""

    requests: int
    """Those that were answered with 200 to their end."""
    failed: int
    cpu: float
    tokens: int
    rate: float
    """Requests a second."""
    latency: float
    """Median of a whole request."""
    latency_p99: float
    first: float | None
    """Median time to the first token, where it is streamed."""
    token: float | None
    """Median time of a token from the upstream's writing to the client's reading, where it is streamed."""
    memory: float
    others: float
    """How many cores were busy with other work meanwhile; CPU per unit rises with it."""


class Failed(Exception):
    """A measurement that came to nothing; the message says why, in one line."""


def measure(target: Target, scenario: Scenario, seconds: float) -> Sample:
    """Ask for so many seconds; streams that have begun are read to their end. Raises Failed."""
    with NamedTemporaryFile("w", suffix=".json") as body:
        json.dump(target.body(scenario), body)
        body.flush()
        command = [built("loadgen"), "-p", target.port, "-u", target.path, "-b", body.name, "-a", target.api]
        command += ["-c", scenario.connections, "-d", seconds, *(["-s"] if scenario.stream else [])]
        before, elsewhere = cpu(target.pid), others()
        try:
            done = subprocess.run(
                list(map(str, command)),
                capture_output=True,
                text=True,
                check=True,
                timeout=seconds + 30,  # it stops by itself 15 s late
                start_new_session=True,  # Ctrl-C is for us to pass on
            )
        except subprocess.CalledProcessError as error:
            raise Failed(f"the load tool failed: {error.stderr.strip()[-200:]}") from None
        except subprocess.TimeoutExpired:
            raise Failed("the load tool did not end in time") from None
        spent, elsewhere = cpu(target.pid) - before, others() - elsewhere
    told = json.loads(done.stdout)
    elsewhere -= told["loadgen_cpu_s"]  # it has ended, so it no longer counts as ours
    if not (resident := memory(target.pid)):
        raise Failed("the server ended")
    return read(told, spent, resident, elsewhere)


def read(told: dict[str, Any], spent: float, resident: float, elsewhere: float) -> Sample:
    """What the load tool printed, with what was seen from outside: seconds of CPU here and elsewhere, memory in MB.

    Raises Failed where nothing was answered.
    """
    failed = told["non200"] + told["errors"] + told["incomplete"]
    requests = told["ok"] - told["incomplete"]
    if requests <= 0:
        raise Failed(f"of {told['done']} requests none was answered to its end")
    return Sample(
        requests=requests,
        failed=failed,
        cpu=spent,
        tokens=told["tokens"],
        rate=told["rps"],
        latency=told["lat_us"]["p50"],
        latency_p99=told["lat_us"]["p99"],
        first=told["ttft_us"]["p50"] if "ttft_us" in told else None,
        token=told["tok_us"]["p50"] if "tok_us" in told else None,
        memory=resident,
        others=max(elsewhere, 0) / told["elapsed_s"],
    )


def cpu(pid: int) -> float:
    """Seconds that a process and its descendants have run, to the nanosecond; processes that ended are left out."""
    total = 0
    for one in tree(pid):
        try:
            total += time.clock_gettime_ns(~one << 3 | 2)  # CLOCK_PROCESS_CPUTIME_ID of another process
        except OSError:  # it has ended
            continue
    return total / 1e9


def others() -> float:
    """Seconds for which all cores were busy or kept from us, less those of this program and its servers."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / TICKS - cpu(os.getpid())


def memory(pid: int) -> float:
    """Resident memory of a process and its descendants, in MB (10⁶)."""
    return sum(int(fields[21]) for one in tree(pid) if (fields := stat(one))) * PAGE / 1e6


def tree(root: int) -> Iterator[int]:
    """A process and its descendants."""
    parents = {pid: int(fields[1]) for pid in _all() if (fields := stat(pid))}
    yield root
    for pid in parents:
        above = parents.get(pid)
        while above is not None and above != root:
            above = parents.get(above)
        if above == root:
            yield pid


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name; those of a process that has ended are empty."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _all() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
