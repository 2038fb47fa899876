"""Infercom's OpenAPI document (`tests/spec`) as a judge of answers, and as a source of requests.

Knows nothing of this server, but that it may answer what the document leaves out: a stream, and four statuses more.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests import documents
from tests.asking import Answer
from tests.clients import samples
from tests.grammar import RESPONSE_KEYS, check_stream, parse_sse
from tests.openapi import check_event

JSON = Any

UNDOCUMENTED = (405, 409, 413, 415)
"""Statuses that the document leaves out, of HTTP and of idempotency."""

NATURAL = "response.reasoning_text."
"""Raw thought, which Open Responses' document calls otherwise."""


@cache
def document() -> JSON:
    """The document, with `nullable` of OpenAPI 3.0 as JSON Schema says it."""
    return _read(deepcopy(samples.document()))


def _read(value: JSON) -> JSON:
    if isinstance(value, list):
        return [_read(one) for one in value]
    if not isinstance(value, dict):
        return value
    read = {key: _read(one) for key, one in value.items()}
    if read.pop("nullable", None) is True:
        read["type"] = [read["type"], "null"]
        if "enum" in read:
            read["enum"] = [*read["enum"], None]
    return read


def check(value: JSON, name: str) -> None:
    """Hold a value against a schema of the document. Raises `AssertionError` with every fault and its path."""
    documents.check(document, value, name)


def check_answer(answer: Answer, *, streamed: bool) -> None:
    """Hold an answer of `POST /responses` against what is documented of its status; `streamed` is what was asked."""
    described = document()["paths"]["/responses"]["post"]["responses"]
    assert answer.status < 500, answer
    assert str(answer.status) in described or answer.status in UNDOCUMENTED, answer
    kind = answer.headers["content-type"].partition(";")[0]
    if answer.status != 200:
        assert kind == "application/json", answer
        check(answer.json(), "GeneralError")
        return
    _check_headers(answer)
    assert kind == ("text/event-stream" if streamed else "application/json"), answer
    if streamed:
        _check_events(parse_sse(answer.body))
    else:
        check(answer.json(), "ResponseResponse")


def _check_headers(answer: Answer) -> None:
    assert answer.headers["inference-id"]
    for name in document()["paths"]["/responses"]["post"]["responses"]["200"]["headers"]:
        if name != "inference-id" and name in answer.headers:
            int(answer.headers[name])


def _check_events(events: list[JSON]) -> None:
    """Hold a stream against the grammar, and each of its events against the schemas that there are of it."""
    for event in events:
        if "response" in event:
            check(event["response"], "ResponseResponse")
        elif "item" in event:
            check(event["item"], "ResponseOutputItem")
        else:
            check_event(event | {"type": event["type"].replace(NATURAL, "response.reasoning.")})
    check_stream([_whole(event) for event in events])


def _whole(event: JSON) -> JSON:
    """An event with what the document has no place for: keys of a response, and the status of what was cut off."""
    if "item" in event:
        return event | {"item": _with_status(event["item"])}
    if "response" not in event:
        return event
    response = dict.fromkeys(sorted(RESPONSE_KEYS - {"usage"})) | event["response"]
    output = [_with_status(item) for item in response["output"]]
    return event | {"response": response | {"output": output, "usage": response.get("usage")}}


def _with_status(item: JSON) -> JSON:
    return item if "status" in item else item | {"status": "incomplete"}


def _scripts(body: JSON) -> Iterator[list[JSON]]:
    """What the scripted model may be told to do: a thought, a refusal, calls of what is offered."""
    yield [{"reasoning": "hm hm"}, {"text": "a b c"}]
    yield [{"refusal": "not I"}]
    yield [{"text": "a"}, {"stop": "content_filter"}]
    for tool in (body.get("tools") or ())[:1]:
        yield [{"call": {"name": tool["name"], "arguments": {}}, "count": 2}]


def _sensible(body: JSON) -> None:
    """Mend what is right by the document and can't be meant: what belongs together and doesn't fit, a bound below 1."""
    if isinstance(body.get("max_output_tokens"), int):
        body["max_output_tokens"] = 1 + abs(body["max_output_tokens"]) % 4096
    tools = body.get("tools") or []
    for tool in tools:
        tool["name"] = tool["name"] or "f"
    choice = body.get("tool_choice")
    if not tools and choice not in (None, "none", "auto"):
        body["tool_choice"] = "auto"
    elif isinstance(choice, dict):
        choice["name"] = tools[0]["name"]
    if isinstance(body["input"], list):
        body["input"] = [one for item in body["input"] for one in _paired(item)]


def _paired(item: JSON) -> Iterator[JSON]:
    """An item, with the call that it answers or the output that it wants."""
    kind = item.get("type")
    if kind not in ("function_call", "function_call_output"):
        yield item
        return
    item["call_id"] = call_id = item["call_id"] or "call_1"
    if kind == "function_call":
        yield item | {"name": item["name"] or "f"}
        yield {"type": "function_call_output", "call_id": call_id, "output": "ok"}
    else:
        yield {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"}
        yield item


def requests(mode: GenerationMode, model: str, most: int | None = None) -> st.SearchStrategy[Any]:
    """Cases of `POST /responses`. Nine of ten ask for `model`; `most` bounds the output of every one.

    Of those that are right by the document, every second one makes sense as well (`_sensible`); of those with a text
    for input, which any text may be, every second one says what the scripted model is to do.
    """
    operation = schemathesis.openapi.from_dict(document())["/responses"]["POST"]

    @st.composite
    def cases(draw: st.DrawFn) -> Any:
        # Before the case, which may use up all that is drawn from.
        served, sensible, scripted = draw(st.integers(0, 9)) < 9, draw(st.booleans()), draw(st.booleans())
        case = draw(operation.as_strategy(generation_mode=mode))
        body = case.body
        if not isinstance(body, dict):
            return case
        if served:
            body["model"] = model
        if most is not None:
            body["max_output_tokens"] = most
        if mode.is_positive and sensible:
            _sensible(body)
        if mode.is_positive and scripted and isinstance(body["input"], str):
            body["input"] = json.dumps(draw(st.sampled_from(list(_scripts(body)))))
        return case

    return cases()
