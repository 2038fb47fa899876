"""A Chat Completions stream, read: the data of its events in, deltas out, whatever the server's habits.

Knows nothing of HTTP, nor of how the request was made.

The rules of this file:
- only the first choice counts;
- thought (`reasoning_content`, `reasoning`, parts of that kind, `<think>` in the text) comes before text of one chunk;
- text behind a call that is whole is told behind it; behind one that is not, it waits for the end; blank text
  behind or beside a call is dropped;
- a whole message where a delta is due tells only what the deltas before it have not;
- usage counts once, as it stood last; where there is none it is estimated;
- what is neither `[DONE]` nor a reason to finish is no end.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from antiphon.core import deltas as d
from antiphon.core.items import JSON, Logprob, TopLogprob
from antiphon.core.offers import Offer
from antiphon.core.problems import Problem
from antiphon.models.chat_calls import CallOrder, Nameless
from antiphon.models.chat_chunk import Call, Choice, Chunk, Said, Token, Usage, decoded, is_error
from antiphon.models.thinking import ThinkingSplitter, shared_out
from antiphon.models.upstream import Upstream, malformed, told_in_stream

CHARACTERS_A_TOKEN = 4
"""What a token is taken to be where a server does not count."""

_CUT = {"length", "max_tokens", "max_length", "model_length", "max_output_tokens"}
_FILTERED = {
    "content_filter",
    "safety",
    "recitation",
    "prohibited_content",
    "blocklist",
    "spii",
    "guardrail_intervened",
}
_BROKEN = {"error", "abort", "aborted", "cancelled", "insufficient_system_resource", "network_error"}
_THOUGHT = {"thinking", "reasoning", "reasoning_text"}


class ChatReader:
    """Reads one answer: `feed` as often as events come, then `finish`.

    offered
        the tools of the prompt by the names under which the model knows them.
    taken
        the ids of calls that stand in the prompt.
    top_logprobs
        None where no log-probabilities are wanted.
    prompt_tokens
        estimates the tokens of the prompt, for a server that does not count them.

    Raises `UpstreamFault` for an error that is told in the stream and for what is no such stream, and `Problem` 400
    `unsupported_parameter` where log-probabilities are wanted and the server gives none.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        offered: Mapping[str, Offer] | None = None,
        taken: Sequence[str] = (),
        top_logprobs: int | None = None,
        prompt_tokens: Callable[[], int] = lambda: 0,
    ) -> None:
        self._upstream = upstream
        self._top_logprobs = top_logprobs
        self._prompt_tokens = prompt_tokens
        self._calls = CallOrder(offered or {}, taken)
        self._splitter = ThinkingSplitter()
        self._later: list[d.Delta] = []
        self._usage: Usage | None = None
        self._stop: str | None = None
        self._text = self._thought = self._refused = 0  # characters said
        self.ended = False
        self.fault: Problem | None = None

    def feed(self, payloads: Sequence[bytes]) -> list[d.Delta]:
        """The deltas of further events, in order. After the end nothing is said any more.

        What was said before a fault is told first: then `fault` is to be raised behind it.
        """
        raw: list[d.Delta] = []
        try:
            for payload in payloads:
                if self.ended:
                    break
                if payload == b"[DONE]":
                    self._end(raw)
                else:
                    self._read(payload, raw)
        except Problem as fault:
            if not raw:
                raise
            self.fault = fault
        return self._splitter.feed(raw) if raw else raw

    def whole(self, payload: bytes) -> list[d.Delta]:
        """The deltas of an answer that came as one JSON object, not as a stream."""
        raw: list[d.Delta] = []
        self._read(payload, raw)
        self._end(raw)
        return self._splitter.feed(raw)

    def finish(self) -> list[d.Delta]:
        """The stream has ended. The rest of the deltas; raises `UpstreamFault` where it merely stopped."""
        if self.fault is not None:
            raise self.fault
        if self.ended:
            return []
        if self._stop is None:
            raise malformed(self._upstream, "broke off its answer")
        raw: list[d.Delta] = []
        self._end(raw)
        return self._splitter.feed(raw)

    def _read(self, payload: bytes, found: list[d.Delta]) -> None:
        try:
            chunk = decoded(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise malformed(self._upstream, "sent something that is no JSON") from None
        if chunk is None or ((chunk.error or not chunk.choices) and is_error(chunk)):
            raise self._told(payload, chunk)
        if chunk.usage is not None:
            self._usage = chunk.usage
        choice = _first(chunk)
        if choice is None:
            return
        if choice.delta is not None:
            self._say(choice.delta, choice, found)
        if choice.message is not None:
            self._say(self._left_of(choice.message), choice, found)
        if choice.finish_reason:
            self._stop = choice.finish_reason.lower()

    def _told(self, payload: bytes, chunk: Chunk | None) -> Problem:
        try:
            value: JSON = msgspec.json.decode(payload)
        except (msgspec.DecodeError, RecursionError):
            value = None
        if chunk is None and not isinstance(value, list):
            return malformed(self._upstream, "sent something that is no chunk of an answer")
        return told_in_stream(self._upstream, value)

    def _say(self, said: Said, choice: Choice, found: list[d.Delta]) -> None:
        content = said.content
        if thought := said.reasoning_content or said.reasoning:
            self._thought += len(thought)
            self._put(d.ReasoningDelta(thought), found)
        if content:
            if isinstance(content, str):
                self._say_text(content, choice, found)
            else:
                self._parts(content, choice, found)
        if said.refusal:
            self._refused += len(said.refusal)
            self._put(d.RefusalDelta(said.refusal), found)
        if said.tool_calls:
            for call in said.tool_calls:
                self._calls.feed(call, found)
        if said.function_call is not None:
            self._calls.feed(Call(function=said.function_call), found)

    def _say_text(self, text: str, choice: Choice, found: list[d.Delta]) -> None:
        logprobs = None
        if self._top_logprobs is not None:
            logprobs = _logprobs(choice, self._top_logprobs)
            if not logprobs and not self._text:
                message = f"The upstream '{self._upstream.name}' gives no log-probabilities."
                raise Problem(400, "unsupported_parameter", message, param="top_logprobs")
        self._text += len(text)
        if self._calls.any:
            self._put(d.TextDelta(text, logprobs), found)
        else:  # nearly always
            found.append(d.TextDelta(text, logprobs))

    def _parts(self, parts: list[JSON], choice: Choice, found: list[d.Delta]) -> None:
        for part in parts:
            kind = part.get("type") if isinstance(part, dict) else "text"
            text = _text_of(part)
            if not text:
                continue
            if kind in _THOUGHT:
                self._thought += len(text)
                self._put(d.ReasoningDelta(text), found)
            elif kind == "refusal":
                self._refused += len(text)
                self._put(d.RefusalDelta(text), found)
            else:
                self._say_text(text, choice, found)

    def _put(self, delta: d.Delta, found: list[d.Delta]) -> None:
        """Tell it now, or after the calls that it came between."""
        if not self._calls.any:
            found.append(delta)
            return
        self._later.append(delta)
        if not _blank(self._later) and self._settled(found):
            found += self._later
            self._later = []

    def _settled(self, found: list[d.Delta]) -> bool:
        try:
            return self._calls.settle(found)
        except Nameless:
            raise malformed(self._upstream, "called a function without a name") from None

    def _left_of(self, message: Said) -> Said:
        """What of a whole message was not said before it."""
        thought = message.reasoning_content or message.reasoning or ""
        content = message.content
        if self._text:
            content = content[self._text :] if isinstance(content, str) else None
        if isinstance(content, str) and not content.strip() and (message.tool_calls or message.function_call):
            content = None
        return Said(
            content=content,
            reasoning_content=thought[self._thought :],
            refusal=(message.refusal or "")[self._refused :],
            tool_calls=None if self._calls.any else message.tool_calls,
            function_call=None if self._calls.any else message.function_call,
        )

    def _end(self, found: list[d.Delta]) -> None:
        self.ended = True
        usage = self._usage
        reason = self._stop or ""
        said = bool(self._text or self._thought or self._refused or self._calls.any)
        if reason in _BROKEN:
            raise malformed(self._upstream, f"broke off its answer ({reason})")
        if not (said or reason or (usage and usage.completion_tokens)):
            raise malformed(self._upstream, "answered with nothing")
        stop = "length" if reason in _CUT else "content_filter" if reason in _FILTERED else "stop"
        try:
            self._calls.finish(found, cut="" if stop == "stop" else stop)
        except Nameless:
            raise malformed(self._upstream, "called a function without a name") from None
        if not _blank(self._later):
            found += self._later
        found += [self._counted(usage, found), d.Stop(stop)]

    def _counted(self, usage: Usage | None, found: list[d.Delta]) -> d.UsageDelta:
        characters = self._text + self._thought + self._refused + self._calls.characters
        if usage is None or not (usage.completion_tokens or usage.prompt_tokens):
            output = -(-characters // CHARACTERS_A_TOKEN)
            reasoning = shared_out(output, self._thought, characters) if characters else 0
            return d.UsageDelta(self._prompt_tokens(), output, reasoning_tokens=reasoning, estimated=True)
        before, after = usage.prompt_tokens_details, usage.completion_tokens_details
        cached = (before.cached_tokens if before else None) or usage.prompt_cache_hit_tokens or 0
        output = usage.completion_tokens or 0
        reasoning = (after.reasoning_tokens if after else None) or usage.reasoning_tokens or 0
        guessed = not reasoning and bool(self._thought)
        if guessed:
            reasoning = shared_out(output, self._thought, characters)
        return d.UsageDelta(usage.prompt_tokens or 0, output, cached, min(reasoning, output), estimated=guessed)


def _first(chunk: Chunk) -> Choice | None:
    choices = chunk.choices
    if not choices:
        return None
    first = choices[0]
    return first if not first.index else next((one for one in choices if not one.index), None)


def _logprobs(choice: Choice, most: int) -> list[Logprob] | None:
    if choice.logprobs is None or not choice.logprobs.content:
        return None
    found = []
    for token in choice.logprobs.content:
        likeliest = [TopLogprob(one.token, one.logprob, _bytes(one)) for one in (token.top_logprobs or ())[:most]]
        found.append(Logprob(token.token, token.logprob, _bytes(token), likeliest))
    return found


def _bytes(token: Token) -> list[int]:
    return list(token.token.encode(errors="surrogatepass")) if token.bytes is None else token.bytes


def _text_of(part: JSON) -> str:
    """The text of a part in any of its forms: a string, or an object with text, or with such parts, inside."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join(_text_of(one) for one in part)
    if isinstance(part, dict):
        for key in ("text", "thinking", "reasoning", "content", "refusal", "value"):
            if key in part:
                return _text_of(part[key])
    return ""


def _blank(deltas: Sequence[d.Delta]) -> bool:
    """Whether what is told is nothing but white space."""
    return all(isinstance(delta, d.TextDelta) and not delta.text.strip() for delta in deltas)
