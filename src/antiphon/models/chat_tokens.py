"""The tokens of a prompt at a Chat Completions upstream: counted by the server's own tokenizer where it offers it.

Knows nothing of answers. Of the servers known, vLLM counts messages, llama.cpp a text that its template made of them,
and SGLang a bare text.
"""

from collections.abc import Awaitable, Callable

import msgspec

from antiphon.core.items import JSON
from antiphon.core.prompt import Count, Prompt
from antiphon.models.chat_request import text_of, tokenized
from antiphon.models.chat_stream import CHARACTERS_A_TOKEN
from antiphon.models.http import Http
from antiphon.models.upstream import Upstream, UpstreamFault

_MESSAGE_TOKENS = 4
"""What a template is taken to put around each message."""


class TokenCounter:
    """Counts for one model of one upstream, and remembers how that one is asked."""

    def __init__(self, upstream: Upstream, model: str, http: Http) -> None:
        self._upstream = upstream
        self._model = model
        self._http = http
        self._ways: list[Callable[[Prompt], Awaitable[int | None]]] = [
            self._of_messages,
            self._of_template,
            self._of_text,
        ]

    async def count(self, prompt: Prompt) -> Count:
        """The tokens, or an estimate where the server has no tokenizer. Raises `UpstreamFault` for one that is gone."""
        while self._ways:
            try:
                found = await self._ways[0](prompt)
            except UpstreamFault as fault:
                if fault.retryable:
                    raise
                found = None
            if found is not None:
                return Count(found)
            self._ways.pop(0)
        return Count(estimate(prompt), estimated=True)

    async def _of_messages(self, prompt: Prompt) -> int | None:
        asked = tokenized(prompt, self._model, self._upstream.takes)
        return _whole_number(_member(await self._http.post_json(self._upstream, "../tokenize", asked), "count"))

    async def _of_template(self, prompt: Prompt) -> int | None:
        asked = tokenized(prompt, self._model, self._upstream.takes)
        text = _member(await self._http.post_json(self._upstream, "../apply-template", asked), "prompt")
        if not isinstance(text, str):
            return None
        return await self._tokens({"content": text, "add_special": True, "parse_special": True})

    async def _of_text(self, prompt: Prompt) -> int | None:
        return await self._tokens({"model": self._model, "prompt": "\n".join(text_of(prompt))})

    async def _tokens(self, asked: dict[str, JSON]) -> int | None:
        answer = await self._http.post_json(self._upstream, "../tokenize", msgspec.json.encode(asked))
        tokens = _member(answer, "tokens")
        return len(tokens) if isinstance(tokens, list) and tokens else _whole_number(_member(answer, "count"))


def estimate(prompt: Prompt) -> int:
    """A guess at the tokens, from the characters; pictures are not counted."""
    texts = list(text_of(prompt))
    return -(-sum(map(len, texts)) // CHARACTERS_A_TOKEN) + _MESSAGE_TOKENS * len(texts)


def _member(value: JSON, name: str) -> JSON:
    return value.get(name) if isinstance(value, dict) else None


def _whole_number(value: JSON) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
