"""The embedded model: prompts to tokens, an orderly queue, and turns of the child process (DESIGN §7).

Knows nothing of how the engine is driven (`llama_engine`) or how its process is kept alive (`llama_process`).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from antiphon.core.deltas import Delta, Stop, UsageDelta
from antiphon.core.ports import ModelInfo, Readiness, Telemetry, Turn
from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt
from antiphon.core.request import Request
from antiphon.models import llama_frames as f
from antiphon.models.gguf import chat_template
from antiphon.models.llama_check import ignored
from antiphon.models.llama_grammar import Plan, plan
from antiphon.models.llama_options import LlamaOptions, default_threads
from antiphon.models.llama_process import Call, LlamaProcess, Lost
from antiphon.models.llama_prompt import begun, called, messages
from antiphon.models.llama_queue import LlamaQueue
from antiphon.models.llama_speech import Speech
from antiphon.models.llama_thought import budget, thinking
from antiphon.models.llama_turn import LlamaTurn, ReadingTurn
from antiphon.models.thinking import TAGS, ThinkingSplitter, tag_of

__all__ = ["LlamaModel", "LlamaOptions"]

_BUSY_RETRY = 10.0  # seconds after which a full queue is worth another try


class LlamaModel:
    """Satisfies the `Served` port, over a GGUF file.

    What is counted: `input_tokens` are those of the rendered prompt, the template's marks included;
    `output_tokens` are those that were generated, the one that ended the answer included, as the
    engine counts them, and `reasoning_tokens` those of them that came before the end of the thought;
    `cached_tokens` are those of the prompt that the engine did not read again.
    """

    continues = True
    sees = False

    def __init__(self, name: str, path: Path, options: LlamaOptions, telemetry: Telemetry) -> None:
        self._name = name
        self._path = path
        self._options = options
        self._created = int(path.stat().st_mtime) if path.exists() else int(time.time())
        self._queue = LlamaQueue(slots=options.slots, bound=options.queue, shared=options.context)
        self._places: dict[int, asyncio.Future[None]] = {}
        self._tickets = 0
        self._arriving = 0
        self._context = options.context
        load = f.Load(
            path=str(path),
            context=options.context,
            slots=options.slots,
            threads=options.threads or default_threads(),
            cache_ram_mib=options.cache_ram_mib,
            repack=options.repack,
            niceness=options.niceness,
            batch_seconds=options.batch_seconds,
        )
        self._tag = tag_of(chat_template(path))
        self._process = LlamaProcess(name, load, options.load_seconds, telemetry)

    def info(self) -> ModelInfo:
        """What `GET /v1/models` tells; `context` is what one request may take."""
        if (loaded := self._process.loaded) is not None:
            self._context = loaded.context
        return ModelInfo(self._name, self._created, "antiphon", self._context)

    def readiness(self) -> Readiness:
        """Whether it answers now; while it loads, how far it is."""
        return self._process.readiness()

    @property
    def running(self) -> int:
        """Requests that hold a slot."""
        return self._queue.running

    @property
    def waiting(self) -> int:
        """Requests that wait for one."""
        return self._queue.waiting

    @property
    def pid(self) -> int | None:
        """The process id of the child, or None while there is none."""
        return self._process.pid

    async def start(self) -> None:
        """Begin to load; returns at once."""
        await self._process.start()

    async def stop(self) -> None:
        """End the child; turns under way raise."""
        await self._process.stop()

    def check(self, request: Request) -> list[str]:
        """Names of what is asked for and ignored. Raises `Problem` 400 for what can't be done (`llama_check`)."""
        return [*request.beyond, *ignored(request, thinks=self._tag is not None)]

    async def count(self, prompt: Prompt) -> Count:
        """Tokens of the rendered prompt. Raises `Problem` 503 while the model isn't there."""
        prepared = await self._prepare(prompt, plan(prompt))
        return Count(prepared.input)

    async def open(self, prompt: Prompt) -> Turn:
        """Accept a prompt. The turn begins to wait for its slot here, and says something once it has one.

        Raises `Problem`: 400 `context_length_exceeded`, 503 `overloaded` where the queue is full,
        503 `model_loading` while the model isn't there, 400 for a schema or grammar that can't be used, and
        500 `interrupted` for a JSON answer that is to go on in the middle, which no grammar can.
        """
        if not prompt.sampling.max_output_tokens:
            return await self._read(prompt)
        planned = plan(prompt)
        if begun(prompt) and planned.text is not None:
            raise Problem(500, "interrupted", "The server stopped in the middle of a JSON answer, and can't go on.")
        prepared = await self._prepare(prompt, planned)
        if called(prompt):
            return _all_said(prepared, "stop")
        bound = min(prompt.sampling.max_output_tokens - prepared.said, self._room(prepared))
        if bound <= 0:
            return _all_said(prepared, "length")
        if begun(prompt):
            planned = Plan()  # text goes on as text
        return self._admit(prepared, bound, prompt, planned)

    async def _read(self, prompt: Prompt) -> Turn:
        """The turn of a prompt that is only read: its tokens are in a slot then, for one that begins like it."""
        try:
            prepared = await self._prepare(prompt, Plan())
        except Problem as problem:
            if problem.code != "invalid_prompt":
                raise
            return _all_said(f.Prepared(0, [], said=0), "stop")  # the template wants more to begin with
        self._room(prepared)
        return self._admit(prepared, 0, prompt, Plan())

    def _room(self, prepared: f.Prepared) -> int:
        """The tokens that the context has left for an answer. Raises `Problem` 400 where it has none."""
        context = self.info().context
        size = len(prepared.tokens) + len(prepared.after)
        if size + 1 > context:
            raise Problem(
                400,
                "context_length_exceeded",
                f"This model's context is {context} tokens; the input has {size}, and needs room for an answer. "
                "Shorten the input.",
                param="input",
            )
        return context - size

    async def busy(self) -> int:
        """How many of the engine's slots are at work, as the engine itself says."""
        await self._process.ready()
        answer = await self._process.call(f.Survey).heard.get()
        if not isinstance(answer, f.Surveyed):
            raise Problem(503, "model_loading", "The model's process was lost.", retry_after=5)
        return answer.busy

    async def _prepare(self, prompt: Prompt, planned: Plan) -> f.Prepared:
        """The prompt's tokens. A child that is lost meanwhile is waited for, once more."""
        said, told = messages(prompt), begun(prompt)
        opening = f"{planned.reply}\n" if told and planned.reply else planned.opening
        thought = thinking(prompt, self._tag)
        if self._arriving >= self._options.queue + self._options.slots:
            raise self._full()
        self._arriving += 1
        try:
            for _ in range(2):
                await self._process.ready()
                call = self._process.call(lambda call: f.Prepare(call, said, told, opening, thought))
                answer = await call.heard.get()
                if not isinstance(answer, Lost):
                    break
        finally:
            self._arriving -= 1
        match answer:
            case f.Prepared():
                return answer
            case f.Failed(status=400, message=message):
                raise Problem(
                    400, "invalid_prompt", f"The model's chat template refuses this: {message}", param="input"
                )
            case f.Failed(message=message):
                raise Problem(500, "server_error", f"The model's engine failed: {message}")
            case _:
                raise Problem(503, "model_loading", "The model's process was lost; it is back soon.", retry_after=5)

    def _admit(self, prepared: f.Prepared, bound: int, prompt: Prompt, planned: Plan) -> LlamaTurn:
        self._tickets += 1
        ticket = self._tickets
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        match self._queue.offer(ticket, len(prepared.tokens) + len(prepared.after) + bound):
            case "full":
                raise self._full()
            case "runs":
                place.set_result(None)
            case "waits":
                self._places[ticket] = place
        begun: list[Call] = []

        async def start() -> Call:
            await place
            await self._process.ready()
            call = self._process.call(
                lambda call: self._run(call, prepared, bound, prompt, planned.grammar),
                ended=lambda: self._free(ticket),
            )
            begun.append(call)
            return call

        def leave() -> None:
            if begun:
                self._process.cancel(begun[0])  # the place is free when the child says that the run has ended
            else:
                self._free(ticket)

        kind = LlamaTurn if bound else ReadingTurn
        return kind(start, leave, prepared, ThinkingSplitter(self._tag), Speech(planned))

    def _free(self, ticket: int) -> None:
        self._places.pop(ticket, None)
        for started in self._queue.leave(ticket):
            place = self._places.pop(started)
            if not place.done():
                place.set_result(None)

    def _run(self, id: int, prepared: f.Prepared, bound: int, prompt: Prompt, grammar: str | None) -> f.Run:
        sampling, thought = prompt.sampling, None
        if bound and prepared.after and self._tag is not None:
            thought = f.Thought(budget(prompt.reasoning.effort, bound), TAGS[self._tag], prepared.after)
        return f.Run(
            id=id,
            tokens=prepared.tokens,
            max_tokens=bound,
            temperature=_or(sampling.temperature, 1.0),
            top_p=_or(sampling.top_p, 1.0),
            top_k=sampling.top_k or 0,
            min_p=self._options.min_p,
            presence_penalty=_or(sampling.presence_penalty, 0.0),
            frequency_penalty=_or(sampling.frequency_penalty, 0.0),
            top_logprobs=sampling.top_logprobs,
            seed=self._options.seed,
            grammar=grammar,
            thought=thought,
        )

    def _full(self) -> Problem:
        return Problem(
            503,
            "overloaded",
            f"{self._queue.running} requests run and {self._queue.waiting} wait for this model; it takes no more now.",
            retry_after=_BUSY_RETRY,
        )


async def _all_said(prepared: f.Prepared, reason: str) -> AsyncIterator[list[Delta]]:
    """The turn of an answer that was at its end before it was interrupted."""
    usage = UsageDelta(prepared.input, prepared.said, reasoning_tokens=prepared.thought)
    yield [usage, Stop(reason)]


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
