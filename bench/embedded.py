"""Prints tokens per second of the embedded model through the server, beside xllamacpp called directly.

    python bench/embedded.py [--model FILE]… [--threads N] [--pairs N] [--tokens N] [--niceness N]

Both run at once, each in a process of its own, with the same threads; they are asked in turn, with the
same prompts, and the medians are compared. The bar is 0.95. The server's engine runs at
niceness 5 and the direct one at 0: where other work wants the cores, that shows, so the load is printed,
and `--niceness 5` takes it out. Knows nothing of what the answers say.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

BAR = 0.95
PROMPT = "Number {}. Write a long story about a lighthouse keeper, with many details and no end."

Ask = Callable[[str], tuple[float, float]]
"""A prompt, and how fast it was answered: tokens a second from the request to its end, seconds to the first."""


def directly(path: str, threads: int, tokens: int, niceness: int) -> None:
    """The other process: answers each line of JSON on standard input with one on standard output."""
    import xllamacpp

    os.nice(niceness)
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 16384
    params.n_parallel = 4
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = 1
    server = xllamacpp.Server(params)
    for line in sys.stdin:
        ask = {"messages": [{"role": "user", "content": json.loads(line)}], "stream": True, "return_progress": True}
        ask |= {"max_tokens": tokens, "temperature": 0}
        times: list[float] = []
        last: dict[str, Any] = {}

        def hear(chunk: dict[str, Any], times: list[float] = times, last: dict[str, Any] = last) -> bool:
            if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                times.append(time.perf_counter())
            last.update(chunk)
            return False

        began = time.perf_counter()
        server.handle_chat_completions(ask, hear)
        seconds = time.perf_counter() - began
        print(json.dumps([last["timings"]["predicted_n"] / seconds, times[0] - began]), flush=True)


def through(url: str, model: str, tokens: int) -> Ask:
    """Asks the server for a stream, over HTTP."""

    def ask(prompt: str) -> tuple[float, float]:
        body = {"model": model, "input": prompt, "stream": True, "temperature": 0, "store": False}
        data = json.dumps(body | {"max_output_tokens": tokens}).encode()
        request = urllib.request.Request(f"{url}/responses", data, {"Content-Type": "application/json"})  # noqa: S310  # our own server
        began = time.perf_counter()
        first = 0.0
        with urllib.request.urlopen(request) as response:  # noqa: S310  # as above
            for line in response:
                if line.startswith(b"event: response.output_text.delta"):
                    first = first or time.perf_counter() - began
                elif line.startswith(b"data: {"):
                    last = line
        seconds = time.perf_counter() - began
        return json.loads(last[6:])["response"]["usage"]["output_tokens"] / seconds, first

    return ask


def compare(path: Path, given: argparse.Namespace) -> float:
    """Print a line for this model; the ratio of the medians."""
    from tests.served import serving

    threads, pairs, tokens = given.threads, given.pairs, given.tokens
    command = [sys.executable, __file__, "--directly", str(path), "--threads", str(threads), "--tokens", str(tokens)]
    command += ["--niceness", str(given.niceness)]
    with (
        TemporaryDirectory() as data,
        serving(str(path.resolve()), Path(data), "--threads", str(threads)) as server,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        to, back = process.stdin, process.stdout
        assert to is not None
        assert back is not None

        def bare(prompt: str) -> tuple[float, float]:
            to.write(json.dumps(prompt) + "\n")
            to.flush()
            speed, first = json.loads(back.readline())
            return speed, first

        served = through(server.url, path.stem, tokens)
        asks: list[Ask] = [served, bare]
        for ask in asks:
            ask(PROMPT.format(0))  # brings the weights into memory
        results: dict[Ask, list[tuple[float, float]]] = {served: [], bare: []}
        for pair in range(pairs):
            for ask in asks if pair % 2 else asks[::-1]:
                results[ask].append(ask(PROMPT.format(pair + 1)))
        to.close()
    speeds = [statistics.median(speed for speed, _ in results[ask]) for ask in asks]
    firsts = [statistics.median(first for _, first in results[ask]) for ask in asks]
    ratio = speeds[0] / speeds[1]
    print(
        f"{path.stem[:36]:36} {threads:7} {speeds[0]:11.1f} {speeds[1]:11.1f} {ratio:6.2f}"
        f" {firsts[0] * 1000:11.0f} {firsts[1] * 1000:11.0f} {os.getloadavg()[0]:6.1f}"
    )
    return ratio


def main() -> None:
    """Compare each model. Ends with 1 where one stays under the bar."""
    from antiphon.models import catalogue
    from antiphon.models.llama_options import default_threads
    from antiphon.settings import data_folder

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", help="a GGUF file; default: those that were pulled")
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--niceness", type=int, default=0, help="of the direct process; the server's engine has 5")
    parser.add_argument("--directly", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.directly:
        directly(given.directly, given.threads, given.tokens, given.niceness)
        return
    known = catalogue.load()
    known, folder = catalogue.load(), catalogue.folder(data_folder())
    pulled = (catalogue.locate(name, folder) for name in (known.small, known.default))
    paths = given.model or [path for path in pulled if path is not None]
    if not paths:
        sys.exit("no model here: antiphon pull smollm2-135m-instruct, or --model FILE")
    print(f"{'tokens a second':36} threads {'server':>11} {'direct':>11}  ratio {'first ms':>11} {'direct':>11}   load")
    if min(compare(path, given) for path in paths) < BAR:
        sys.exit(f"under the bar of {BAR}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
