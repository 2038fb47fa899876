"""The scripted model: plays what the prompt tells it (DESIGN §7). Shipped, for tests, examples and benches.

Knows nothing of real models; a token here is a word with the white space before it.

The text of the last user message is the script, or where that has several, the last if it is one. Where it is a JSON
array, its objects are played in order; where it is a JSON object `{"turns": [[…], […]]}`, the array is chosen by
the number of tool outputs after that message. Any other text is said back as it is.

A step has one of these keys:

    text, reasoning, summary, refusal    words to stream
    tell                                 `output`: what the last tool gave; `prompt`: the whole prompt, as JSON
    call {name, arguments, call_id?, namespace?}     `arguments` is any JSON, or text as it is to stand
    custom {name, input, call_id?, namespace?}       a call of a free-form tool
    item {…}                             a whole item
    usage {input_tokens, output_tokens, cached_tokens, reasoning_tokens}   in place of the count
    stop                                 `stop`, `length` or `content_filter`
    fail {status, code, message}         break here; as the first step, refuse the prompt
    crash                                raise what no model should raise

and may have `count` (play it so often), `delay` (seconds before each piece) and `whole`
(true: one delta, not a delta a word). After an interruption it goes on where it was (`Prompt.said`).

Asked for a summary, by us (`core.compaction.asking`) or by Codex (a CONTEXT CHECKPOINT COMPACTION, clients.md), it
copies the lines of the prompt that begin with FACT, and says nothing else.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from antiphon.core import deltas as d
from antiphon.core.compaction import is_asked, question
from antiphon.core.items import (
    JSON,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    Logprob,
    Message,
    OutputText,
    Passed,
    Reasoning,
    TopLogprob,
    item_from_json,
)
from antiphon.core.ports import ModelInfo, Readiness, Turn
from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt
from antiphon.core.request import Request
from antiphon.core.wire import encode

_WORD = re.compile(r"\s*\S+\s*$|\s*\S+")
_CODEX_ASKS = "CONTEXT CHECKPOINT COMPACTION"


class Call(Struct):
    """A call that the model is to make."""

    name: str
    arguments: JSON = ""
    input: str = ""
    call_id: str | UnsetType = UNSET
    namespace: str | UnsetType = UNSET


class Failure(Struct):
    """How the model is to break."""

    status: int = 500
    code: str = "server_error"
    message: str = "The scripted model was told to fail."


class Step(Struct):
    """One thing to do; see the module's docstring."""

    text: str | None = None
    reasoning: str | None = None
    summary: str | None = None
    refusal: str | None = None
    tell: Literal["output", "prompt"] | None = None
    call: Call | None = None
    custom: Call | None = None
    item: JSON = None
    usage: d.UsageDelta | None = None
    stop: str | None = None
    fail: Failure | None = None
    crash: bool = False
    count: int = 1
    delay: float = 0.0
    whole: bool = False


class Script(Struct):
    """What is to be done, turn by turn."""

    turns: list[list[Step]]


def words(text: str) -> list[str]:
    """The tokens of `text`: words, each with the white space before it."""
    if not text.strip():
        return [text] if text else []  # the expression would look for a word from every blank on
    found: list[str] = _WORD.findall(text)
    return found


def text_of(item: Item) -> str:
    """All the text in an item, for counting."""
    if isinstance(item, Passed):
        return encode(item.value).decode()
    if isinstance(item, Message):
        return " ".join(part.text for part in item.content if isinstance(part, InputText | OutputText))
    return encode(item).decode()


def script_of(items: list[Item]) -> list[Step]:
    """The steps that a prompt's items ask for."""
    place = question(items)
    if place == len(items):
        return [Step(text="")]
    text = _scripted(items[place])
    if is_asked(items) or _CODEX_ASKS in text[:100]:
        return [Step(text="\n".join(_facts(items)))]
    outputs = sum(isinstance(item, FunctionCallOutput | CustomToolCallOutput) for item in items[place + 1 :])
    try:
        if text.startswith("["):
            return msgspec.json.decode(text, type=list[Step])
        if text.startswith('{"turns"'):
            turns = msgspec.json.decode(text, type=Script).turns
            return turns[min(outputs, len(turns) - 1)] if turns else []
    except msgspec.DecodeError:
        return [Step(text=text)]
    return [Step(text=text)]


def _scripted(item: Item) -> str:
    """The text that may be a script; clients put others before it, such as the name of a picture."""
    parts = [part.text for part in item.content if isinstance(part, InputText)] if isinstance(item, Message) else []
    last = parts[-1].lstrip() if parts else ""
    return last if last.startswith(("[", '{"turns"')) else text_of(item)


def _facts(items: list[Item]) -> list[str]:
    """Every line that is marked FACT, once."""
    lines = [line.strip() for item in items for line in text_of(item).splitlines()]
    return list(dict.fromkeys(line for line in lines if line.startswith("FACT")))


class ScriptedModel:
    """A model that does as it is told. `context` is in words."""

    continues = True
    sees = True

    def __init__(self, name: str = "scripted", context: int = 131_072) -> None:
        self.name = name
        self.context = context

    def info(self) -> ModelInfo:
        """What `GET /v1/models` tells."""
        return ModelInfo(self.name, created=0, owned_by="antiphon", context=self.context)

    def readiness(self) -> Readiness:
        """Always ready."""
        return Readiness(ready=True)

    async def start(self) -> None:
        """There is nothing to load."""

    async def stop(self) -> None:
        """There is nothing to end."""

    def check(self, request: Request) -> list[str]:
        """It honours everything that it is asked, but what only some models know."""
        return list(request.beyond)

    async def count(self, prompt: Prompt) -> Count:
        """The words of the prompt."""
        return Count(sum(len(words(text_of(item))) for item in prompt.items))

    async def open(self, prompt: Prompt) -> Turn:
        """Refuse what is too long, or what begins with `fail`; else play."""
        steps = [_filled(step, prompt) for step in script_of(prompt.items)]
        if steps and steps[0].fail is not None:
            raise _problem(steps[0].fail)
        tokens = (await self.count(prompt)).tokens
        if tokens >= self.context:
            raise Problem(
                400,
                "context_length_exceeded",
                f"This model's context is {self.context} tokens; the input has {tokens}. Shorten the input.",
                param="input",
            )
        return self._play(steps, prompt, tokens)

    async def _play(self, steps: list[Step], prompt: Prompt, input_tokens: int) -> AsyncIterator[list[d.Delta]]:
        bound = left = prompt.sampling.max_output_tokens
        if not bound:
            steps = []
        told: d.UsageDelta | None = None
        reason, thought = "stop", 0
        said = Said(prompt.said)
        for step in steps:
            told, reason = step.usage or told, step.stop or reason
            for _ in range(step.count if left >= 0 else 0):
                pieces = list(_deltas(step, prompt.sampling.top_logprobs))
                fit = pieces[: max(left, 0)]
                left -= len(pieces)
                thought += len(fit) if step.reasoning else 0
                new = said.skip(fit)
                for batch in [new] if not step.delay else [[piece] for piece in new]:
                    await asyncio.sleep(step.delay)
                    if batch:
                        yield batch
            if left < 0:
                reason = "length"
                break
            if step.delay and not _speaks(step):
                await asyncio.sleep(step.delay)
            if step.fail is not None:
                raise _problem(step.fail)
            if step.crash:
                raise RuntimeError("the scripted model was told to crash")
        yield [told or d.UsageDelta(input_tokens, bound - max(left, 0), reasoning_tokens=thought), d.Stop(reason)]


def _filled(step: Step, prompt: Prompt) -> Step:
    """The step with the words that it is to tell."""
    match step.tell:
        case "output":
            return replace(step, text=_last_output(prompt.items))
        case "prompt":
            return replace(step, text=encode(prompt).decode(), whole=True)
    return step


def _last_output(items: list[Item]) -> str:
    """What the last tool gave, as text; nothing where none was asked."""
    for item in reversed(items):
        if isinstance(item, FunctionCallOutput | CustomToolCallOutput):
            parts = item.output
            return parts if isinstance(parts, str) else " ".join(p.text for p in parts if isinstance(p, InputText))
    return ""


class Said:
    """What was said before an interruption, used up as the script comes by it again."""

    def __init__(self, items: list[Item]) -> None:
        self._text = "".join(_said_text(item) for item in items)
        self._calls = sum(isinstance(item, FunctionCall | CustomToolCall) for item in items)
        self._items = sum(isinstance(item, Passed) for item in items)

    def skip(self, pieces: list[d.Delta]) -> list[d.Delta]:
        """The pieces that were not said yet."""
        return [piece for piece in pieces if not self._covers(piece)]

    def _covers(self, piece: d.Delta) -> bool:
        text = getattr(piece, "text", None)
        if text is not None:
            covered = self._text.startswith(text)
            if covered:
                self._text = self._text[len(text) :]
            return covered
        if isinstance(piece, d.CallBegun | d.CustomBegun):
            self._calls -= 1
            return self._calls >= 0
        self._items -= 1
        return self._items >= 0


def _said_text(item: Item) -> str:
    match item:
        case Message(content=parts):
            return "".join(getattr(part, "text", getattr(part, "refusal", "")) for part in parts)
        case Reasoning(summary=summary, content=content):
            return "".join([*(part.text for part in summary), *(part.text for part in content or ())])
        case FunctionCall(arguments=text) | CustomToolCall(input=text):
            return text
        case _:
            return ""


def _speaks(step: Step) -> bool:
    return next(_deltas(step, None), None) is not None


def _problem(failure: Failure) -> Problem:
    return Problem(failure.status, failure.code, failure.message)


def _pieces(step: Step, text: str) -> list[str]:
    return [text] if step.whole else words(text)


def _deltas(step: Step, top_logprobs: int | None) -> Iterator[d.Delta]:
    if step.reasoning is not None:
        yield from map(d.ReasoningDelta, _pieces(step, step.reasoning))
    if step.summary is not None:
        for number, piece in enumerate(_pieces(step, step.summary)):
            yield d.SummaryDelta(piece, begins=number == 0)
    if step.refusal is not None:
        yield from map(d.RefusalDelta, _pieces(step, step.refusal))
    if step.text is not None:
        for piece in _pieces(step, step.text):
            yield d.TextDelta(piece, None if top_logprobs is None else [_logprob(piece, top_logprobs)])
    if step.call is not None:
        yield d.CallBegun(step.call.name, step.call.call_id, step.call.namespace)
        arguments = step.call.arguments
        yield from map(d.CallDelta, words(arguments if isinstance(arguments, str) else encode(arguments).decode()))
    if step.custom is not None:
        yield d.CustomBegun(step.custom.name, step.custom.call_id, step.custom.namespace)
        yield from map(d.CustomDelta, words(step.custom.input))
    if step.item is not None:
        yield d.ItemDelta(item_from_json(step.item))


def _logprob(piece: str, top: int) -> Logprob:
    data = list(piece.encode())
    return Logprob(piece, -0.5, data, [TopLogprob(piece, -0.5, data)][:top])
