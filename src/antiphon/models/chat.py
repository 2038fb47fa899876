"""A model behind a Chat Completions upstream (DESIGN §7).

Knows nothing of other upstreams, of retries and of queues: it asks once, and says what came of it. What it learns is
how this server wants to be asked.
"""

from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from antiphon.core.calls import AsFunction, as_function
from antiphon.core.deltas import Delta, Stop, UsageDelta
from antiphon.core.ports import Turn
from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt
from antiphon.core.request import Request
from antiphon.models.answer_check import AnswerCheck
from antiphon.models.chat_check import ignored
from antiphon.models.chat_request import HINTS, Dialect, body, called
from antiphon.models.chat_stream import ChatReader
from antiphon.models.chat_tokens import TokenCounter, estimate
from antiphon.models.event_stream import EventStream, form_of
from antiphon.models.http import Answer, Http
from antiphon.models.upstream import Upstream, UpstreamFault, malformed, refusal, untaken_hint, wants_stream

_PATH = "chat/completions"
_EVENTS = "text/event-stream"
_LONGEST_REFUSAL = 64 * 1024
_LONGEST_EVENT = 32 * 1024 * 1024


class ChatModel:
    """Satisfies the `Model` port. `model` is the upstream's own name for the model.

    An answer that nobody reads before its end is asked for in one piece. A server that refuses that, one of `HINTS`,
    or the name of the bound on output, is asked again without it, and is not asked with it any more.
    """

    def __init__(self, upstream: Upstream, model: str, http: Http) -> None:
        self.continues = "prefill" in upstream.takes
        self.sees = "images" in upstream.takes
        self._upstream = upstream
        self._model = model
        self._http = http
        self._dialect = Dialect(takes=upstream.takes)
        self._counter = TokenCounter(upstream, model, http)

    def check(self, request: Request) -> list[str]:
        """Names of what is asked for and ignored. Raises `Problem` 400 for what can't be done (`chat_check`)."""
        return [*request.beyond, *ignored(request, self._upstream.takes)]

    async def count(self, prompt: Prompt) -> Count:
        """Tokens of the prompt: the upstream's count, else an estimate. Raises `UpstreamFault`."""
        return await self._counter.count(prompt)

    async def open(self, prompt: Prompt) -> Turn:
        """Ask, and come back when the upstream has answered 200.

        Raises `UpstreamFault` for any other status and where there is no answer; the turn raises it for what breaks
        afterwards, and `Problem` for an answer that is not what was asked (`answer_check`).
        """
        if called(prompt):
            return _all_said(prompt)
        answer = await self._ask(prompt)
        reader = ChatReader(
            self._upstream,
            offered={offer.name: offer for offer in prompt.offers},
            taken=[told.call_id for item in prompt.items if isinstance(told := as_function(item), AsFunction)],
            top_logprobs=prompt.sampling.top_logprobs,
            prompt_tokens=lambda: estimate(prompt),
        )
        return ChatTurn(self._upstream, answer, reader, AnswerCheck(prompt) if AnswerCheck.wanted(prompt) else None)

    async def _ask(self, prompt: Prompt) -> Answer:
        dialect = self._dialect
        while True:
            streams, deadlines = dialect.streams(prompt), self._upstream.deadlines
            asked = body(prompt, self._model, dialect)
            patience = deadlines.first if streams else deadlines.total
            answer = await self._http.post(self._upstream, _PATH, asked, prompt.passed, patience)
            if answer.status == 200:
                return answer
            data = await answer.read(_LONGEST_REFUSAL)
            fault = refusal(self._upstream, answer.status, answer.headers, data)
            if fault.code == "context_length_exceeded" and dialect.bound:
                # Prompt and bound may be too long together though the prompt fits; then the context is the bound.
                dialect = replace(dialect, bound="")
                continue
            if not streams and wants_stream(fault):
                learned: Dialect | None = replace(dialect, only_streams=True)
            else:
                learned = _learned(dialect, fault)
            if learned is None:
                raise fault
            dialect = learned
            self._dialect = replace(learned, bound=learned.bound or self._dialect.bound)


class ChatTurn:
    """Satisfies `Turn`: a batch for each time that the network was read."""

    def __init__(self, upstream: Upstream, answer: Answer, reader: ChatReader, check: AnswerCheck | None) -> None:
        self._upstream = upstream
        self._answer = answer
        self._reader = reader
        self._check = check
        self._events = EventStream()
        self._streams = answer.headers.get("content-type", "").startswith(_EVENTS)
        self._begun = self._over = False
        self._fault: Problem | None = None

    def __aiter__(self) -> "ChatTurn":
        return self

    async def __anext__(self) -> Sequence[Delta]:
        """The next batch. Raises `UpstreamFault` and `Problem` (`ChatModel.open`)."""
        try:
            while self._fault is None and not self._over:
                deltas = await self._heard()
                self._fault = self._reader.fault
                if deltas:
                    if not self._begun:
                        self._begun = True
                        self._answer.spoken()
                    if self._check is not None:
                        self._look_at(deltas, self._check)
                    return deltas
            if self._fault is not None:
                raise self._fault
        except BaseException:
            await self.aclose()
            raise
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Break the upstream's answer off at once, unless it has come to its end."""
        if not self._over:
            self._over = True
            self._answer.abort()

    def _look_at(self, deltas: Sequence[Delta], check: AnswerCheck) -> None:
        """See that the answer is what was asked. Where it is not, what was said is told before that."""
        try:
            check.feed(deltas)
        except Problem as fault:
            self._fault = fault

    async def _heard(self) -> list[Delta]:
        """What the next bytes tell."""
        try:
            data = await self._answer.__anext__()
        except StopAsyncIteration:
            deltas = self._reader.feed(self._events.finish())
            if not deltas or self._reader.ended:
                deltas += self._reader.finish()
                self._over = True
            return deltas
        if not self._streams:
            return await self._other(data)
        payloads = self._events.feed(data)
        if payloads and self._begun:  # a call that waits for its turn is no silence
            self._answer.spoken()
        deltas = self._reader.feed(payloads)
        if self._reader.ended:
            self._over = True
            self._answer.leave()
        elif not payloads and self._events.held > _LONGEST_EVENT:
            raise malformed(self._upstream, "sends an event without an end")
        return deltas

    async def _other(self, data: bytes) -> list[Delta]:
        """What an answer tells that does not say it is a stream: it may be one all the same, or JSON, or a page."""
        match form_of(data):
            case "blank":  # some send blank lines while they think
                return []
            case "page":
                raise malformed(self._upstream, "answered with a page of HTML")
            case "json":
                deltas = self._reader.whole(data + await self._answer.read())
                self._over = True
                return deltas
            case "events":
                self._streams = True
                return self._reader.feed(self._events.feed(data))


async def _all_said(prompt: Prompt) -> AsyncIterator[list[Delta]]:
    """The turn of an answer that was at its end before it was interrupted."""
    yield [UsageDelta(estimate(prompt), 0, estimated=True), Stop()]


def _learned(dialect: Dialect, fault: UpstreamFault) -> Dialect | None:
    """How to ask a server that refused this; None where it is not how it was asked."""
    if fault.status not in {400, 422}:
        return None
    if dialect.bound == "max_tokens" and "max_completion_tokens" in fault.message:
        return replace(dialect, bound="max_completion_tokens")
    untaken = untaken_hint(fault, (name for name in HINTS if name not in dialect.without))
    return None if untaken is None else replace(dialect, without=dialect.without | {untaken})
