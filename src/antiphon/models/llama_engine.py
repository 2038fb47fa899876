"""The engine inside the child process: xllamacpp, as the frames ask for it.

Knows nothing of the pipe, of other requests, or of the parent. Every call blocks its thread.
"""

import http.client
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from antiphon.core.items import JSON, Logprob, TopLogprob
from antiphon.models.llama_frames import (
    Done,
    Failed,
    Load,
    Loaded,
    Loading,
    Piece,
    Prepare,
    Prepared,
    Run,
    Thought,
    ThoughtPiece,
)
from antiphon.models.llama_thought import framed, line

BATCHES = (16, 512)
"""The smallest and the largest batch of a prefill, in tokens; smaller ones cost a third of the speed."""

_READ_BY_ONE_THREAD = 55e9
"""Bytes of weights times tokens that a thread reads in a second: a first guess, which is then measured."""

_SPINS = "1000"
"""How long an OpenMP thread spins for the others before it sleeps. By default it spins so long that, where
other processes want the same cores, the engine loses nine tenths of its speed."""

_PENALIZED = 256
"""Tokens of the past that penalties look at."""


class Refused(Exception):
    """The engine says that the request is at fault."""


def guessed_batch(load: Load) -> int:
    """The batch to begin with, by the file's size; `Engine` measures how right that is."""
    size = Path(load.path).stat().st_size or 1
    return _within(_READ_BY_ONE_THREAD * min(load.threads, 8) / size * load.batch_seconds)


def _within(tokens: float) -> int:
    low, high = BATCHES
    return max(low, min(high, int(tokens) // 8 * 8))


class Engine:
    """A loaded model. Raises `RuntimeError` where the file can't be loaded."""

    def __init__(self, load: Load, tell: Callable[[Loading], None]) -> None:
        began = time.monotonic()
        self._load = load
        self._key = secrets.token_urlsafe(32)
        batch = load.batch or guessed_batch(load)
        tell(Loading("loading the weights"))
        self._server = self._serve(batch)
        if load.batch is None:
            tell(Loading("measuring how fast it reads"))
            speed = self._speed(batch)
            wanted = _within(speed * load.batch_seconds)
            # The measure of one batch is rough, so a guess that is near enough stands; a load costs a second.
            if not 0.5 <= wanted / batch <= 2.5:
                tell(Loading("loading the weights with another batch size"))
                del self._server
                batch = wanted
                self._server = self._serve(batch)
        else:
            speed = batch / load.batch_seconds
        slots = self._get("/slots")
        self.loaded = Loaded(
            context=min(slots[0]["n_ctx"], load.context),
            shared=load.context,
            batch=batch,
            speed=speed,
            seconds=time.monotonic() - began,
        )

    def prepare(self, call: Prepare) -> Prepared:
        """Render and tokenize. Raises `Refused` where the template refuses the messages."""
        ask: dict[str, JSON] = {"messages": msgspec.to_builtins(call.messages)}
        if call.thinking is not None:
            wanted = call.thinking.had != ""
            ask["chat_template_kwargs"] = {"enable_thinking": wanted, "thinking": wanted}  # a template has one of them
        prompt, closing = framed(self._post("/apply-template", ask)["prompt"], call.thinking)
        tokens = self._tokens(prompt, add_special=True, parse_special=True)
        # What the model says is tokenized by itself: it must not be read as the template's marks.
        between = [*self._tokens(closing, parse_special=True), *self._tokens(call.opening)]
        had = call.thinking.had if call.thinking is not None and closing else ""
        if had is None:
            return Prepared(call.id, tokens, said=0, after=between)
        thought, said = self._tokens(line(had)), self._tokens(call.said)
        return Prepared(call.id, [*tokens, *thought, *between, *said], len(thought) + len(said), len(thought))

    def busy(self) -> int:
        """How many slots are at work."""
        return sum(slot["is_processing"] for slot in self._get("/slots"))

    def run(self, run: Run, stopped: Callable[[], bool], tell: Callable[[ThoughtPiece | Piece], None]) -> Done | Failed:
        """Think where that is asked for, and answer, telling each piece, until the end or until `stopped`.

        That is asked between batches.
        """
        if run.thought is None:
            return self._write(run, _asked(run), stopped, tell)
        pieces: list[str] = []

        def hear(piece: Piece) -> None:
            pieces.append(piece.text)
            tell(ThoughtPiece(run.id, piece.text))

        thought = self._write(run, _asked_to_think(run, run.thought), stopped, hear)
        if isinstance(thought, Failed):
            return thought
        left = run.max_tokens - thought.output
        if left <= 0:
            return replace(thought, cut=True, thought=thought.output)
        # The engine still has nearly all of this in its slot.
        tokens = [*run.tokens, *self._tokens(line("".join(pieces))), *run.thought.after]
        answer = self._write(run, _asked(run) | {"prompt": tokens, "max_tokens": left}, stopped, tell)
        if isinstance(answer, Failed):
            return answer
        return replace(
            answer,
            prompt=thought.prompt + len(run.thought.after),
            cached=thought.cached,
            output=thought.output + answer.output,
            thought=thought.output,
        )

    def _write(
        self, run: Run, ask: dict[str, JSON], stopped: Callable[[], bool], tell: Callable[[Piece], None]
    ) -> Done | Failed:
        """Have the engine write one text."""
        end: Done | Failed | None = None

        def hear(chunk: dict[str, Any]) -> bool:
            nonlocal end
            piece, last = _heard(run, chunk)
            if piece is not None and not stopped():
                tell(piece)
            end = last or end
            return stopped()

        try:
            answer = self._server.handle_completions(ask, hear)
        except (ValueError, RuntimeError) as fault:
            return Failed(run.id, 400 if isinstance(fault, ValueError) else 500, str(fault))
        if isinstance(answer, dict) and "error" in answer:
            _, end = _heard(run, answer)
        if end is None:
            # Whoever cancelled isn't waiting for numbers; without a cancel the engine broke off.
            return Failed(run.id, 500, "cancelled" if stopped() else "the engine ended without an answer")
        return end

    def _serve(self, batch: int) -> Any:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)  # read when the engine is first imported
        import xllamacpp  # type: ignore[import-untyped]  # it ships no types

        load = self._load
        params = xllamacpp.CommonParams()
        params.model.path = load.path
        params.n_ctx = load.context
        params.n_parallel = load.slots
        params.kv_unified = True
        params.n_batch = params.n_ubatch = batch
        params.cache_ram_mib = load.cache_ram_mib
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = load.threads
        params.no_extra_bufts = not load.repack
        params.warmup = False
        params.fit_params = False
        params.ui = False
        params.prefill_assistant = False
        params.n_threads_http = 2
        params.hostnames = ["127.0.0.1"]
        params.api_keys = [self._key]
        params.cors_origins = ""
        params.verbosity = 1
        return xllamacpp.Server(params)

    def _speed(self, batch: int) -> float:
        """Tokens a second of prefill. The first batch only brings the weights into memory."""
        marks: list[tuple[int, float]] = []

        def hear(chunk: dict[str, Any]) -> bool:
            if "prompt_progress" in chunk:
                marks.append((chunk["prompt_progress"]["processed"], time.monotonic()))
            return False

        tokens = [100 + number for number in range(2 * batch)]
        ask = {"prompt": tokens, "stream": True, "return_progress": True, "max_tokens": 1, "cache_prompt": False}
        self._server.handle_completions(ask, hear)
        (first, began), (last, ended) = marks[-2], marks[-1]
        return (last - first) / max(ended - began, 1e-6)

    def _tokens(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        if not text:
            return []
        ask = {"content": text, "add_special": add_special, "parse_special": parse_special}
        tokens: list[int] = self._post("/tokenize", ask)["tokens"]
        return tokens

    def _get(self, path: str) -> JSON:
        return self._http("GET", path, None)

    def _post(self, path: str, body: JSON) -> JSON:
        return self._http("POST", path, msgspec.json.encode(body))

    def _http(self, method: str, path: str, body: bytes | None) -> JSON:
        address = self._server.listening_address.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=60)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = msgspec.json.decode(response.read())
        finally:
            connection.close()
        if response.status >= 400:
            raise Refused(str(answer.get("error", {}).get("message", answer)))
        return answer


def _asked(run: Run) -> dict[str, JSON]:
    ask: dict[str, JSON] = {
        "prompt": run.tokens,
        "stream": True,
        "return_progress": True,
        "max_tokens": run.max_tokens,
        "temperature": run.temperature,
        "top_p": run.top_p,
        # At temperature 0 the likeliest is taken; the engine finds it without weighing all the others.
        "top_k": run.top_k if run.temperature else 1,
        "min_p": run.min_p,
        "presence_penalty": run.presence_penalty,
        "frequency_penalty": run.frequency_penalty,
        "repeat_last_n": _PENALIZED,
    }
    if run.grammar is not None:
        ask["grammar"] = run.grammar
    if run.seed is not None:
        ask["seed"] = run.seed
    if run.top_logprobs is not None:
        ask["logprobs"] = max(1, run.top_logprobs)  # 0 would turn them off altogether
    return ask


def _asked_to_think(run: Run, thought: Thought) -> dict[str, JSON]:
    """As the answer, but free, and to its end tag, which some vocabularies have as a token that is not text."""
    ask = _asked(run) | {"max_tokens": thought.budget, "stop": [thought.end], "preserved_tokens": [thought.end]}
    return {key: value for key, value in ask.items() if key not in {"grammar", "logprobs"}}


def _heard(run: Run, chunk: dict[str, Any]) -> tuple[Piece | None, Done | Failed | None]:
    """What a chunk of the engine's says: a piece of text, the end, both or neither."""
    if "error" in chunk:
        error = chunk["error"]
        return None, Failed(run.id, int(error.get("code", 500)), str(error.get("message", "")))
    choice = chunk["choices"][0]
    piece = None
    if choice["text"]:
        told = choice.get("logprobs")
        logprobs = None
        if run.top_logprobs is not None and told is not None:
            logprobs = [_logprob(entry, run.top_logprobs) for entry in told["content"]]
        piece = Piece(run.id, choice["text"], logprobs)
    if choice["finish_reason"] is None:
        return piece, None
    timings = chunk["timings"]
    done = Done(
        id=run.id,
        cut=choice["finish_reason"] == "length",
        prompt=timings["prompt_n"] + timings["cache_n"],
        cached=timings["cache_n"],
        output=timings["predicted_n"],
    )
    return piece, done


def _logprob(entry: dict[str, Any], alternatives: int) -> Logprob:
    top = [TopLogprob(other["token"], other["logprob"], other["bytes"]) for other in entry["top_logprobs"]]
    return Logprob(entry["token"], entry["logprob"], entry["bytes"], top[:alternatives])
