"""A model behind a Responses upstream: OpenAI, vLLM, llama.cpp, another Antiphon.

Knows nothing of which upstream is chosen (`router`), nor of what stands in the bytes (`responses_request`,
`responses_stream`).
"""

from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec.structs import replace

from antiphon.core.calls import AsFunction, as_function
from antiphon.core.deltas import Delta, Stop, UsageDelta
from antiphon.core.offers import HOSTED, Choice
from antiphon.core.ports import Turn
from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt
from antiphon.core.request import PassedTool, Request
from antiphon.core.wire import opaque
from antiphon.models.answer_check import AnswerCheck
from antiphon.models.chat_request import called
from antiphon.models.chat_tokens import estimate
from antiphon.models.event_stream import EventStream, form_of
from antiphon.models.http import Answer, Http
from antiphon.models.responses_request import HINTS, Manner, body, ignored, measured
from antiphon.models.responses_stream import Listener
from antiphon.models.upstream import Upstream, UpstreamFault, malformed, refusal, untaken_hint, wants_stream

_EVENTS = "text/event-stream"
_LONGEST_EVENT = 64 * 1024 * 1024
_LONGEST_REFUSAL = 64 * 1024


class ResponsesModel:
    """Satisfies the `Model` port. `model` is the name there.

    Faults before the first delta are `UpstreamFault`s.
    """

    continues = False

    def __init__(self, upstream: Upstream, model: str, http: Http) -> None:
        self._upstream = upstream
        self._model = model
        self._http = http
        self._manner = Manner()
        self._counts = True
        self.sees = "images" in upstream.takes

    def check(self, request: Request) -> list[str]:
        """As contracts §D says of a Responses upstream."""
        return ignored(request, self._upstream)

    async def count(self, prompt: Prompt) -> Count:
        """By the upstream's `input_tokens`; an estimate from the bytes where it has no such route."""
        asked = msgspec.json.encode(measured(prompt, self._model, self._upstream), enc_hook=opaque)
        if self._counts:
            try:
                told = await self._http.post_json(self._upstream, "responses/input_tokens", asked, prompt.passed)
            except UpstreamFault as fault:
                if fault.status not in {404, 405, 501}:
                    raise
                self._counts = False
            else:
                if isinstance(told, dict) and isinstance(told.get("input_tokens"), int):
                    return Count(told["input_tokens"])
        return Count(estimate(prompt), estimated=True)

    async def open(self, prompt: Prompt) -> Turn:
        """Ask the upstream. Raises `UpstreamFault`; the turn raises it too, and `Problem` (`answer_check`)."""
        if called(prompt):
            return _all_said(prompt)
        return ResponsesTurn(await self._ask(prompt), self._upstream, prompt)

    async def _ask(self, prompt: Prompt) -> Answer:
        manner, deadlines = self._manner, self._upstream.deadlines
        while True:
            streams = manner.streams(prompt)
            asked = body(prompt, self._model, self._upstream, manner)
            patience = deadlines.first if streams else deadlines.total
            answer = await self._http.post(self._upstream, "responses", asked, prompt.passed, patience)
            if answer.status == 200:
                return answer
            try:
                data = await answer.read(_LONGEST_REFUSAL)
            finally:
                answer.abort()
            fault = refusal(self._upstream, answer.status, answer.headers, data)
            if manner.seals and _refuses_seals(fault):
                manner = replace(manner, seals=False)
            elif not streams and wants_stream(fault):
                manner = replace(manner, only_streams=True)
            elif untaken := untaken_hint(fault, (name for name in HINTS if name not in manner.without)):
                manner = replace(manner, without=manner.without | {untaken})
            else:
                raise fault
            self._manner = manner


class ResponsesTurn:
    """One turn as it is read. `aclose()` closes the connection."""

    def __init__(self, answer: Answer, upstream: Upstream, prompt: Prompt) -> None:
        self._answer = answer
        self._upstream = upstream
        offered = frozenset(offer.name for offer in prompt.offers)
        taken = [told.call_id for item in prompt.items if isinstance(told := as_function(item), AsFunction)]
        self._listener = Listener(upstream, offered, lambda: estimate(prompt), taken)
        self._check = _check(prompt)
        self._events = EventStream()
        self._streams = answer.headers.get("content-type", "").startswith(_EVENTS)
        self._begun = self._over = False
        self._fault: Problem | None = None

    def __aiter__(self) -> "ResponsesTurn":
        return self

    async def __anext__(self) -> Sequence[Delta]:
        """The next batch. Raises `Problem` for a stream that breaks or can't be read."""
        if self._fault is not None:
            self._answer.abort()
            raise self._fault
        if self._over:
            raise StopAsyncIteration
        try:
            found = await self._hear()
            self._look_at(found)
        except BaseException:
            self._answer.abort()
            raise
        if not found:
            raise StopAsyncIteration
        return found

    async def aclose(self) -> None:
        """Want nothing more: the connection is closed at once, so that the upstream's model stops."""
        self._over = True
        if self._listener.ended:
            self._answer.leave()
        else:
            self._answer.abort()

    def _look_at(self, found: Sequence[Delta]) -> None:
        """See that the answer is what was asked. Where it is not, what was said is told before that."""
        if self._check is not None:
            try:
                self._check.feed(found)
            except Problem as fault:
                self._fault = fault

    async def _hear(self) -> list[Delta]:
        """The deltas of the next bytes that have any; none at the end."""
        answer, events, feed = self._answer, self._events, self._listener.feed
        found: list[Delta] = []
        async for data in answer.chunks():
            if not self._streams and (whole := await self._other(data)):
                return whole
            told = events.feed(data)
            try:
                for event in told:
                    found += feed(event)
            except Problem as fault:
                if not found:
                    raise
                self._fault = fault  # what was said before it is told first
                return found
            if self._listener.ended:
                self._over = True
                answer.leave()
                return found
            if found or (told and self._begun):  # an item that waits for its turn is no silence, nor is a tool at work
                self._begun = True
                answer.spoken()
            if found:
                return found
            if events.held > _LONGEST_EVENT:
                raise malformed(self._upstream, "sent an event without an end")
        for event in events.finish():
            found += feed(event)
        self._over = True
        self._listener.close()
        return found

    async def _other(self, data: bytes) -> list[Delta]:
        """What an answer tells that does not say it is a stream: none where it may be one all the same."""
        match form_of(data):
            case "page":
                raise malformed(self._upstream, "answered with a page of HTML")
            case "json":
                return await self._read(data)
            case "events":
                self._streams = True
        return []

    async def _read(self, begun: bytes) -> list[Delta]:
        """An answer in one piece, that begins so."""
        data = begun + await self._answer.read()
        self._over = True
        try:
            return self._listener.whole(msgspec.json.decode(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise malformed(self._upstream, "answered with something that is no JSON") from None


def _check(prompt: Prompt) -> AnswerCheck | None:
    """What looks at the answer. A call that was required may be one of a tool that the upstream runs."""
    if any(tool.type in HOSTED for tool in prompt.tools if isinstance(tool, PassedTool)):
        prompt = replace(prompt, choice=Choice())
    return AnswerCheck(prompt) if AnswerCheck.wanted(prompt) else None


async def _all_said(prompt: Prompt) -> AsyncIterator[list[Delta]]:
    """The turn of an answer that was at its end before it was interrupted: calls end it."""
    yield [UsageDelta(estimate(prompt), 0, estimated=True), Stop()]


def _refuses_seals(fault: UpstreamFault) -> bool:
    """Whether a model that can't think refuses to be asked for its sealed thoughts."""
    return fault.status == 400 and "encrypted" in fault.message.lower()
