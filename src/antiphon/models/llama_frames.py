"""Frames: what the embedded model's parent and its child process say to one another.

Knows nothing of the pipe that carries them. A frame is four bytes of length (big endian), then a
message in msgpack. A frame's `id` is that of the call it belongs to; the parent chooses it.
"""

from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from antiphon.core.items import Logprob

LENGTH = 4
"""Bytes of a frame's length."""


class Said(Struct, frozen=True):
    """A message of the conversation, as the model's chat template takes it."""

    role: str
    content: str


class Thinking(Struct, frozen=True):
    """The thought before an answer: its tag, and what was thought ("" for nothing); None where it is still to come."""

    tag: str
    had: str | None = None


class Load(Struct, tag=True, kw_only=True):
    """Parent: load this model. The first frame of all. `batch` is None where no speed was measured yet."""

    path: str
    context: int
    slots: int
    threads: int
    cache_ram_mib: int
    repack: bool
    niceness: int
    batch_seconds: float
    batch: int | None = None


class Prepare(Struct, tag=True):
    """Parent: render the messages by the chat template, begin the answer, and tokenize it.

    `thinking` is None for a model that does not think. `opening` is put into the model's mouth as a part of
    the prompt; `said` it has said before.
    """

    id: int
    messages: list[Said]
    said: str = ""
    opening: str = ""
    thinking: Thinking | None = None


class Thought(Struct):
    """What is to be thought before the answer: `budget` tokens at most, to the tag `end`; then stands `after`."""

    budget: int
    end: str
    after: list[int]


class Run(Struct, tag=True, kw_only=True):
    """Parent: answer these tokens. `top_logprobs` is None where no log-probabilities are wanted.

    `grammar` is what the answer has to match, for llguidance; None leaves it free. `max_tokens` are
    those of the thought and of the answer.
    """

    id: int
    tokens: list[int]
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    presence_penalty: float
    frequency_penalty: float
    top_logprobs: int | None
    seed: int | None
    grammar: str | None = None
    thought: Thought | None = None


class Cancel(Struct, tag=True):
    """Parent: stop the run. It is answered by the run's own end."""

    id: int


class Survey(Struct, tag=True):
    """Parent: say how many slots are at work."""

    id: int


class Loading(Struct, tag=True):
    """Child: how far it is with loading."""

    detail: str


class Loaded(Struct, tag=True, kw_only=True):
    """Child: requests can come. `context` is the most that one request may take, `shared` what all may.

    `speed` is tokens a second of prefill, as measured.
    """

    context: int
    shared: int
    batch: int
    speed: float
    seconds: float


class Broken(Struct, tag=True):
    """Child: the model can't be loaded. Its last frame."""

    message: str


class Prepared(Struct, tag=True):
    """Child: the prompt's tokens.

    said, thought
        how many of them the model has said before, and how many of those as thought.
    after
        where a thought is to come: what has to stand between it and the answer; else nothing.
    """

    id: int
    tokens: list[int]
    said: int
    thought: int = 0
    after: list[int] = []

    @property
    def input(self) -> int:
        """The tokens that are not the model's own."""
        return len(self.tokens) - self.said + len(self.after)


class ThoughtPiece(Struct, tag=True):
    """Child: text of the thought, whole characters only."""

    id: int
    text: str


class Piece(Struct, tag=True):
    """Child: text, whole characters only."""

    id: int
    text: str
    logprobs: list[Logprob] | None = None


class Done(Struct, tag=True, kw_only=True):
    """Child: a run's end. `output` counts the token that ended the text too, as the engine does.

    `thought` are those of `output` that were thought, its end tag included.
    """

    id: int
    cut: bool
    prompt: int
    cached: int
    output: int
    thought: int = 0


class Surveyed(Struct, tag=True):
    """Child: so many slots are at work."""

    id: int
    busy: int


class Failed(Struct, tag=True):
    """Child: a call failed, with an HTTP status: 400 where the request is at fault."""

    id: int
    status: int
    message: str


ToChild = Load | Prepare | Run | Cancel | Survey
ToParent = Loading | Loaded | Broken | Prepared | ThoughtPiece | Piece | Done | Surveyed | Failed

_encoder = msgspec.msgpack.Encoder()
to_child: "msgspec.msgpack.Decoder[ToChild]" = msgspec.msgpack.Decoder(ToChild)
to_parent: "msgspec.msgpack.Decoder[ToParent]" = msgspec.msgpack.Decoder(ToParent)

T = TypeVar("T")


def framed(message: ToChild | ToParent) -> bytes:
    """The message as a frame."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH, "big") + body


class Frames:
    """Bytes in, messages out: the pieces of a pipe put together again."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes, decoder: "msgspec.msgpack.Decoder[T]") -> Iterator[T]:
        """The messages that are whole now. Raises `msgspec.DecodeError` for what isn't one."""
        self._bytes += data
        while len(self._bytes) >= LENGTH:
            end = LENGTH + int.from_bytes(self._bytes[:LENGTH], "big")
            if len(self._bytes) < end:
                return
            body = bytes(self._bytes[LENGTH:end])
            del self._bytes[:end]
            yield decoder.decode(body)
