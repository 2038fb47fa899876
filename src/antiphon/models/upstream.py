"""Upstreams: who they are, and what their refusals mean to whoever asked us.

Knows nothing of how bytes travel (`http`), nor of what a prompt looks like there.
"""

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from antiphon.core.items import JSON
from antiphon.core.problems import Problem

Kind = Literal["chat", "responses"]
Takes = Literal["top_k", "images", "prefill", "developer", "grammar"]
Blame = Literal["moment", "upstream", "request"]
"""Whose an error is: the moment's (a retry may help), the upstream's (another may help), the request's."""

_HIDDEN = "[key]"
_NUMBER = re.compile(r"\s*[0-9]+(?:\.[0-9]*)?\s*")
_LONGEST_WAIT = 30 * 24 * 3600.0
_LONGEST = 500  # characters of an upstream's message that are passed on
_LONGEST_NAME = 64  # the same of a code, and of the name of a field


class Deadlines(Struct, frozen=True, kw_only=True):
    """How long an upstream may take, in seconds.

    connect
        until a connection stands.
    first
        from the request until something is said; a server that has to load its model first takes long. An answer
        that is asked for in one piece has until `total`.
    idle
        between two pieces of what is said; comments that keep a connection open are none.
    total
        from the request until the end.
    """

    connect: float = 10.0
    first: float = 300.0
    idle: float = 120.0
    total: float = 3600.0


class Upstream(Struct, frozen=True, kw_only=True):
    """A server that models stand behind.

    url
        the address under which its routes stand, such as `http://127.0.0.1:8000/v1`.
    key
        what it asks for as a bearer token; "" for none. It stands in no log, error or response.
    weight
        its share of the requests among the upstreams of one model.
    concurrency, queue
        how many requests may run there at once, and how many may wait for that; 0 is no bound on the first.
    takes
        what it takes beyond the usual: `top_k`; `images`; `prefill`, an answer's beginning that it goes on
        from; `developer`, the role of that name; `grammar`, custom tools with their grammars.
    """

    name: str
    url: str
    kind: Kind = "chat"
    key: str = ""
    weight: float = 1.0
    concurrency: int = 0
    queue: int = 256
    deadlines: Deadlines = Deadlines()
    takes: frozenset[Takes] = frozenset({"images"})

    def __repr__(self) -> str:
        return f"Upstream({self.name!r}, {self.url!r}, kind={self.kind!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:  # msgspec's own would tell the key
        return [("name", self.name), ("url", self.url), ("kind", self.kind)]

    def redacted(self, text: str) -> str:
        """The text without this upstream's key."""
        return text.replace(self.key, _HIDDEN) if self.key else text


class UpstreamFault(Problem):
    """What an upstream refused, or failed at, before it had said anything. As a `Problem` it is what the
    client is told when no upstream is left.

    retryable
        the same request may succeed there a little later (`retry_after` says when, if it was told).
    elsewhere
        another upstream of the same model may take it: it was not the request's fault. True for what is retryable.
    """

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        blame: Blame = "moment",
    ) -> None:
        super().__init__(status, code, message, param=param, retry_after=retry_after)
        self.retryable = blame == "moment"
        self.elsewhere = blame != "request"


class ErrorBody(NamedTuple):
    """What an upstream says of an error, in whichever of the known forms."""

    message: str
    code: str = ""
    param: str = ""
    status: int = 0


def unreachable(upstream: Upstream, why: str, blame: Blame = "moment") -> UpstreamFault:
    """No connection, or one that broke; `why` goes on from the upstream's name."""
    message = upstream.redacted(f"The upstream '{upstream.name}' {why}.")
    return UpstreamFault(502, "server_error", message, blame=blame)


def too_slow(upstream: Upstream, waited_for: str, seconds: float) -> UpstreamFault:
    """A deadline has passed."""
    message = f"The upstream '{upstream.name}' {waited_for} within {seconds:g} seconds."
    return UpstreamFault(504, "upstream_timeout", message)


def refusal(upstream: Upstream, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFault:
    """What an answer other than 200 means (contracts §D, protocol §6).

    408, 409, 429 and 5xx are of the moment, save an exhausted quota and a circle of upstreams; 401 and 403 are
    between the server and its upstream, and a 502 for the client; any other 4xx is the request's and keeps its
    status, code and message.
    """
    said = _without_key(upstream, error_body(body))
    message = said.message[:_LONGEST]
    wait = retry_after(headers)
    if 200 <= status < 400:
        return unreachable(upstream, f"answered with status {status}")
    if status in {401, 403}:
        return _locked_out(upstream, status)
    if status <= 500 and is_context_length(said):
        return _too_long(message)
    if status == 429:
        return _too_many(upstream, said, wait)
    if status in {408, 409} or status >= 500:
        return _unwell(status, message or f"The upstream '{upstream.name}' answered with status {status}.", wait)
    return UpstreamFault(
        status,
        "model_not_found" if status == 404 else said.code or None,
        message or f"The upstream '{upstream.name}' refused the request (status {status}).",
        param="model" if status == 404 else _PARAMS.get(said.param, said.param) or None,
        blame="upstream" if status in {404, 405} else "request",
    )


def told_in_stream(upstream: Upstream, error: JSON) -> UpstreamFault:
    """What an error object means that came where an answer was due."""
    said = _without_key(upstream, _error_of(error))
    message = said.message[:_LONGEST] or f"The upstream '{upstream.name}' failed."
    if is_context_length(said):
        return _too_long(message)
    if said.status == 429 or "rate_limit" in said.code or "quota" in said.code:
        return _too_many(upstream, said, None)
    if said.status in {401, 403}:
        return _locked_out(upstream, said.status)
    if 400 <= said.status < 500:
        return UpstreamFault(said.status, said.code or "model_error", message, blame="request")
    return UpstreamFault(said.status or 502, "overloaded" if said.status == 503 else "server_error", message)


def wants_stream(fault: UpstreamFault) -> bool:
    """Whether what refused an answer in one piece may give a stream: a server that has nothing else, or a proxy
    before it that waits for no first byte as long as that takes."""
    if fault.status in {400, 422}:
        return fault.param == "stream" or "stream" in fault.message.lower()
    return fault.status in {408, 504, 524}


def untaken_hint(fault: UpstreamFault, hints: Iterable[str]) -> str | None:
    """The first of the fields that a refusal says are not taken; None where it is about something else."""
    if fault.status not in {400, 422}:
        return None
    return next((name for name in hints if fault.param == name or _says_untaken(fault.message, name)), None)


def cycle(message: str) -> UpstreamFault:
    """An upstream leads back to whoever asks it (`core.servers`)."""
    fault = UpstreamFault(508, "upstream_cycle", message, blame="upstream")
    fault.retry = False
    return fault


def malformed(upstream: Upstream, what: str) -> UpstreamFault:
    """The upstream says something that is no answer; `what` goes on from its name."""
    return unreachable(upstream, what)


def error_body(body: bytes) -> ErrorBody:
    """Read an error's body: OpenAI's envelope and its many relatives, or plain text; an HTML page says nothing."""
    try:
        return _error_of(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body.decode(errors="replace").strip()
        return ErrorBody("" if text.startswith("<") else text)


def is_context_length(said: ErrorBody) -> bool:
    """Whether an error says that the prompt is longer than the model's context, in any known server's words."""
    return said.code in _TOO_LONG_CODES or _TOO_LONG.search(said.message) is not None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait, from `retry-after-ms`, or `retry-after` as seconds or a date; None where not told."""
    try:
        if (told := headers.get("retry-after-ms")) is not None and _NUMBER.fullmatch(told):
            return min(float(told) / 1000, _LONGEST_WAIT)
        if (told := headers.get("retry-after")) is None:
            return None
        if _NUMBER.fullmatch(told):
            return min(float(told), _LONGEST_WAIT)
        return min(max(parsedate_to_datetime(told).timestamp() - time(), 0.0), _LONGEST_WAIT)
    except (ValueError, OverflowError, TypeError, IndexError):  # the last two are how some dates that are none end
        return None


def _error_of(value: JSON) -> ErrorBody:
    """`{error: {…}}`, `{error: "…"}`, `{detail: …}`, a bare `{message, code}`, and a list around any of them."""
    if isinstance(value, list):
        value = next(iter(value), None)
    if isinstance(value, str):
        return ErrorBody(value)
    if not isinstance(value, dict):
        return ErrorBody("")
    inner = value.get("error") or value.get("detail")
    if isinstance(inner, dict | list):
        return _error_of(inner)
    words = (inner, value.get("message"), value.get("msg"))
    return ErrorBody(next((word for word in words if word and isinstance(word, str)), ""), *_code_of(value))


def _code_of(members: Mapping[str, JSON]) -> tuple[str, str, int]:
    """Code, param and status. Some put the status where the code belongs, and the code where the type does."""
    code, kind, param = members.get("code"), members.get("type"), members.get("param")
    status = code if isinstance(code, int) else members.get("status_code", members.get("status", 0))
    word = code if isinstance(code, str) else kind if isinstance(kind, str) else ""
    if not isinstance(param, str) and isinstance(place := members.get("loc"), list):  # FastAPI's `["body", "user"]`
        param = place[-1] if place else None
    if word.isdecimal():
        status, word = int(word), kind if isinstance(kind, str) else ""
    return (
        "" if word in _KINDS else word,
        param if isinstance(param, str) else "",
        status if isinstance(status, int) and 400 <= status < 600 else 0,
    )


def _without_key(upstream: Upstream, said: ErrorBody) -> ErrorBody:
    """What was said, in every part of which the key may stand, for all we know."""
    message, code, param = (upstream.redacted(text) for text in (said.message, said.code, said.param))
    return ErrorBody(message, code[:_LONGEST_NAME], param[:_LONGEST_NAME], said.status)


def _locked_out(upstream: Upstream, status: int) -> UpstreamFault:
    """It is between the server and its upstream, and no fault of the client's."""
    message = f"The upstream '{upstream.name}' refused this server's key (status {status})."
    return UpstreamFault(502, "server_error", message, blame="upstream")


def _too_many(upstream: Upstream, said: ErrorBody, wait: float | None) -> UpstreamFault:
    message = said.message[:_LONGEST] or f"The upstream '{upstream.name}' takes no more requests now."
    if "quota" in said.code:
        return UpstreamFault(429, "insufficient_quota", message, retry_after=wait, blame="upstream")
    return UpstreamFault(429, "rate_limit_exceeded", message, retry_after=wait)


def _unwell(status: int, message: str, wait: float | None) -> UpstreamFault:
    if status == 508:
        return cycle(message)
    code = {408: "upstream_timeout", 504: "upstream_timeout", 503: "overloaded"}.get(status, "server_error")
    return UpstreamFault(status, code, message, retry_after=wait)


def _says_untaken(message: str, name: str) -> bool:
    """Whether a message says that a field of that name is not taken; `user` in quotes alone may be a role."""
    return _UNTAKEN.search(message) is not None and any(f"{mark}{name}{mark}" in message for mark in "'\"`")


def _too_long(message: str) -> UpstreamFault:
    return UpstreamFault(400, "context_length_exceeded", message, param="input", blame="request")


_KINDS = {"BadRequestError", "invalid_request_error", "Bad Request", "error", "BadRequest"}
"""Types that stand in the place of a code and say no more than the status does."""

_PARAMS = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "logprobs": "top_logprobs",
}
"""Names of Chat Completions, and the fields of ours that they were made from."""

_UNTAKEN = re.compile(
    r"unsupported|unrecogni[sz]ed|unknown|unexpected|extra|additional|not (?:supported|permitted|allowed)",
    re.IGNORECASE,
)

_TOO_LONG_CODES = {"context_length_exceeded", "exceed_context_size_error", "ContextWindowExceededError"}

_TOO_LONG = re.compile(
    r"context.length.exceeded"
    r"|maximum context length"  # OpenAI, vLLM, SGLang, Mistral
    r"|maximum model length"  # vLLM, for a prompt that is too long by itself
    r"|maximum input length"
    r"|maximum prompt length"  # xAI
    r"|too long to fit"  # vLLM, before
    r"|input is too long"  # Bedrock
    r"|context window exceeds"  # MiniMax
    r"|exceeded model token limit"  # Moonshot
    r"|(?:prompt|input) token count .{0,40}exceeds"  # Gemini, Copilot
    r"|number of tokens in the prompt cannot exceed"  # Cohere
    r"|longer than the model'?s context"  # SGLang
    r"|exceeds?(?: the| its)? (?:available |maximum |model'?s? )?(?:context|maximum input)"  # llama.cpp, Ollama
    r"|exceeded max(?:imum)? context"  # Ollama
    r"|exceed_context_size"  # llama.cpp
    r"|ContextWindowExceeded"  # LiteLLM
    r"|prompt is too long"  # Anthropic
    r"|greater than the context length"  # LM Studio
    r"|when context the overflows"  # LM Studio
    r"|`inputs` (?:tokens \+ `max_new_tokens` must be|must have less than)",  # TGI
    re.IGNORECASE,
)
