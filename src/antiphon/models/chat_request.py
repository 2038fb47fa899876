"""A prompt as a Chat Completions request (protocol §11).

Knows nothing of the server that it goes to but what that one takes.

How the history is told: instructions and other words for the model that stand at the head are one system message;
what an assistant thought, said and called together is one message; a picture that a tool gave stands in a user
message behind the outputs, since few servers take one in a tool's.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from antiphon.core.calls import AsFunction, AsOutput, as_function
from antiphon.core.items import JSON, InputImage, InputText, Item, Message, OutputText, Part, Reasoning, Refusal
from antiphon.core.offers import Offer
from antiphon.core.prompt import Prompt
from antiphon.core.reasoning import of_this_turn, thought
from antiphon.core.request import JsonObjectFormat, JsonSchemaFormat, NamedChoice
from antiphon.models.chat_check import refuse_files, refuse_unseen
from antiphon.models.upstream import Takes

HINTS = ("stream_options", "prompt_cache_key", "safety_identifier", "user", "parallel_tool_calls")
"""Fields without which the answer is the same, or is made so here: they are left out for a server that refuses them."""

_Json = dict[str, Any]


class Dialect(Struct, frozen=True, kw_only=True):
    """How a server wants to be asked.

    takes
        what it takes beyond the usual.
    bound
        its name for the bound on what is generated; "" sends none.
    without
        those of `HINTS` that it refuses.
    only_streams
        whether it gives no answer in one piece.
    """

    takes: frozenset[Takes] = frozenset()
    bound: str = "max_tokens"
    without: frozenset[str] = frozenset()
    only_streams: bool = False

    def streams(self, prompt: Prompt) -> bool:
        """Whether the answer is asked for as a stream: in one piece it costs both sides a fraction of that."""
        return self.only_streams or not prompt.whole


def body(prompt: Prompt, model: str, dialect: Dialect) -> bytes:
    """The JSON of a request for `model`, the server's own name for it.

    Raises `Problem` 400 for what the server can't see.
    """
    streams = dialect.streams(prompt)
    asked: _Json = {"model": model, "messages": messages(prompt, dialect.takes), "stream": streams}
    if streams:
        asked["stream_options"] = {"include_usage": True}
    if begun(prompt):
        asked["continue_final_message"] = True
        asked["add_generation_prompt"] = False
    _sampling(prompt, dialect, asked)
    if tools := _callable(prompt):
        asked["tools"] = [_tool(offer, dialect.takes) for offer in tools]
        _choice(prompt, tools, dialect.takes, asked)
    _answer(prompt, asked)
    for name, value in (
        ("prompt_cache_key", prompt.cache_key),
        ("user", prompt.user),
        ("safety_identifier", prompt.safety_identifier),
        ("service_tier", prompt.service_tier),
    ):
        if value is not None:
            asked[name] = value
    for name in dialect.without:
        asked.pop(name, None)
    return msgspec.json.encode(asked)


def tokenized(prompt: Prompt, model: str, takes: frozenset[Takes]) -> bytes:
    """The JSON that asks a server to tokenize the prompt as it would see it."""
    asked: _Json = {"model": model, "messages": messages(prompt, takes), "add_generation_prompt": True}
    if tools := _callable(prompt):
        asked["tools"] = [_tool(offer, takes) for offer in tools]
    return msgspec.json.encode(asked)


def begun(prompt: Prompt) -> str:
    """The text with which the answer has begun already, after an interruption; "" where it has not."""
    last = prompt.said[-1] if prompt.said else None
    if isinstance(last, Message) and last.status == "in_progress":
        return _text(last.content)
    return ""


def called(prompt: Prompt) -> bool:
    """Whether an answer that was interrupted had come to calls, which end it."""
    return bool(prompt.said) and isinstance(as_function(prompt.said[-1]), AsFunction)


def messages(prompt: Prompt, takes: frozenset[Takes]) -> list[_Json]:
    """The messages of a prompt's items, in order, and what was already said behind them.

    Raises `Problem` 400 for pictures where the server takes none, and for files.
    """
    items = of_this_turn([*prompt.items, *prompt.said])
    for number, item in enumerate(items):
        refuse_unseen(item, f"input[{number}]", takes)
        refuse_files(item, f"input[{number}]")
    return list(_messages(items, takes))


def text_of(prompt: Prompt) -> Iterator[str]:
    """Every text that the server reads, for an estimate of its tokens."""
    for message in messages(prompt, frozenset({"images"})):
        content = message.get("content")
        for part in content if isinstance(content, list) else [{"text": content or ""}]:
            yield part.get("text", "")
        for call in message.get("tool_calls", ()):
            yield call["function"]["name"] + call["function"]["arguments"]
    for offer in _callable(prompt):
        yield offer.name + offer.description + msgspec.json.encode(offer.parameters).decode()


def _messages(items: list[Item], takes: frozenset[Takes]) -> Iterator[_Json]:
    head, rest = _head(items)
    if head:
        yield {"role": "system", "content": "\n\n".join(head)}
    speaking: _Json | None = None  # the assistant's message that is being put together
    pictures: list[_Json] = []
    for item in rest:
        told = as_function(item)
        if pictures and not isinstance(told, AsOutput):
            yield {"role": "user", "content": pictures}
            pictures = []
        if isinstance(told, AsFunction) or isinstance(item, Reasoning) or _is_assistants(item):
            if speaking is not None and _ended(speaking, item):
                yield speaking
                speaking = None
            speaking = speaking or {"role": "assistant", "content": None}
            _speak(speaking, item, told)
            continue
        if speaking is not None:
            yield speaking
            speaking = None
        if isinstance(told, AsOutput):
            text, seen = _output(told)
            pictures += seen
            yield {"role": "tool", "tool_call_id": told.call_id, "content": text}
        elif isinstance(item, Message):
            yield _said(item, takes)
    if pictures:
        yield {"role": "user", "content": pictures}
    if speaking is not None:
        yield speaking


def _head(items: list[Item]) -> tuple[list[str], list[Item]]:
    """The words for the model at the head of all, which many templates take as one message only, and what follows."""
    count = 0
    while count < len(items) and _is_by(items[count], {"system", "developer"}):
        count += 1
    return [_text(item.content) for item in items[:count] if isinstance(item, Message)], items[count:]


def _is_by(item: Item, roles: set[str]) -> bool:
    return isinstance(item, Message) and item.role in roles


def _is_assistants(item: Item) -> bool:
    return _is_by(item, {"assistant"})


def _ended(speaking: _Json, item: Item) -> bool:
    """Whether an item is not of the message before it: a message of its own, or a thought after something was said."""
    spoken = speaking["content"] is not None or "tool_calls" in speaking
    return spoken and isinstance(item, Message | Reasoning)


def _speak(speaking: _Json, item: Item, told: AsFunction | AsOutput | None) -> None:
    match item:
        case Message(content=parts):
            speaking["content"] = _text(parts, "")
        case Reasoning():
            before = speaking.get("reasoning_content")
            speaking["reasoning_content"] = f"{before}\n{thought(item)}" if before else thought(item)
        case _ if isinstance(told, AsFunction):
            function = {"name": told.name, "arguments": told.arguments or "{}"}
            speaking.setdefault("tool_calls", []).append({"id": told.call_id, "type": "function", "function": function})


def _said(message: Message, takes: frozenset[Takes]) -> _Json:
    role = "system" if message.role == "developer" and "developer" not in takes else message.role
    if any(isinstance(part, InputImage) for part in message.content):
        return {"role": role, "content": [shown for part in message.content if (shown := _part(part)) is not None]}
    return {"role": role, "content": _text(message.content)}


def _output(told: AsOutput) -> tuple[str, list[_Json]]:
    """What a tool gave: its text, and its pictures."""
    if isinstance(told.output, str):
        return told.output, []
    seen = [shown for part in told.output if isinstance(part, InputImage) and (shown := _part(part)) is not None]
    text = _text(told.output)
    return text or ("The picture follows." if seen else ""), seen


def _part(part: Part) -> _Json | None:
    match part:
        case InputText(text=text) | OutputText(text=text):
            return {"type": "text", "text": text}
        case InputImage(image_url=str(url), detail=detail):
            shown = {"url": url} if detail == "auto" else {"url": url, "detail": detail}
            return {"type": "image_url", "image_url": shown}
        case _:
            return None


def _text(parts: Iterable[Part], between: str = "\n") -> str:
    found = []
    for part in parts:
        match part:
            case InputText(text=text) | OutputText(text=text) | Refusal(refusal=text):
                found.append(text)
    return between.join(found)


def _sampling(prompt: Prompt, dialect: Dialect, asked: _Json) -> None:
    sampling = prompt.sampling
    if dialect.bound:
        asked[dialect.bound] = max(sampling.max_output_tokens - len(begun(prompt)) // 4, 1)
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
        if (value := getattr(sampling, name)) is not None:
            asked[name] = value
    if sampling.top_k is not None and "top_k" in dialect.takes:
        asked["top_k"] = sampling.top_k
    if sampling.top_logprobs is not None:
        asked["logprobs"] = True
        asked["top_logprobs"] = sampling.top_logprobs


def _callable(prompt: Prompt) -> list[Offer]:
    """What may be called is all that is told of: a server that does not know `tool_choice` keeps to it too."""
    if prompt.choice.mode == "none":
        return []
    return [offer for offer in prompt.offers if offer.name in prompt.choice.names]


def _tool(offer: Offer, takes: frozenset[Takes]) -> _Json:
    if offer.grammar is not None and "grammar" in takes:
        rules = {"syntax": offer.grammar.syntax, "definition": offer.grammar.definition}
        form = {"type": "grammar", "grammar": rules}
        return {"type": "custom", "custom": {"name": offer.name, "description": offer.description, "format": form}}
    function: _Json = {"name": offer.name}
    if about := _about(offer):
        function["description"] = about
    function["parameters"] = {"type": "object", "properties": {}} if offer.parameters is None else offer.parameters
    if offer.strict is not None:
        function["strict"] = offer.strict
    return {"type": "function", "function": function}


def _about(offer: Offer) -> str:
    if offer.grammar is None:
        return offer.description
    rules = f"The input has to match this {offer.grammar.syntax} grammar:\n{offer.grammar.definition}"
    return f"{offer.description}\n\n{rules}" if offer.description else rules


def _choice(prompt: Prompt, tools: list[Offer], takes: frozenset[Takes], asked: _Json) -> None:
    if prompt.choice.mode == "required":
        asked["tool_choice"] = "required"
        if len(tools) == 1 and isinstance(prompt.tool_choice, NamedChoice):
            kind = _tool(tools[0], takes)["type"]
            asked["tool_choice"] = {"type": kind, kind: {"name": tools[0].name}}
    if not prompt.parallel_tool_calls:
        asked["parallel_tool_calls"] = False


def _answer(prompt: Prompt, asked: _Json) -> None:
    match prompt.text.format:
        case JsonObjectFormat():
            asked["response_format"] = {"type": "json_object"}
        case JsonSchemaFormat() as form:
            schema: dict[str, JSON] = {"name": form.name, "schema": form.schema}
            if form.description is not None:
                schema["description"] = form.description
            if form.strict is not None:
                schema["strict"] = form.strict
            asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    if prompt.text.verbosity is not UNSET:
        asked["verbosity"] = prompt.text.verbosity
    if prompt.reasoning.effort is not None:
        asked["reasoning_effort"] = prompt.reasoning.effort
