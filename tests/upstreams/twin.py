"""An upstream that does what it is asked, as far as one can without a model: it calls what is forced, keeps to a form
and to a bound, and counts words.

Knows nothing of the server before it.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.models.chat_habits import Habit, chunk, token
from tests.upstreams.behaviours import Speech, refusing, speaking
from tests.upstreams.fake import Asked, Behaviour, Fake, Line, faking
from tests.upstreams.speech import message, of_chat, of_responses, response

JSON = Any
CONTEXT = 8192
"""Words that it takes."""

MATCHING = {"lark": "aä}", "regex": "xxx/"}
"""What matches the grammars that the rows of contracts §D have, by their syntax."""


class Wish(NamedTuple):
    """What is asked, told alike for both kinds. `call` is a tool as it was offered, or None for a text."""

    call: JSON
    form: JSON
    bound: int
    logprobs: int | None
    words: int


class Turn(NamedTuple):
    """What is answered: a text or a call, and why it ends."""

    text: str
    call: JSON
    cut: bool


def _wish_of_chat(body: JSON) -> Wish:
    tools = [tool[tool["type"]] for tool in body.get("tools", ())]
    choice = body.get("tool_choice", "auto")
    named = choice.get(choice["type"], {}).get("name") if isinstance(choice, dict) else None
    call = None
    if choice != "auto":
        call = next(tool for tool in tools if named in (None, tool["name"]))
        call = call | {"given": _last_given(body["messages"], call["name"])}
    form = body.get("response_format", {})
    schema = form.get("json_schema", {}).get("schema", {}) if form else None
    return Wish(call, schema, body.get("max_tokens", 99), body.get("top_logprobs"), _words(body["messages"]))


def _last_given(messages: JSON, name: str) -> str | None:
    """The arguments of the last call of that name in the history."""
    calls = [call["function"] for one in messages for call in one.get("tool_calls", ())]
    return next((call["arguments"] for call in reversed(calls) if call["name"] == name), None)


def _wish_of_responses(body: JSON) -> Wish:
    tools = [
        inner | {"namespace": tool["name"]} if inner is not tool else tool
        for tool in body.get("tools", ())
        for inner in (tool["tools"] if tool["type"] == "namespace" else [tool])
    ]
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        names = {one.get("name") for one in choice["tools"]}
        tools = [tool for tool in tools if tool.get("name") in names]
        choice = choice["mode"]
    named = choice.get("name") if isinstance(choice, dict) else None
    call = None
    if choice not in ("auto", "none"):
        call = next((tool for tool in tools if named in (None, tool.get("name"))), None)
    if call is not None and "name" not in call:  # a tool of the client's own kind: as it was called before, or hosted
        past = [item for item in body["input"] if item["type"] == f"{call['type']}_call"]
        call = past[-1] if past else None
    form = body.get("text", {}).get("format", {"type": "text"})
    schema = None if form["type"] == "text" else form.get("schema", {})
    return Wish(call, schema, body.get("max_output_tokens", 99), body.get("top_logprobs"), _words(body["input"]))


def _words(value: JSON) -> int:
    return len(json.dumps(value).split())


def _turn(wish: Wish) -> Turn:
    if wish.call is not None:
        return Turn("", wish.call, cut=False)
    if wish.form is not None:
        return Turn('"red"' if "enum" in wish.form else '{"word":"red"}', None, cut=False)
    words = ["la"] * min(wish.bound, 8)
    return Turn(" ".join(words), None, cut=wish.bound < 8)


def _arguments(tool: JSON) -> str:
    """Arguments that fit, for a function."""
    if tool.get("given"):
        return str(tool["given"])
    properties = (tool.get("parameters") or {}).get("properties", {})
    return json.dumps({name: {"word": "red"}.get(name, "note") for name in properties})


def _tokens(text: str, most: int) -> list[JSON]:
    return [
        token(f"{' ' if n else ''}{word}") | {"top_logprobs": [token(word)] * most}
        for n, word in enumerate(text.split())
    ]


def _speech_of_chat(wish: Wish, turn: Turn) -> Speech:
    usage = {"prompt_tokens": wish.words, "completion_tokens": len(turn.text.split()) or 1}
    more = {} if wish.logprobs is None else {"logprobs": {"content": _tokens(turn.text, wish.logprobs)}}
    told: list[tuple[str, ...]] = []
    if turn.call is None:
        said = chunk({"content": turn.text}, **more)
    else:
        function = {"name": turn.call["name"], "arguments": _arguments(turn.call)}
        said = chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]})
        told = [("call", function["name"], function["arguments"], "call_1")]
    finish = "length" if turn.cut else "stop" if turn.call is None else "tool_calls"
    speech = of_chat(Habit([said, chunk(finish=finish, usage=usage), "[DONE]"], told))
    if more:
        whole = json.loads(speech.whole)
        whole["choices"][0] |= more
        return speech._replace(whole=json.dumps(whole).encode())
    return speech


def _speech_of_responses(wish: Wish, turn: Turn) -> Speech:
    tokens = {"input_tokens": wish.words, "output_tokens": len(turn.text.split()) or 1}
    call = turn.call
    if call is None:
        logprobs = None if wish.logprobs is None else _tokens(turn.text, wish.logprobs)
        part = {"type": "output_text", "text": turn.text, "annotations": [], "logprobs": logprobs}
        item = message(turn.text, content=[part])
    elif call["type"] == "custom":
        given = MATCHING[call["format"]["syntax"]] if call.get("format", {}).get("type") == "grammar" else "note"
        item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_1", "name": call["name"], "input": given}
    elif call["type"] == "function":
        space = {"namespace": call["namespace"]} if "namespace" in call else {}
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": call["name"]} | space
        item |= {"arguments": _arguments(call), "status": "completed"}
    else:
        item = call | {"id": "x_1", "call_id": "call_9"}
    ended: dict[str, JSON] = {"status": "completed"}
    if turn.cut:
        ended = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    return of_responses([done], response(item, usage=tokens, **ended))


async def behave(asked: Asked, line: Line) -> None:
    """Do what is asked."""
    kind = asked.path.rpartition("/")[2]
    if kind not in ("completions", "responses"):
        await refusing(404)(asked, line)
        return
    wish = (_wish_of_chat if kind == "completions" else _wish_of_responses)(asked.body)
    if wish.words > CONTEXT:
        await refusing(400, {"error": {"message": "too long", "code": "context_length_exceeded"}})(asked, line)
        return
    make = _speech_of_chat if kind == "completions" else _speech_of_responses
    await speaking(make(wish, _turn(wish)))(asked, line)


@contextmanager
def twin(behaviour: Behaviour = behave) -> Iterator[Fake]:
    """Such an upstream, or one that behaves otherwise, in a thread of its own, for tests that wait."""
    started, found = threading.Event(), list[Fake]()
    loop = asyncio.new_event_loop()
    ending = asyncio.Event()

    async def run() -> None:
        async with faking(behaviour) as fake:
            found.append(fake)
            started.set()
            await ending.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert started.wait(20)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.close()
