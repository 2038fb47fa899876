"""The stream grammar as a program: protocol §5.2, §5.3 and the SDK's accumulator rules (clients §11).

Knows nothing of this server's code: it reads what stood on the wire, and trusts none of it.

`parse_sse` reads the bytes of a whole stream; `check_stream` reads its events. Both raise
`AssertionError` with the number of the event and the rule that it breaks.
"""

import json
from typing import Any

from tests.grammar_items import ITEM_KINDS, OpenItem, same

JSON = Any

RESPONSE_KEYS = frozenset(
    [
        "id",
        "object",
        "created_at",
        "completed_at",
        "status",
        "background",
        "error",
        "incomplete_details",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "model",
        "output",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt_cache_key",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "truncation",
        "usage",
        "metadata",
    ]
)
"""The keys that every response has, whatever its status (protocol §3)."""

MOVING_KEYS = frozenset(
    {
        "status",
        "output",
        "usage",
        "error",
        "incomplete_details",
        "completed_at",
        "service_tier",
    }
)
"""The keys whose value may differ between two snapshots of one response."""

TERMINAL = {
    "response.completed": ("completed",),
    "response.incomplete": ("incomplete", "cancelled"),
    "response.failed": ("failed",),
}
"""The terminal events, and the statuses that each may carry (protocol §5.2: cancel ends as incomplete)."""

UNESCAPED = {
    "U+2028": b"\xe2\x80\xa8",
    "U+2029": b"\xe2\x80\xa9",
    "U+0085": b"\xc2\x85",
}


def parse_sse(raw: bytes) -> list[dict[str, JSON]]:
    """The events of a whole SSE stream, by the strictest of its readers.

    LF only; a frame is `event:` and one `data:` line; `event` equals `data.type`; the data is
    one JSON object without a key twice; comments may stand between frames; `[DONE]` is last.
    """
    assert b"\r" not in raw, "a CR in the stream: lines end with LF alone"
    for name, data in UNESCAPED.items():
        assert data not in raw, f"a raw {name} in the stream: it must be escaped"
    assert raw.endswith(b"data: [DONE]\n\n"), f"the stream does not end with [DONE]: …{raw[-80:]!r}"
    assert raw.count(b"data: [DONE]\n\n") == 1, "[DONE] stands more than once"
    frames = raw.decode("utf-8").removesuffix("data: [DONE]\n\n").split("\n\n")
    return [_frame(frame) for frame in frames if frame and not _comment(frame)]


def _comment(frame: str) -> bool:
    return all(line.startswith(":") for line in frame.split("\n"))


def _frame(frame: str) -> dict[str, JSON]:
    lines = [line for line in frame.split("\n") if not line.startswith(":")]
    assert len(lines) == 2, f"a frame of {len(lines)} lines, not of event and data: {frame!r}"
    assert lines[0].startswith("event: "), f"a frame without its event line first: {frame!r}"
    assert lines[1].startswith("data: "), f"a frame without its data line second: {frame!r}"
    event = json.loads(
        lines[1].removeprefix("data: "),
        object_pairs_hook=_object,
        parse_constant=_constant,
    )
    assert isinstance(event, dict), f"data is not an object: {frame!r}"
    assert lines[0] == f"event: {event.get('type')}", f"{lines[0]!r} stands over data of type {event.get('type')!r}"
    return event


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    assert len(found) == len(pairs), f"a key stands twice in {[key for key, _ in pairs]}"
    return found


def _constant(name: str) -> JSON:
    raise AssertionError(f"{name} is not JSON")


def check_stream(events: list[dict[str, JSON]]) -> dict[str, JSON]:
    """Check a whole stream; the response of its terminal event.

    Raises `AssertionError` with the number of the event at fault and the rule.
    """
    assert events, "no event at all"
    stream = Stream()
    for place, event in enumerate(events):
        try:
            stream.take(place, event)
        except AssertionError as fault:
            raise AssertionError(f"event {place} ({event.get('type')}): {fault}") from None
        except (AttributeError, IndexError, KeyError, TypeError) as fault:
            raise AssertionError(f"event {place} ({event.get('type')}) is misshapen: {fault!r}") from fault
    assert stream.final is not None, "the stream has no terminal event"
    return stream.final


def check_response(response: dict[str, JSON]) -> None:
    """Check a response by itself, streamed or not: its keys, and what its status asks of the others."""
    missing = RESPONSE_KEYS - response.keys()
    assert not missing, f"the response lacks {sorted(missing)}"
    assert response["object"] == "response", f"object is {response['object']!r}"
    assert response["id"].startswith("resp_"), f"the id is {response['id']!r}"
    for key in ("created_at", "completed_at"):
        assert response[key] is None or type(response[key]) is int, f"{key} is {response[key]!r}, not whole seconds"
    _check_status(response)
    _check_usage(response)


def _check_status(response: dict[str, JSON]) -> None:
    status, error, details = (
        response["status"],
        response["error"],
        response["incomplete_details"],
    )
    known = ("queued", "in_progress", "completed", "incomplete", "failed", "cancelled")
    assert status in known, f"status is {status!r}"
    assert (response["completed_at"] is not None) == (status == "completed"), (
        f"completed_at is {response['completed_at']} in a response that is {status}"
    )
    if status == "completed":
        assert response["completed_at"] >= response["created_at"], "completed before it was created"
    assert (error is not None) == (status == "failed"), f"error is {error!r} in a response that is {status}"
    if error is not None:
        for key in ("code", "message"):
            assert isinstance(error.get(key), str) and error[key], f"error.{key} is {error.get(key)!r}"
    assert (details is not None) == (status == "incomplete"), f"incomplete_details is {details!r} in {status}"
    if details is not None:
        assert details.get("reason") in ("max_output_tokens", "content_filter"), f"incomplete_details is {details!r}"


def _check_usage(response: dict[str, JSON]) -> None:
    usage, status = response["usage"], response["status"]
    if usage is None:
        assert status not in ("completed", "incomplete"), f"no usage in a response that is {status}"
        return
    assert status in ("completed", "incomplete", "failed"), f"usage in a response that is {status}"
    into, out, total = (
        usage["input_tokens"],
        usage["output_tokens"],
        usage["total_tokens"],
    )
    assert total == into + out, f"{into} + {out} tokens are not {total}"
    assert 0 <= usage["input_tokens_details"]["cached_tokens"] <= into, "more tokens cached than read"
    assert type(usage["input_tokens_details"]["cache_write_tokens"]) is int, "cache_write_tokens is not a number"
    assert 0 <= usage["output_tokens_details"]["reasoning_tokens"] <= out, "more tokens thought than written"


class Stream:
    """The state of a stream between two events. `final` is the response of its end, once it came."""

    def __init__(self) -> None:
        self.final: dict[str, JSON] | None = None
        self._first: dict[str, JSON] = {}
        self._stage = "start"
        self._added = 0
        self._open: dict[int, OpenItem] = {}
        self._done: dict[int, dict[str, JSON]] = {}
        self._ids: set[str] = set()

    def take(self, place: int, event: dict[str, JSON]) -> None:
        """Check the event that stands at `place`."""
        kind, number = event.get("type"), event.get("sequence_number")
        assert isinstance(kind, str), "it has no type"
        assert type(number) is int and number == place, f"sequence_number is {number!r}, not {place}"
        assert self.final is None, "it stands after the terminal event"
        assert kind != "error", "over SSE a fault ends in response.failed, never in `error`"
        if "response" in event or kind in TERMINAL:
            self._lifecycle(kind, event["response"])
            return
        assert self._stage == "in_progress", f"an item's event before response.in_progress (after {self._stage})"
        index = event.get("output_index")
        assert type(index) is int, f"output_index is {index!r}"
        if kind == "response.output_item.added":
            self._item_added(index, event["item"])
            return
        assert index in self._open, f"item {index} is not open"
        if kind == "response.output_item.done":
            self._item_done(index, event["item"])
        else:
            self._open[index].take(kind, event)

    def _lifecycle(self, kind: str, response: dict[str, JSON]) -> None:
        check_response(response)
        if kind in TERMINAL:
            self._end(kind, response)
            return
        follows = {
            ("start", "response.created"): ("in_progress", "queued"),
            ("created", "response.queued"): ("queued",),
            ("created", "response.in_progress"): ("in_progress",),
            ("queued", "response.in_progress"): ("in_progress",),
        }
        statuses = follows.get((self._stage, kind))
        assert statuses is not None, f"it does not follow {self._stage}"
        assert response["status"] in statuses, f"its response is {response['status']!r}"
        assert response["output"] == [], "output before any item"
        if kind == "response.created":
            self._first = response
        if kind == "response.in_progress" and self._stage == "created":
            assert self._first["status"] == "in_progress", "created as queued, but response.queued never came"
        if kind == "response.queued":
            assert self._first["status"] == "queued", "queued, but not created so"
        self._constant(response)
        self._stage = kind.removeprefix("response.")

    def _constant(self, response: dict[str, JSON]) -> None:
        assert response.keys() == self._first.keys(), f"keys came or went: {response.keys() ^ self._first.keys()}"
        for key in response.keys() - MOVING_KEYS:
            assert same(response[key], self._first[key]), (
                f"response.{key} changed from {self._first[key]!r} to {response[key]!r}"
            )

    def _item_added(self, index: int, item: dict[str, JSON]) -> None:
        assert index == self._added, f"item {index} was added where item {self._added} comes next"
        kind, item_id = item.get("type"), item.get("id")
        assert isinstance(kind, str), f"the item's type is {kind!r}"
        assert isinstance(item_id, str) and item_id, f"the item's id is {item_id!r}"
        assert item_id not in self._ids, f"the id {item_id} was used before"
        assert not self._open, f"a {kind} was added while item {min(self._open, default=0)} was open"
        self._ids.add(item_id)
        self._added += 1
        self._open[index] = ITEM_KINDS.get(kind, OpenItem)(item)

    def _item_done(self, index: int, item: dict[str, JSON]) -> None:
        self._open.pop(index).close(item)
        before = next(
            (n for n, done in self._done.items() if done.get("status") == "incomplete"),
            None,
        )
        assert before is None, f"item {before} ended incomplete, so it must be the last"
        self._done[index] = item

    def _end(self, kind: str, response: dict[str, JSON]) -> None:
        assert self._stage == "in_progress", f"the end before response.in_progress (after {self._stage})"
        assert response["status"] in TERMINAL[kind], f"its response is {response['status']!r}"
        assert not self._open, f"item {min(self._open)} was added and never done"
        self._constant(response)
        done = [self._done[index] for index in sorted(self._done)]
        assert same(response["output"], done), f"its output is not the items that were done: {response['output']!r}"
        if response["status"] == "completed":
            cut = [item["id"] for item in done if item.get("status") == "incomplete"]
            assert not cut, f"completed, although {cut[0]} is incomplete"
        self.final = response
