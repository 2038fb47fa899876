"""The two load tools: builds them from their C sources, once, and says in a line what stands in the way.

`fakeup PORT` is an upstream that speaks Chat Completions; the model's name sets its answer: `-n200` chunks (50 where
it says nothing), `-d10000` µs between them, `-b16` chunks a write, `-f5000` µs before the first; each chunk carries
the time at which it was sent, `@ns@`. `loadgen` asks one port, on so many connections, as fast as it is answered, and
prints JSON, which `load.py` reads. Knows nothing of what is measured with them.
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / "build" / "bench"
"""What is built, fetched and measured is kept here; it may be deleted at any time."""


class Missing(Exception):
    """What can't be had here; the message says what it is and how to get it, in one line."""


def built(name: str) -> Path:
    """The program of that source, compiled where it is missing or older. Raises Missing."""
    source, program = HERE / f"{name}.c", CACHE / name
    if sys.platform != "linux":
        raise Missing("the load tools need Linux (epoll, /proc)")
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise Missing("no C compiler here (cc, gcc or clang), which the load tools need: apt-get install gcc libc6-dev")
    CACHE.mkdir(parents=True, exist_ok=True)
    made = subprocess.run([compiler, "-O2", "-w", "-o", program, source], capture_output=True, text=True, check=False)
    if made.returncode:
        raise Missing(f"{compiler} could not build {source.name}: {made.stderr.strip().splitlines()[0]}")
    return program
