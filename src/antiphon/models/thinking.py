"""Thinking: the thought that a model writes between tags, told apart from its answer (protocol §8.6).

Knows nothing of any one model, nor of how the thought is told to the client.

The rules of this file:
- a thought opens with a tag at the very beginning of what is said, or in the prompt; anywhere else a
  tag is text like any other;
- the tags, the whitespace within them and the whitespace behind the end tag are nobody's text;
- without an end tag all is thought;
- what is not the answer's text has no log-probabilities: the standard has no place for them there.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from msgspec.structs import replace

from antiphon.core.deltas import Delta, ReasoningDelta, TextDelta, UsageDelta
from antiphon.core.items import Logprob

TAGS = {"<think>": "</think>", "<thinking>": "</thinking>"}
"""The tag that opens a thought, and the one that ends it."""

TokensIn = Callable[[TextDelta], int]
"""How many of the model's tokens a delta is."""


def tag_of(template: str) -> str | None:
    """The tag between which a model with this chat template thinks; None where the template speaks of no thought."""
    return next((tag for tag, end in TAGS.items() if end in template), None)


class ThinkingSplitter:
    """Turns the text of one turn into thought and answer, as it comes. One serves one turn.

    opened
        the tag that stands at the end of the prompt, or None where the model opens its thought itself.
    tokens_in
        says how many tokens a delta is. Then `reasoning_tokens` is counted: tags and the whitespace
        around them are thought, and a token that is partly answer is answer. Where it is None, the
        tokens are shared out by characters, and the usage says `estimated`.
    """

    def __init__(self, opened: str | None = None, tokens_in: TokensIn | None = None) -> None:
        self._state: Literal["start", "opened", "thought", "after", "answer"] = "start"
        self._tag = ""
        if opened is not None:
            self._state, self._tag = "opened", opened
        self._tokens_in = tokens_in
        self._held = ""
        self._marks: list[tuple[int, Logprob]] = []  # where in `_held` each token ends
        self._spoken = False  # whether the thought has said anything
        self._characters = self._answered = 0
        self._tokens = self._undecided = 0  # of thought; of what may still become either

    def feed(self, deltas: Iterable[Delta]) -> list[Delta]:
        """The deltas to tell for some that the model gave. Any that is neither text nor usage ends the thought."""
        found: list[Delta] = []
        for delta in deltas:
            if isinstance(delta, TextDelta):
                if self._state == "answer":  # nearly always
                    self._characters += len(delta.text)
                    self._answered += len(delta.text)
                    found.append(delta)
                else:
                    self._text(delta, found)
            elif isinstance(delta, UsageDelta):
                found.append(self._counted(delta))
            else:
                self._flush(found)
                found.append(delta)
        return found

    def finish(self) -> list[Delta]:
        """What is left when the model has ended without a `Stop`."""
        found: list[Delta] = []
        self._flush(found)
        return found

    def _text(self, delta: TextDelta, found: list[Delta]) -> None:
        self._characters += len(delta.text)
        self._hold(delta)
        while self._advanced(found):
            pass
        if self._tokens_in is not None:
            self._count(self._tokens_in(delta))

    def _hold(self, delta: TextDelta) -> None:
        if delta.logprobs:
            before, data, end = len(self._held), delta.text.encode(errors="surrogatepass"), 0
            for logprob in delta.logprobs:
                end += len(logprob.bytes)
                # A token may end within a character, which then counts as begun.
                self._marks.append((before + len(data[:end].decode(errors="replace")), logprob))
        self._held += delta.text

    def _advanced(self, found: list[Delta]) -> bool:
        """Take one step through what is held; False where more has to come first."""
        match self._state:
            case "start" | "opened":
                return self._begin(found)
            case "thought":
                return self._think(found)
            case "after":
                answer = self._held.lstrip()
                if answer:
                    self._answer(len(self._held) - len(answer), found)
        return False

    def _begin(self, found: list[Delta]) -> bool:
        begun = self._held.lstrip()
        expected = [self._tag] if self._state == "opened" else list(TAGS)  # some say the prompt's tag once more
        for tag in expected:
            if begun.startswith(tag):
                self._tag, self._state = tag, "thought"
                self._drop(len(self._held) - len(begun) + len(tag))
                return True
        if any(tag.startswith(begun) for tag in expected):
            return False
        if self._state == "start":
            self._answer(0, found)
            return False
        self._state = "thought"
        return True

    def _think(self, found: list[Delta]) -> bool:
        end = TAGS[self._tag]
        place = self._held.find(end)
        if place >= 0:
            self._thought(self._held[:place].rstrip(), found)
            self._drop(place + len(end))
            self._state = "after"
            return True
        sure = self._held[: len(self._held) - _begun(self._held, end)].rstrip()
        self._thought(sure, found)
        self._drop(len(sure))
        return False

    def _thought(self, text: str, found: list[Delta]) -> None:
        text = text if self._spoken else text.lstrip()
        if text:
            self._spoken = True
            found.append(ReasoningDelta(text))

    def _answer(self, start: int, found: list[Delta]) -> None:
        """All that is held from `start` on is answer, and so is whatever follows."""
        text = self._held[start:]
        logprobs = [logprob for end, logprob in self._marks if end > start or start == 0]
        self._drop(len(self._held))
        self._state = "answer"
        self._answered += len(text)
        if text or logprobs:
            found.append(TextDelta(text, logprobs or None))

    def _drop(self, length: int) -> None:
        self._held = self._held[length:]
        self._marks = [(end - length, logprob) for end, logprob in self._marks if end > length]

    def _flush(self, found: list[Delta]) -> None:
        """Nothing more belongs to what is held."""
        if self._state == "start":
            self._answer(0, found)
        elif self._state in ("opened", "thought"):
            self._thought(self._held.rstrip(), found)
        self._drop(len(self._held))
        self._state = "answer"

    def _count(self, tokens: int) -> None:
        if self._state == "start":
            self._undecided += tokens
        elif self._state != "answer":
            self._tokens += self._undecided + tokens
            self._undecided = 0

    def _counted(self, usage: UsageDelta) -> UsageDelta:
        """The usage with the tokens of the thought, where the engine did not give them."""
        undecided = len(self._held) if self._state == "start" else 0
        thought = self._characters - self._answered - undecided
        if usage.reasoning_tokens or not thought:
            return usage
        if self._tokens_in is not None:
            return replace(usage, reasoning_tokens=min(self._tokens, usage.output_tokens))
        tokens = shared_out(usage.output_tokens, thought, self._characters)
        return replace(usage, reasoning_tokens=tokens, estimated=True)


def shared_out(tokens: int, part: int, whole: int) -> int:
    """An estimate of the tokens that a part of a text has, when only those of the whole are known: by characters."""
    return round(tokens * part / whole)


def _begun(text: str, tag: str) -> int:
    """How many characters at the end of a text may be the beginning of a tag."""
    longest = min(len(text), len(tag) - 1)
    return next((length for length in range(longest, 0, -1) if tag.startswith(text[-length:])), 0)
