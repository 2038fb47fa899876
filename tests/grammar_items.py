"""The grammar of what stands inside an item (protocol §5.2), for `grammar`.

Knows nothing of the response around the item, nor of numbers.

A kind of item is a class: `take` checks one event of its body, `close` its end. A kind that
is not in `ITEM_KINDS` has an empty body, until a row here says what it tells of itself.
"""

import json
from collections.abc import Callable
from typing import Any, ClassVar

JSON = Any
Event = dict[str, Any]


def same(one: JSON, other: JSON) -> bool:
    """Whether two JSON values have the same bytes, keys in the same order."""
    return json.dumps(one) == json.dumps(other)


class OpenItem:
    """An item that was added and is not done. `may_change` are its keys that `done` may say anew."""

    may_change: frozenset[str] = frozenset({"status"})
    prefix = ""
    statuses: tuple[str, ...] = ("completed", "incomplete", "failed")
    zero: tuple[tuple[str, JSON], ...] = ()

    def __init__(self, item: Event) -> None:
        self.item = item
        self.kind: str = item["type"]
        assert item["id"].startswith(self.prefix), f"the id of a {self.kind} is {item['id']!r}"
        assert item.get("status", "in_progress") in ("in_progress", *self.statuses), f"status is {item['status']!r}"
        for key, value in self.zero:
            assert key in item, f"the {self.kind} was added without {key}"
            assert item[key] == value, f"the {self.kind} was added with {key} = {item[key]!r}"
        if self.zero:
            nulls = [key for key, value in item.items() if value is None]
            assert not nulls, f"{nulls[0]} is null: a key that has no value is left out"

    def take(self, kind: str, event: Event) -> None:
        """Check one event of the body."""
        raise AssertionError(f"a {self.kind} has no such event")

    def close(self, item: Event) -> None:
        """Check the item as `output_item.done` tells it."""
        for key in sorted((self.item.keys() | item.keys()) - self.may_change):
            assert key in item, f"{key} was in added and is not in done"
            assert key in self.item, f"{key} is in done and was not in added"
            assert same(item[key], self.item[key]), f"{key} was {self.item[key]!r} and is {item[key]!r} when done"
        if self.zero or "status" in self.item or "status" in item:
            assert item.get("status") in self.statuses, f"done with status {item.get('status')!r}"

    def place(self, event: Event, key: str, expected: int) -> None:
        """Check that an event names this item and the place in it."""
        assert event.get("item_id") == self.item["id"], f"item_id is {event.get('item_id')!r}"
        assert type(event.get(key)) is int, f"{key} is {event.get(key)!r}"
        assert event[key] == expected, f"{key} is {event[key]}, not {expected}"

    def delta(self, event: Event) -> str:
        """The text of a delta."""
        assert event.get("item_id") == self.item["id"], f"item_id is {event.get('item_id')!r}"
        assert isinstance(event.get("delta"), str), f"delta is {event.get('delta')!r}"
        text: str = event["delta"]
        return text


class OpenPart:
    """A part that was added and is not done. `key` is where its words stand."""

    def __init__(self, kind: str, index: int) -> None:
        self.kind = kind
        self.index = index
        self.key = "refusal" if kind == "refusal" else "text"
        self.pieces: list[str] = []
        self.logprobs: list[JSON] = []
        self.annotations: list[JSON] = []
        self.told = False

    def empty(self) -> Event:
        """The part as it must be added."""
        return self._value("", [], [])

    def full(self) -> Event:
        """The part as it must be done."""
        return self._value("".join(self.pieces), self.annotations, self.logprobs)

    def _value(self, text: str, annotations: list[JSON], logprobs: list[JSON]) -> Event:
        value: Event = {"type": self.kind, self.key: text}
        if self.kind == "output_text":
            value |= {"annotations": annotations, "logprobs": logprobs}
        return value

    def open_still(self) -> None:
        """Check that its text was not yet told whole."""
        assert not self.told, "the text of this part was already done"


class Spoken(OpenItem):
    """An item made of parts: a message, or a thought."""

    contents: ClassVar[dict[str, tuple[str, ...]]] = {}
    """The kind of part → the stems of its delta and done events."""

    def __init__(self, item: Event) -> None:
        super().__init__(item)
        self.parts: list[Event] = []
        self.part: OpenPart | None = None

    def take(self, kind: str, event: Event) -> None:
        if kind == "response.content_part.added":
            self._added(event)
            return
        part = self.part
        assert part is not None and part.kind != "summary_text", "no part of the content is open"
        self.place(event, "content_index", part.index)
        if kind == "response.content_part.done":
            self._done(part, event)
        elif kind == "response.output_text.annotation.added" and part.kind == "output_text":
            part.open_still()
            number = event.get("annotation_index")
            assert number == len(part.annotations), f"annotation_index is {number!r}"
            part.annotations.append(event["annotation"])
        else:
            self._text(part, kind, event)

    def _added(self, event: Event) -> None:
        assert self.part is None, "a part was added while another is open"
        self.place(event, "content_index", len(self.parts))
        kind = event["part"].get("type")
        assert kind in self.contents and kind != "summary_text", f"a {self.kind} has no part of type {kind!r}"
        self._may_follow(kind)
        self.part = OpenPart(kind, len(self.parts))
        assert event["part"] == self.part.empty(), f"the part was added as {event['part']!r}"

    def _may_follow(self, kind: str) -> None:
        """Check that a part of this kind may come now."""

    def _text(self, part: OpenPart, kind: str, event: Event) -> None:
        stem, _, verb = kind.rpartition(".")
        assert stem in self.contents[part.kind] and verb in ("delta", "done"), f"a {part.kind} has no such event"
        part.open_still()
        if part.kind == "output_text":
            assert isinstance(event.get("logprobs"), list), f"logprobs is {event.get('logprobs')!r}, not a list"
        if verb == "delta":
            part.pieces.append(self.delta(event))
            part.logprobs += event.get("logprobs", [])
            return
        said = event.get(part.key)
        assert said == "".join(part.pieces), f"the deltas say {''.join(part.pieces)!r}, done says {said!r}"
        if part.kind == "output_text":
            assert same(event["logprobs"], part.logprobs), "the logprobs of done are not those of the deltas"
        part.told = True

    def _done(self, part: OpenPart, event: Event) -> None:
        assert part.told, "the part is done before its text is"
        assert event["part"] == part.full(), f"the part should be done as {part.full()!r}, not {event['part']!r}"
        self.parts.append(event["part"])
        self.part = None

    def close(self, item: Event) -> None:
        super().close(item)
        assert self.part is None, "a part is open still"


class OpenMessage(Spoken):
    """`(text part)+ | refusal part`, or nothing at all."""

    prefix = "msg_"
    may_change = frozenset({"status", "content"})
    statuses = ("completed", "incomplete")
    zero = (("role", "assistant"), ("status", "in_progress"), ("content", []))
    contents: ClassVar[dict[str, tuple[str, ...]]] = {
        "output_text": ("response.output_text",),
        "refusal": ("response.refusal",),
    }

    def _may_follow(self, kind: str) -> None:
        assert not self.parts or kind == self.parts[0]["type"] == "output_text", (
            f"a part of {kind} after one of {self.parts[0]['type']}"
        )

    def close(self, item: Event) -> None:
        super().close(item)
        assert same(item.get("content"), self.parts), (
            f"content is not the parts that were told: {item.get('content')!r}"
        )


class OpenReasoning(Spoken):
    """`(summary part)* (raw part)*`; `encrypted_content` comes with done."""

    prefix = "rs_"
    may_change = frozenset({"status", "summary", "content", "encrypted_content"})
    statuses = ("completed", "incomplete")
    zero = (("status", "in_progress"), ("summary", []))
    contents: ClassVar[dict[str, tuple[str, ...]]] = {
        "reasoning_text": ("response.reasoning_text", "response.reasoning"),
        "summary_text": ("response.reasoning_summary_text",),
    }

    def __init__(self, item: Event) -> None:
        super().__init__(item)
        assert item.get("content", []) == [], f"reasoning was added with content {item['content']!r}"
        self.summary: list[Event] = []

    def take(self, kind: str, event: Event) -> None:
        if not kind.startswith("response.reasoning_summary_"):
            super().take(kind, event)
            return
        if kind == "response.reasoning_summary_part.added":
            assert self.part is None, "a part was added while another is open"
            assert not self.parts, "a summary after raw reasoning in the same item"
            self.place(event, "summary_index", len(self.summary))
            self.part = OpenPart("summary_text", len(self.summary))
            assert event["part"] == self.part.empty(), f"the part was added as {event['part']!r}"
            return
        part = self.part
        assert part is not None and part.kind == "summary_text", "no summary part is open"
        self.place(event, "summary_index", part.index)
        if kind == "response.reasoning_summary_part.done":
            self._summarised(part, event)
        else:
            self._text(part, kind, event)

    def _summarised(self, part: OpenPart, event: Event) -> None:
        assert part.told, "the part is done before its text is"
        assert event["part"] == part.full(), f"the part should be done as {part.full()!r}, not {event['part']!r}"
        self.summary.append(event["part"])
        self.part = None

    def close(self, item: Event) -> None:
        super().close(item)
        assert same(item.get("summary"), self.summary), f"summary is not what was told: {item.get('summary')!r}"
        assert same(item.get("content", []), self.parts), f"content is not what was told: {item.get('content')!r}"
        sealed = item.get("encrypted_content", "sealed")
        assert isinstance(sealed, str) and sealed, f"encrypted_content is {sealed!r}"


class Called(OpenItem):
    """A call that grows: deltas, then done once. `key` is where its words stand, `stem` its events."""

    statuses = ("completed", "incomplete")
    key = ""
    stem = ""

    def __init__(self, item: Event) -> None:
        super().__init__(item)
        for name in ("call_id", "name"):
            assert isinstance(item.get(name), str) and item[name], (
                f"the call was added with {name} = {item.get(name)!r}"
            )
        self.pieces: list[str] = []
        self.told = False

    def take(self, kind: str, event: Event) -> None:
        assert kind in (f"{self.stem}.delta", f"{self.stem}.done"), f"a {self.kind} has no such event"
        assert not self.told, f"the {self.key} of this call was already done"
        assert event.get("item_id") == self.item["id"], f"item_id is {event.get('item_id')!r}"
        if kind.endswith(".delta"):
            self.pieces.append(self.delta(event))
            return
        said = event.get(self.key)
        assert said == "".join(self.pieces), f"the deltas say {''.join(self.pieces)!r}, done says {said!r}"
        if self.kind == "function_call":
            assert event.get("name") == self.item["name"], f"done names {event.get('name')!r}"
        self.told = True

    def close(self, item: Event) -> None:
        super().close(item)
        assert self.told, f"{self.stem}.done never came"
        said = item.get(self.key)
        assert said == "".join(self.pieces), f"the deltas say {''.join(self.pieces)!r}, the item {said!r}"


class OpenFunctionCall(Called):
    """A call of a function of the client's."""

    prefix = "fc_"
    may_change = frozenset({"status", "arguments"})
    zero = (("status", "in_progress"), ("arguments", ""))
    key = "arguments"
    stem = "response.function_call_arguments"


class OpenCustomCall(Called):
    """A call of a free-form tool of the client's."""

    prefix = "ctc_"
    may_change = frozenset({"status", "input"})
    zero = (("status", "in_progress"), ("input", ""))
    key = "input"
    stem = "response.custom_tool_call_input"


ITEM_KINDS: dict[str, Callable[[Event], OpenItem]] = {
    "message": OpenMessage,
    "reasoning": OpenReasoning,
    "function_call": OpenFunctionCall,
    "custom_tool_call": OpenCustomCall,
}
