"""What became of the responses of a server that was killed, and whether that is what was promised (DESIGN §4).

Knows nothing of when it was killed, nor of this server's code.
"""

import json
import random
from collections import Counter
from typing import Any

from tests.crash.client import ENDED, Asked, Client, frames
from tests.grammar import check_response, check_stream, parse_sse
from tests.grammar_items import same

TERMINAL = ("response.completed", "response.incomplete", "response.failed")
CLOSING = (*TERMINAL, "[DONE]")


class Verdict:
    """Counts over all responses of all rounds. Those of `WRONG` must stay 0; `findings` says why one did not."""

    WRONG = (
        "background lost",
        "published twice",
        "terminal events not 1",
        "reread differently",
        "falsely completed",
        "other faults",
    )

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.findings: list[str] = []

    def add(self, other: "Verdict") -> None:
        """Take in another round."""
        self.counts += other.counts
        self.findings += other.findings

    def table(self) -> str:
        """The counts, a line each, with those that must be 0 last."""
        rest = sorted(self.counts.keys() - set(self.WRONG))
        return "\n".join(f"{self.counts[name]:>7}  {name}" for name in (*rest, *self.WRONG))

    def wrong(self, what: str, asked: Asked, why: str) -> None:
        """A promise was broken."""
        self.counts[what] += 1
        self.findings.append(f"{what}: {asked.name} ({told(asked)}): {why}")

    async def judge(self, client: Client, asked: Asked, chance: random.Random) -> None:
        """Look at one response, when nothing runs any more."""
        for fault in asked.faults:
            self.wrong("other faults", asked, fault)
        if asked.key is not None:
            await self._judge_retry(client, asked)
        if asked.name is None:
            self.counts["never known to its client"] += 1
            return
        status, response = await client.get(asked)
        if status == 404 and not asked.background and not asked.done:
            self.counts["foreground, gone"] += 1
            return
        if status != 200 or response["status"] not in ENDED:
            what = "background lost" if asked.background else "other faults"
            self.wrong(what, asked, f"{status}, {response.get('status')}")
            return
        self.counts[f"{'background' if asked.background else 'foreground'}, {response['status']}"] += 1
        raw = await client.replay(asked)
        self._judge_replay(asked, response, raw)
        self._judge_end(asked, response)
        self._judge_reread(asked, response, raw)
        await self._judge_resumption(client, asked, raw, chance)

    def _judge_replay(self, asked: Asked, response: dict[str, Any], raw: bytes) -> None:
        """One stream in the grammar, which says what the response says."""
        try:
            check_response(response)
            events = parse_sse(raw)
        except AssertionError as fault:
            self.wrong("other faults", asked, str(fault))
            return
        numbers = [event["sequence_number"] for event in events]
        if numbers != list(range(len(numbers))):
            self.wrong("published twice", asked, f"the numbers are {numbers}")
        if sum(event["type"] in TERMINAL for event in events) != 1:
            self.wrong("terminal events not 1", asked, str([event["type"] for event in events[-3:]]))
        try:
            final = check_stream(events)
            assert same(final, response), "the stream ends in another response than the snapshot shows"
        except AssertionError as fault:
            self.wrong("other faults", asked, str(fault))

    def _judge_end(self, asked: Asked, response: dict[str, Any]) -> None:
        """Whole, or honest about not being so."""
        output, status = response["output"], response["status"]
        if asked.seen and not same(output[: len(asked.seen)], asked.seen):
            self.wrong("reread differently", asked, f"a finished item that was seen changed: {asked.seen}, {output}")
        if status == "failed":
            if response["error"]["code"] != "interrupted":
                self.wrong("other faults", asked, str(response["error"]))
            if asked.background and not _cut_where_it_cannot_go_on(asked, output):
                self.wrong("background lost", asked, f"it was interrupted, and could have gone on: {output}")
            return
        if status == "cancelled":
            self.wrong("other faults", asked, "nobody cancelled it")
        if asked.expected is not None and (said := spoken(output)) != asked.expected:
            twice = len(str(said)) > len(str(asked.expected))
            self.wrong("published twice" if twice else "falsely completed", asked, f"{said}, not {asked.expected}")
        bound = asked.body.get("max_output_tokens")
        if bound is not None and response["usage"]["output_tokens"] > bound:
            self.wrong("published twice", asked, f"{response['usage']} tokens of {bound}")

    def _judge_reread(self, asked: Asked, response: dict[str, Any], raw: bytes) -> None:
        """What was read once is read again; the last moments of a foreground stream may be lost."""
        if asked.answer is not None and not same(asked.answer, response):
            self.wrong("reread differently", asked, f"{asked.answer} became {response}")
        read, kept = asked.events, frames(raw)
        self.counts["events read before or after a kill"] += len(read)
        if asked.background or asked.done:
            if asked.reads and read != kept[: len(read)]:
                place = next(n for n, one in enumerate(read) if n >= len(kept) or one != kept[n])
                self.wrong(
                    "reread differently",
                    asked,
                    f"event {place}: {read[place : place + 1]}, now {kept[place : place + 1]}",
                )
            if asked.reads and asked.background and len(read) != len(kept):
                self.wrong("reread differently", asked, f"{len(read)} events were read, {len(kept)} are kept")
            return
        alike = next((n for n, (one, two) in enumerate(zip(read, kept, strict=False)) if one != two), len(kept))
        kinds = [frame.split(b"\n")[0].removeprefix(b"event: ").removeprefix(b"data: ").decode() for frame in kept]
        other = [kind for kind in kinds[alike:] if not (kind.endswith(".done") or kind in CLOSING)]
        if alike < len(read) and other:
            self.wrong("reread differently", asked, f"from event {alike} on there is {other}")

    async def _judge_resumption(self, client: Client, asked: Asked, raw: bytes, chance: random.Random) -> None:
        """The rest after any event is the end of the whole, byte for byte."""
        if not (asked.streamed or asked.background):
            return
        kept = frames(raw)
        after = chance.randrange(len(kept) - 1)
        if frames(await client.replay(asked, after)) != kept[after + 1 :]:
            self.wrong("reread differently", asked, f"the stream after {after} is not the rest of the whole")

    async def _judge_retry(self, client: Client, asked: Asked) -> None:
        """Under a key, the retry gets what there is, or does the work that left nothing."""
        status, replayed, body = await client.again(asked)
        if status != 200:
            self.wrong("other faults", asked, f"the retry gave {status}: {body[:200]!r}")
            return
        response = json.loads(body) if not asked.streamed else check_stream(parse_sse(body))
        name = response["id"]
        if asked.done and not (replayed and name == asked.name):
            self.wrong("published twice", asked, f"it was answered, and the retry made {name}")
        self.counts["retried: replayed" if replayed else "retried: done anew"] += 1
        if not replayed:
            self._judge_end(Asked(asked.body, asked.expected, name=name), response)


def _cut_where_it_cannot_go_on(asked: Asked, output: list[dict[str, Any]]) -> bool:
    """Whether its readers could have seen an item that only its own maker could have finished (DESIGN §4)."""
    return asked.streamed and bool(output) and output[-1]["type"] != "message" and output[-1]["status"] == "incomplete"


def spoken(output: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The type and the text of each item."""
    return [(item["type"], _text(item)) for item in output]


def _text(item: dict[str, Any]) -> str:
    if item["type"] == "function_call":
        return str(item["arguments"])
    return "".join(part["text"] for part in item["content"])


def told(asked: Asked) -> str:
    """The kind of a request, in words."""
    kind = "background" if asked.background else "foreground"
    return f"{kind}{' stream' if asked.streamed else ''}{' under a key' if asked.key else ''}"
