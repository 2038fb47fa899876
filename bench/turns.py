"""Prints what a turn costs through the door: µs of the server's CPU, of all its threads, at 64 connections.

    python -m bench.turns [--turns N] [--rounds N]

The scripted model says back what it is asked, so that what is measured is the server alone. Each row is a
server of its own: its CPU with many turns less that with few, by the difference. Knows nothing of what the
store does (`bench/store.py` measures that by itself, and a turn's cost in long conversations).
"""

import argparse
import asyncio
import json
import resource
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from tests.served import running

CONNECTIONS = 64
FEW = 256
TEXT = "The quick brown fox jumps over the lazy dog. " * 6
WHOLE = json.dumps([{"text": TEXT, "whole": True}])
"""Has the model say it in one piece, so that a turn that is not streamed costs no more than a turn."""

ROWS: dict[str, dict[str, Any]] = {
    "not stored": {"store": False},
    "stored": {},
    "stored, continuing": {"previous_response_id": ""},
    "not stored, streamed": {"store": False, "stream": True},
    "stored, streamed": {"stream": True},
    "background": {"background": True},
}
"""What is asked beside the text; an empty `previous_response_id` stands for the connection's last response."""


async def converse(session: aiohttp.ClientSession, url: str, asked: dict[str, Any], turns: int) -> None:
    """One connection: so many turns, one after the other."""
    last = ""
    for _ in range(turns):
        body = {"model": "scripted", "input": TEXT if asked.get("stream") else WHOLE} | asked
        if not last:
            body.pop("previous_response_id", None)
        elif "previous_response_id" in body:
            body["previous_response_id"] = last
        async with session.post(f"{url}/responses", json=body) as answer:
            read = await answer.read()
            assert answer.status == 200, read
        if "previous_response_id" in asked:
            last = json.loads(read)["id"]


async def load(url: str, asked: dict[str, Any], turns: int) -> None:
    """All connections at once; a background turn is over when the server has ended it."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session:
        share = turns // CONNECTIONS
        await asyncio.gather(*(converse(session, url, asked, share) for _ in range(CONNECTIONS)))
        if asked.get("background"):
            body = {"model": "scripted", "input": "last", "background": True}
            async with session.post(f"{url}/responses", json=body) as answer:
                last = (await answer.json())["id"]
            while True:  # they are done in order
                async with session.get(f"{url}/responses/{last}") as answer:
                    if (await answer.json())["status"] == "completed":
                        return
                await asyncio.sleep(0.2)


def cpu(asked: dict[str, Any], turns: int) -> float:
    """Seconds of CPU of a server, from its start to its end, with so many turns."""
    before = _spent()
    with TemporaryDirectory(prefix="antiphon-bench-") as folder:
        options = ("--log-level", "warning", "--log-format", "json")
        with running("scripted", Path(folder), *options) as (server, _):
            asyncio.run(load(server.url, asked, turns))
    return _spent() - before


def _spent() -> float:
    """Seconds of CPU of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print a line for each way to ask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"{CONNECTIONS} connections       | µs of CPU a turn (streamed: {len(TEXT.split())} tokens)")
    for name, asked in ROWS.items():
        costs = [
            (cpu(asked, FEW + given.turns) - cpu(asked, FEW)) / given.turns * 1e6  # what a start costs is in both
            for _ in range(given.rounds)
        ]
        print(f"{name:20} | {statistics.median(costs):8.0f}", flush=True)


if __name__ == "__main__":
    main()
