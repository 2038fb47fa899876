"""What a Responses upstream says, as deltas: events in, the few words of `core.deltas` out. Pure.

Knows nothing of connections. The rules of this file:
- one item speaks at a time: what others say meanwhile waits until it is done (upstreams may interleave);
- an item is known by its output index or its id, whichever an event gives, else it is the one that speaks;
- what `done` events and the final response tell beyond the deltas is told as a delta more; what they tell
  otherwise is passed over, since what was said is said;
- a call whose id another has, in this turn or in the history, gets another;
- an end that is not told is a fault.
"""

from collections.abc import Callable, Iterable

import msgspec
from msgspec import UNSET, Struct, UnsetType

from antiphon.core import deltas as d
from antiphon.core.items import JSON
from antiphon.core.offers import flat
from antiphon.models.responses_end import fault_of, no_answer, parts, reason_of, rest_of, usage_of
from antiphon.models.responses_items import from_upstream, logprobs, wrapped
from antiphon.models.upstream import Upstream, malformed


class Told(Struct):
    """An event of the upstream's: whatever members any kind has, none of them sure."""

    type: str = ""
    output_index: int | None = None
    item_id: str | None = None
    summary_index: int | None = None
    delta: JSON = None
    logprobs: JSON = None
    item: JSON = None
    annotation: JSON = None
    response: JSON = None
    error: JSON = None
    code: JSON = None
    message: JSON = None


class _Speaking(Struct):
    """An item of the upstream's, and how much of it has been told."""

    kind: str
    value: dict[str, JSON]
    begun: bool = False
    placed: bool = False
    text: list[str] = []
    refusal: list[str] = []
    thought: list[str] = []
    summary: dict[int, list[str]] = {}
    annotations: int = 0
    waiting: list[Told] = []


_KIND_OF = {
    "response.output_text": "message",
    "response.refusal": "message",
    "response.reasoning_text": "reasoning",
    "response.reasoning": "reasoning",
    "response.reasoning_summary_text": "reasoning",
    "response.function_call_arguments": "function_call",
    "response.custom_tool_call_input": "custom_tool_call",
    "response.output_text.annotation": "message",
}
"""The kind of item that an event without an item belongs to."""


class Listener:
    """Serves one turn. `offered` are the flat names of the client's tools; `prompt_tokens` is asked where the
    upstream doesn't tell them; `taken` are the ids of the history's calls."""

    def __init__(
        self,
        upstream: Upstream,
        offered: frozenset[str],
        prompt_tokens: Callable[[], int],
        taken: Iterable[str] = (),
    ) -> None:
        self._upstream = upstream
        self._offered = offered
        self._taken = set(taken)
        self._prompt_tokens = prompt_tokens
        self._decode = msgspec.json.Decoder(Told).decode
        self._by_key: dict[int | str, _Speaking] = {}
        self._order: list[_Speaking] = []
        self._now: _Speaking | None = None
        self._last_kind = ""
        self._said = 0
        self._appeared = 0
        self.ended = False

    def feed(self, data: bytes) -> list[d.Delta]:
        """The deltas of an event. Raises `Problem` for one that is malformed or tells of a failure."""
        if data == b"[DONE]" or self.ended:
            return []
        try:
            event = self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise malformed(self._upstream, "sent an event that can't be read") from None
        found: list[d.Delta] = []
        self._hear(event, found)
        return found

    def whole(self, response: JSON) -> list[d.Delta]:
        """The deltas of a response that came in one piece. Raises `Problem` for what is none."""
        if not isinstance(response, dict) or not (isinstance(response.get("output"), list) or response.get("status")):
            raise no_answer(self._upstream, response)
        found: list[d.Delta] = []
        self._finish(response, found)
        return found

    def close(self) -> None:
        """Nothing more comes. Raises `Problem` where the end was not told."""
        if not self.ended:
            raise malformed(self._upstream, "broke off its answer")

    def _hear(self, event: Told, found: list[d.Delta]) -> None:
        kind = event.type
        if kind in ("response.completed", "response.incomplete", "response.failed", "response.cancelled"):
            self._finish(event.response, found)
            return
        if kind == "error" or not kind:
            raise no_answer(self._upstream, msgspec.to_builtins(event))
        stem, _, verb = kind.rpartition(".")
        if stem == "response.output_item":
            self._item(event, verb, found)
        elif stem in _KIND_OF and verb in ("delta", "added"):
            speaking = self._find(event, _KIND_OF[stem], verb) or self._appears(event, {"type": _KIND_OF[stem]})
            if speaking is not self._now:
                if self._now is not None:
                    speaking.waiting.append(event)
                    return
                self._now = speaking
            _SAID[stem](self, speaking, event, found)

    def _item(self, event: Told, verb: str, found: list[d.Delta]) -> None:
        if not isinstance(event.item, dict) or not isinstance(event.item.get("type"), str):
            raise malformed(self._upstream, "sent an item that is none")
        speaking = self._find(event, event.item["type"], verb)
        if verb == "added":
            if speaking is not None and speaking.kind == event.item["type"]:
                return
            speaking = self._appears(event, event.item)
            if self._now is None:
                self._now = speaking
                self._open(speaking, found)
            return
        if speaking is None or speaking.kind != event.item["type"]:
            speaking = self._appears(event, event.item)
        if self._now is None:
            self._now = speaking
        if speaking is not self._now:
            speaking.waiting.append(event)
            return
        self._done(speaking, event.item, found)
        self._forget(speaking)
        self._next(found)

    def _find(self, event: Told, kind: str, verb: str) -> _Speaking | None:
        """The item that an event is about; None where it is not known.

        Some servers give an item another id in each event, or no index in some: then it is about the
        item that speaks, if that is of its kind, unless it says that one begins.
        """
        item_id = event.item_id
        if item_id is None and isinstance(event.item, dict):
            item_id = event.item.get("id")
        if event.output_index is None and item_id is None:
            return self._now
        if event.output_index is not None and (known := self._by_key.get(event.output_index)) is not None:
            return known
        known = self._by_key.get(item_id) if isinstance(item_id, str) else None
        now = self._now
        if known is None and now is not None and now.kind == kind and not (verb == "added" and event.item is not None):
            return now if event.output_index is None or not now.placed else None
        return known

    def _appears(self, event: Told, value: dict[str, JSON]) -> _Speaking:
        speaking = _Speaking(str(value["type"]), value, placed=event.output_index is not None)
        item_id = event.item_id or value.get("id")
        for key in (event.output_index, item_id):
            if isinstance(key, int | str):
                self._by_key[key] = speaking
        self._order.append(speaking)
        self._appeared += 1
        return speaking

    def _forget(self, speaking: _Speaking) -> None:
        self._order.remove(speaking)
        self._by_key = {key: one for key, one in self._by_key.items() if one is not speaking}

    def _next(self, found: list[d.Delta]) -> None:
        """Let the item that has waited longest speak."""
        self._now = None
        if self._order:
            speaking = self._now = self._order[0]
            self._open(speaking, found)
            waiting, speaking.waiting = speaking.waiting, []
            for event in waiting:
                self._hear(event, found)
                if self._now is not speaking:
                    return  # nothing follows an item's end but strays

    def _open(self, speaking: _Speaking, found: list[d.Delta]) -> None:
        """Tell a call as soon as its name is known."""
        value = speaking.value
        name = value.get("name")
        if speaking.begun or speaking.kind not in ("function_call", "custom_tool_call") or not isinstance(name, str):
            return
        speaking.begun = True
        given = value.get("namespace")
        namespace: str | UnsetType = given if isinstance(given, str) and given else UNSET
        begun = d.CallBegun if speaking.kind == "function_call" else d.CustomBegun
        if begun is d.CallBegun and flat(name, namespace) in self._offered:
            name, namespace = flat(name, namespace), UNSET  # the voice gives it its namespace back
        found.append(begun(name, self._call_id(value.get("call_id")), namespace))
        self._last_kind = speaking.kind

    def _call_id(self, told: JSON) -> str | UnsetType:
        """The call's id, if there is no other of it; else the emitter makes one."""
        if not isinstance(told, str) or not told or told in self._taken:
            return UNSET
        self._taken.add(told)
        return told

    def _text(self, speaking: _Speaking, event: Told, found: list[d.Delta]) -> None:
        text = self._string(event.delta)
        self._message(speaking, found)
        speaking.text.append(text)
        found.append(d.TextDelta(text, logprobs(event.logprobs) if event.logprobs else None))

    def _refuse(self, speaking: _Speaking, event: Told, found: list[d.Delta]) -> None:
        text = self._string(event.delta)
        self._message(speaking, found)
        speaking.refusal.append(text)
        found.append(d.RefusalDelta(text))

    def _message(self, speaking: _Speaking, found: list[d.Delta]) -> None:
        """Begin a message of its own where the text would otherwise stand in the one before, or it has a phase."""
        if speaking.begun:
            return
        speaking.begun = True
        phase = speaking.value.get("phase")
        if isinstance(phase, str) or self._last_kind == "message":
            found.append(d.MessageBegun(phase if isinstance(phase, str) else UNSET))
        self._last_kind = "message"

    def _annotate(self, speaking: _Speaking, event: Told, found: list[d.Delta]) -> None:
        if isinstance(event.annotation, dict):
            self._message(speaking, found)
            speaking.annotations += 1
            found.append(d.AnnotationDelta(event.annotation))

    def _think(self, speaking: _Speaking, event: Told, found: list[d.Delta]) -> None:
        text = self._string(event.delta)
        speaking.thought.append(text)
        found.append(d.ReasoningDelta(text))
        self._last_kind = "reasoning"

    def _summarise(self, speaking: _Speaking, event: Told, found: list[d.Delta]) -> None:
        text = self._string(event.delta)
        place = event.summary_index or 0
        begins = place not in speaking.summary
        speaking.summary.setdefault(place, []).append(text)
        found.append(d.SummaryDelta(text, begins))
        self._last_kind = "reasoning"

    def _argue(self, speaking: _Speaking, event: Told, found: list[d.Delta]) -> None:
        text = self._string(event.delta)
        speaking.text.append(text)
        if speaking.begun:
            found.append(_call_piece(speaking.kind, text))

    def _string(self, value: JSON) -> str:
        if not isinstance(value, str):
            raise malformed(self._upstream, "sent a delta that is no text")
        self._said += len(value)
        return value

    def _done(self, speaking: _Speaking, value: dict[str, JSON], found: list[d.Delta]) -> None:
        """Tell what an item's end tells beyond its deltas."""
        speaking.value = {**speaking.value, **value}
        match speaking.kind:
            case "message":
                self._message_done(speaking, found)
            case "reasoning":
                self._reasoning_done(speaking, found)
            case "function_call" | "custom_tool_call":
                self._call_done(speaking, found)
            case _:
                item = from_upstream(speaking.value)
                if item is not None:
                    found.append(d.ItemDelta(item))
                    self._last_kind = speaking.kind

    def _message_done(self, speaking: _Speaking, found: list[d.Delta]) -> None:
        content = parts(speaking.value.get("content"))
        texts = [part for part in content if part.get("type") == "output_text"]
        rest = rest_of("".join(speaking.text), "".join(str(part.get("text", "")) for part in texts))
        if rest:
            chosen = texts[0].get("logprobs") if len(texts) == 1 and not speaking.text else None
            self._text(speaking, Told("", delta=rest, logprobs=chosen), found)
        cited = [one for part in texts for one in parts(part.get("annotations"))]
        for one in cited[speaking.annotations :]:
            self._annotate(speaking, Told("", annotation=one), found)
        refused = rest_of("".join(speaking.refusal), "".join(str(part.get("refusal", "")) for part in content))
        if refused:
            self._refuse(speaking, Told("", delta=refused), found)

    def _reasoning_done(self, speaking: _Speaking, found: list[d.Delta]) -> None:
        value = speaking.value
        last = max(speaking.summary, default=-1)
        for number, part in enumerate(parts(value.get("summary"))):
            rest = rest_of("".join(speaking.summary.get(number, ())), str(part.get("text", "")))
            if rest and number >= last:  # an earlier one has been closed
                found.append(d.SummaryDelta(rest, begins=number > last))
        thought = "".join(str(part.get("text", "")) for part in parts(value.get("content")))
        if rest := rest_of("".join(speaking.thought), thought):
            found.append(d.ReasoningDelta(rest))
        blob = value.get("encrypted_content")
        if isinstance(blob, str) and blob:
            item_id = value.get("id")
            found.append(
                d.ReasoningSealed(wrapped(self._upstream.name, item_id if isinstance(item_id, str) else "", blob))
            )
        self._last_kind = "reasoning"

    def _call_done(self, speaking: _Speaking, found: list[d.Delta]) -> None:
        begun = speaking.begun
        self._open(speaking, found)
        if not speaking.begun:
            raise malformed(self._upstream, "sent a call without a name")
        given = speaking.value.get("arguments" if speaking.kind == "function_call" else "input", "")
        whole = given if isinstance(given, str) else msgspec.json.encode(given).decode()
        told = "".join(speaking.text)
        if not begun and told:  # its name came last
            found.append(_call_piece(speaking.kind, told))
        if rest := rest_of(told, whole):
            found.append(_call_piece(speaking.kind, rest))

    def _finish(self, response: JSON, found: list[d.Delta]) -> None:
        """The end: what is left of the output, then what it took and why it stopped."""
        if not isinstance(response, dict):
            raise malformed(self._upstream, "sent a response that is none")
        status = response.get("status")
        output = [one for one in parts(response.get("output")) if isinstance(one.get("type"), str)]
        if status in ("failed", "cancelled"):
            raise fault_of(
                self._upstream, response.get("error") or {"message": f"The upstream's response is {status}."}
            )
        while self._order:
            speaking = self._now = self._order[0]
            waiting, speaking.waiting = speaking.waiting, []
            self._open(speaking, found)
            for event in waiting:
                self._hear(event, found)
            if self._order and self._order[0] is speaking:
                same = next((one for one in output if one.get("id") and one["id"] == speaking.value.get("id")), {})
                if speaking.begun or speaking.text or same or speaking.kind in ("message", "reasoning"):
                    self._done(speaking, same, found)
                self._forget(speaking)
        for one in output[self._appeared :]:
            self._done(_Speaking(one["type"], one), {}, found)
        self.ended = True
        found.append(usage_of(response.get("usage"), self._said, self._prompt_tokens))
        found.append(d.Stop(reason_of(status, response.get("incomplete_details"))))


_SAID: dict[str, Callable[[Listener, _Speaking, Told, list[d.Delta]], None]] = {
    "response.output_text": Listener._text,
    "response.refusal": Listener._refuse,
    "response.reasoning_text": Listener._think,
    "response.reasoning": Listener._think,
    "response.reasoning_summary_text": Listener._summarise,
    "response.function_call_arguments": Listener._argue,
    "response.custom_tool_call_input": Listener._argue,
    "response.output_text.annotation": Listener._annotate,
}


def _call_piece(kind: str, text: str) -> d.Delta:
    return d.CallDelta(text) if kind == "function_call" else d.CustomDelta(text)
