"""A turn of the embedded model: waits for its place, then says what the child says.

Knows nothing of how it was admitted, nor of the process behind the call.
"""

from collections.abc import Awaitable, Callable, Sequence

from antiphon.core.deltas import Delta, Stop, TextDelta, UsageDelta
from antiphon.core.problems import Problem
from antiphon.models import llama_frames as f
from antiphon.models.llama_process import Call, Heard, Lost
from antiphon.models.llama_speech import Speech
from antiphon.models.thinking import ThinkingSplitter


class LlamaTurn:
    """Satisfies `Turn`.

    start
        waits for the turn's place and begins it.
    leave
        gives the place up, cancelling what has begun; called once, at the latest by `aclose`.
    prepared
        the prompt; what the model has said in it already counts as output.
    thought
        reads the thought before the answer, where there is one.
    speech
        reads the answer; nothing was told to it yet.
    """

    def __init__(
        self,
        start: Callable[[], Awaitable[Call]],
        leave: Callable[[], None],
        prepared: f.Prepared,
        thought: ThinkingSplitter,
        speech: Speech,
    ) -> None:
        self._start = start
        self._leave = leave
        self._prepared = prepared
        self._thought = thought
        self._speech = speech
        self._answering = False
        self._call: Call | None = None
        self._ended = False

    def __aiter__(self) -> "LlamaTurn":
        return self

    async def __anext__(self) -> Sequence[Delta]:
        """The next batch.

        Raises `Problem` 500 where the child is lost, where the answer is not what its grammar allows, and
        for whatever the engine refuses.
        """
        if self._ended:
            raise StopAsyncIteration
        try:
            if self._call is None:
                self._call = await self._start()
            heard = self._call.heard
            batch = self._deltas(await heard.get())
            while not self._ended and not heard.empty():
                batch += self._deltas(heard.get_nowait())
        except BaseException:
            await self.aclose()
            raise
        return batch

    async def aclose(self) -> None:
        """Stop the model; its slot is free within a second. Closing twice is closing once."""
        self._ended = True
        leave, self._leave = self._leave, _nothing
        leave()

    def _deltas(self, frame: Heard) -> list[Delta]:
        match frame:
            case f.ThoughtPiece(text=text):
                return self._thought.feed([TextDelta(text)])
            case f.Piece(text=text, logprobs=logprobs):
                return [*self._begin(), *self._speech.feed(text, logprobs)]
            case f.Done():
                return self._end(frame)
            case f.Failed(status=status, message=message):
                code = "server_error" if status >= 500 else "invalid_prompt"
                raise Problem(status, code, f"The model's engine failed: {message}")
            case Lost():
                raise Problem(500, "server_error", "The model's process was lost while it answered; it is back soon.")
            case _:
                raise AssertionError(f"no part of a turn: {frame!r}")

    def _begin(self) -> list[Delta]:
        """What goes before the answer: the rest of the thought, and what is put into the model's mouth."""
        if self._answering:
            return []
        self._answering = True
        return [*self._thought.finish(), *self._speech.begin()]

    def _end(self, done: f.Done) -> list[Delta]:
        self._ended = True
        # A limit may cut the thought; then there is no answer to begin.
        found = self._thought.finish() if 0 < done.output == done.thought else self._begin()
        self._speech.finish(cut=done.cut)
        said, prompt = self._prepared.said, done.prompt - self._prepared.said
        usage = UsageDelta(
            input_tokens=prompt,
            output_tokens=done.output + said,
            cached_tokens=min(done.cached, prompt),
            reasoning_tokens=done.thought + self._prepared.thought,
        )
        return [*found, usage, Stop("length" if done.cut else "stop")]


class ReadingTurn(LlamaTurn):
    """A turn in which the prompt is only read. What the engine says of its own, a token, is not told."""

    def _deltas(self, frame: Heard) -> list[Delta]:
        match frame:
            case f.ThoughtPiece() | f.Piece():
                return []
            case f.Done(prompt=prompt, cached=cached):
                self._ended = True
                return [UsageDelta(prompt, 0, cached_tokens=min(cached, prompt)), Stop("stop")]
            case _:
                return super()._deltas(frame)


def _nothing() -> None:
    """What a turn gives up that has given up its place already."""
