"""Reasoning items, sealed and sent back: what goes into a blob, and what a model sees of a thought (protocol §8.6).

Knows nothing of keys or storage: who seals and opens is handed in.

What a model sees of a reasoning item that a client sends back (clients §5-7):
- `encrypted_content`: what was sealed, whatever else the item says, for that alone is surely the
  thought that was had; the id need not be known. A blob that does not open is refused;
- `content`: that text. An `encrypted_content` of null is none;
- only a `summary`: its text, in the place of the thought;
- none of them: where the id is a stored item's, that item (`is_bare`); else nothing.
"""

from collections.abc import Callable, Iterable

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from antiphon.core import deltas as d
from antiphon.core.items import Item, Message, Reasoning, ReasoningText, SummaryText
from antiphon.core.problems import Problem

INCLUDE = "reasoning.encrypted_content"
"""The `include` value that asks for sealed reasoning (protocol §2.2)."""

KIND = "reasoning"
"""The kind under which reasoning is sealed."""

Seal = Callable[[bytes], str]
"""Makes a blob of the kind `KIND` for the run's project."""

Open = Callable[[str, str], bytes]
"""Opens a blob of the kind `KIND`; told its text and its place in the request. Raises `Problem` 400."""


class _Sealed(Struct, omit_defaults=True):
    """What stands in a blob. `passed` is an upstream's own blob, which only the upstream can open."""

    content: list[str] = []
    summary: list[str] = []
    passed: str | None = None


_decoder = msgspec.json.Decoder(_Sealed)


def sealed_reasoning(item: Reasoning) -> bytes:
    """What of a thought is sealed: its raw text, its summary, and an upstream's own blob where it has one."""
    content = [] if item.content is UNSET else [part.text for part in item.content]
    passed = None if item.encrypted_content is UNSET else item.encrypted_content
    return msgspec.json.encode(_Sealed(content, [part.text for part in item.summary], passed))


def opened_reasoning(data: bytes) -> Reasoning:
    """The thought that was sealed, without an id. Raises `msgspec.DecodeError` for other bytes."""
    found = _decoder.decode(data)
    return Reasoning(
        summary=[SummaryText(text) for text in found.summary],
        content=[ReasoningText(text) for text in found.content] if found.content else UNSET,
        encrypted_content=UNSET if found.passed is None else found.passed,
    )


def opened(items: list[Item], open: Open, *, place: str = "input") -> list[Item]:
    """The items of a request with every blob opened, as a model is to see them. Raises `Problem` 400.

    What is stored is the item as it was sent, so that it opens again with each turn.
    """
    return [_opened(item, open, f"{place}[{number}].encrypted_content") for number, item in enumerate(items)]


def remembered(items: list[Item], open: Open) -> list[Item]:
    """The same for items from the store, which may be older than the secret: of what no longer opens, the plain text.

    They were whole when they came, so that a lost secret does not end every chain.
    """
    found: list[Item] = []
    for item in items:
        try:
            found.append(_opened(item, open, ""))
        except Problem:
            assert isinstance(item, Reasoning)
            found.append(replace(item, encrypted_content=UNSET))
    return found


def is_bare(item: Item) -> bool:
    """Whether a reasoning item says nothing but its id, so that it stands for a stored one, if there is one."""
    return isinstance(item, Reasoning) and item.encrypted_content is UNSET and not thought(item)


def thought(item: Reasoning) -> str:
    """The text of a thought as a model sees it: what was thought, else its summary; "" for none."""
    if item.content is not UNSET and (text := "\n".join(part.text for part in item.content)):
        return text
    return "\n\n".join(part.text for part in item.summary)


def of_this_turn(items: list[Item]) -> list[Item]:
    """The items without the thoughts that a model is not to see again, as models that think are trained to expect.

    Those are the ones before the last user message, and empty ones; the thoughts between a call and what
    follows its output stay.
    """
    last = max((n for n, item in enumerate(items) if isinstance(item, Message) and item.role == "user"), default=-1)
    return [item for n, item in enumerate(items) if not isinstance(item, Reasoning) or (n > last and thought(item))]


class Sealing:
    """Puts its sealed form behind each thought of one run, where the client asks for it (`INCLUDE`).

    It follows the emitter's rules of what ends an item (protocol §5.2). A thought that a limit cut is
    left open: it is incomplete, and nothing goes on from it.
    """

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._content: list[list[str]] = []
        self._summary: list[list[str]] = []

    def feed(self, deltas: Iterable[d.Delta]) -> list[d.Delta]:
        """The deltas to emit for some that the model gave."""
        found: list[d.Delta] = []
        for delta in deltas:
            match delta:
                case d.TextDelta() if not (self._content or self._summary):  # nearly every one
                    pass
                case d.ReasoningDelta(text=text):
                    if text or self._content or self._summary:  # what says nothing opens no item
                        self._grow(self._content, text)
                case d.SummaryDelta(text=text, begins=begins):
                    if self._content:  # a summary behind raw thought is another item's
                        found += self.finish()
                    self._grow_summary(text, begins=begins)
                case d.ReasoningSealed(encrypted_content=passed):
                    found.append(self._sealed(passed))
                    continue
                case d.ItemDelta(item=Reasoning(encrypted_content=str()) as item):
                    found += self.finish()
                    found.append(d.ItemDelta(replace(item, encrypted_content=self._seal(sealed_reasoning(item)))))
                    continue
                case d.Stop(reason=reason) if reason != "stop":
                    self._content, self._summary = [], []
                case d.UsageDelta():
                    pass
                case _:
                    found += self.finish()
            found.append(delta)
        return found

    def finish(self) -> list[d.Delta]:
        """The sealed form of the thought that is open, which ends it; nothing where none is."""
        return [self._sealed(None)] if self._content or self._summary else []

    def _grow_summary(self, text: str, *, begins: bool) -> None:
        if text or self._summary:
            if begins or not self._summary:
                self._summary.append([])
            self._grow(self._summary, text)

    def _grow(self, parts: list[list[str]], text: str) -> None:
        if not parts:
            parts.append([])
        parts[-1].append(text)

    def _sealed(self, passed: str | None) -> d.ReasoningSealed:
        item = Reasoning(
            summary=[SummaryText("".join(pieces)) for pieces in self._summary],
            content=[ReasoningText("".join(pieces)) for pieces in self._content],
            encrypted_content=UNSET if passed is None else passed,
        )
        self._content, self._summary = [], []
        return d.ReasoningSealed(self._seal(sealed_reasoning(item)))


class Wrapping(Sealing):
    """The same where the client does not ask for it: only an upstream's own blob is sealed.

    Without it the upstream's next turn could not go on from its thought.
    """

    def finish(self) -> list[d.Delta]:
        """Nothing: a thought that has no blob ends without one."""
        self._content, self._summary = [], []
        return []


def _opened(item: Item, open: Open, param: str) -> Item:
    if not isinstance(item, Reasoning) or item.encrypted_content is UNSET:
        return item
    data = open(item.encrypted_content, param)
    try:
        return replace(opened_reasoning(data), id=item.id)
    except msgspec.DecodeError:
        message = f"The encrypted content in '{param}' was sealed by another version of this server."
        raise Problem(400, "invalid_encrypted_content", message, param=param) from None
