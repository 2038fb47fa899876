"""What shows that a model did what it was asked, ignored it and said so, or refused it (contracts §D).

Knows nothing of the rows of that table (`honours_rows`), nor of which kind of model is asked.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.asking import Answer, ask, create, refused
from tests.grammar import check_stream, parse_sse
from tests.models.test_llama_tools import fits
from tests.served import Server

Ask = dict[str, Any]
"""The fields of a request that ask for something; the rest of it is `BASE`."""

SCHEMA: Any = {
    "type": "object",
    "properties": {"word": {"enum": ["red", "green"]}},
    "required": ["word"],
    "additionalProperties": False,
}
"""Of the arguments of the function `tell`."""

BASE: Ask = {"input": "Say: la la la la.", "temperature": 0, "max_output_tokens": 8, "store": False}


@dataclass(frozen=True)
class Place:
    """A model behind a server."""

    server: Server
    model: str

    def answer(self, asked: Ask) -> Answer:
        return create(self.server, {"model": self.model} | BASE | asked)

    def say(self, asked: Ask) -> Any:
        """The response of a request that is done whole: nothing in it is ignored."""
        answer = self.answer(asked)
        assert (answer.status, answer.headers.get("x-ignored-parameters")) == (200, None), answer
        return answer.json()

    def text(self, asked: Ask) -> str:
        return text_of(self.say(asked))


def text_of(response: Any) -> str:
    messages = [item for item in response["output"] if item["type"] == "message"]
    return "".join(part["text"] for item in messages for part in item["content"])


def calls_of(response: Any) -> list[Any]:
    return [item for item in response["output"] if item["type"] not in ("message", "reasoning")]


Shown = Callable[[Place, Ask], None]
"""Asks, and sees that it was done."""


class Honoured:
    """It is done: the row's own look at the answer holds, and nothing is named."""


@dataclass(frozen=True)
class Named:
    """It is not done, and `x-ignored-parameters` says so."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Refused:
    """It is a 400."""

    code: str
    param: str


Verdict = Honoured | Named | Refused
"""What a kind of model does with a row."""


def judge(place: Place, row: "Row", verdict: Verdict) -> None:
    """See that a model does with a row what it is said to do."""
    match verdict:
        case Honoured():
            row.shows(place, row.asked)
        case Named(names=names):
            answer = place.answer(row.asked)
            assert answer.status == 200, answer
            assert answer.headers["x-ignored-parameters"].split(", ") == list(names)
            row.unheeded(answer.json())
        case Refused(code=code, param=param):
            assert refused(place.answer(row.asked)) == (400, code, param)


def nothing(_response: Any) -> None:
    """There is nothing to see but that it was answered."""


@dataclass(frozen=True)
class Row:
    """`unheeded` looks at an answer that ignored it."""

    asked: Ask
    shows: Shown
    unheeded: Callable[[Any], None] = nothing


# How a row is seen to be done.


def answered(place: Place, asked: Ask) -> None:
    assert place.say(asked)["status"] in ("completed", "incomplete")


def echoed(place: Place, asked: Ask) -> None:
    response = place.say(asked)
    for key, value in asked.items():
        assert response[key] == value


def greedy(place: Place, asked: Ask) -> None:
    """It makes even a hot model say the likeliest."""
    longer = {"max_output_tokens": 24}
    assert place.text(asked | longer) == place.text(longer) != ""


def temperature(place: Place, asked: Ask) -> None:
    assert place.text(asked) == place.text(asked)
    hot = {place.text(asked | {"temperature": 2, "max_output_tokens": 24}) for _ in range(3)}
    assert len(hot) > 1


def different(place: Place, asked: Ask) -> None:
    """It changes what is said."""
    longer = {"max_output_tokens": 40}
    assert place.text(asked | longer) != place.text(longer)


def cut(place: Place, asked: Ask) -> None:
    response = place.say(asked)
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert response["usage"]["output_tokens"] == asked["max_output_tokens"]


def logprobs(place: Place, asked: Ask) -> None:
    response = place.say(asked)
    told = response["output"][0]["content"][0]["logprobs"]
    assert "".join(entry["token"] for entry in told) == text_of(response) != ""
    assert {len(entry["top_logprobs"]) for entry in told} == {asked["top_logprobs"]}


def in_form(place: Place, asked: Ask) -> None:
    response = place.say(asked)
    assert response["status"] == "completed"
    assert fits(text_of(response), asked["text"]["format"].get("schema", {"type": "object"}))


def in_form_that_was_set(place: Place, asked: Ask) -> None:
    """The form holds for the response behind it, and for the one behind that."""
    schema = asked["input"][0]["text"]["format"]["schema"]
    first = place.say(asked | {"store": True})
    second = place.say(asked | {"input": "And now?", "previous_response_id": first["id"]})
    for response in (first, second):
        assert response["text"]["format"]["schema"] == schema
        assert fits(text_of(response), schema)


def an_object(place: Place, asked: Ask) -> None:
    response = place.say(asked)
    assert text_of(response).startswith("{")
    assert response["status"] == "incomplete" or isinstance(json.loads(text_of(response)), dict)


def thought(place: Place, asked: Ask) -> None:
    """More effort is more thought, before the answer; none is none. It is streamed, and counted."""
    tokens = []
    for effort in ("none", asked["reasoning"]["effort"], "high"):
        response = place.say(asked | {"reasoning": {"effort": effort}, "max_output_tokens": 40})
        assert [item["type"] for item in response["output"]] == ["reasoning", "message"][effort == "none" :]
        assert effort == "none" or response["output"][0]["content"][0]["text"]
        tokens.append(response["usage"]["output_tokens_details"]["reasoning_tokens"])
        assert tokens[-1] < response["usage"]["output_tokens"]
    assert tokens[0] == 0 and tokens == sorted(set(tokens))
    events = parse_sse(place.answer(asked | {"stream": True, "max_output_tokens": 12}).body)
    response = check_stream(events)
    told = "".join(event["delta"] for event in events if event["type"] == "response.reasoning_text.delta")
    assert told == response["output"][0]["content"][0]["text"] != ""


def called(*names: str) -> Shown:
    """It ends in calls, of these tools and no other, with arguments that fit their schema."""

    def shows(place: Place, asked: Ask) -> None:
        response = place.say(asked)
        calls = calls_of(response)
        assert calls and {call["name"] for call in calls} <= set(names) and not text_of(response)
        for call in calls:
            if call["status"] == "completed" and call["type"] == "function_call":
                assert fits(call["arguments"], SCHEMA if call["name"] == "tell" else {"type": "object"})

    return shows


def text_or_call(place: Place, asked: Ask) -> None:
    response = place.say(asked)
    assert bool(text_of(response)) != bool(calls_of(response))


def only_text(place: Place, asked: Ask) -> None:
    response = place.say(asked)
    assert text_of(response) and not calls_of(response)


def one_call(place: Place, asked: Ask) -> None:
    assert len(calls_of(place.say(asked))) == 1


def matching(text: str) -> Shown:
    """Its one call's input is that text, which is all that its grammar allows."""

    def shows(place: Place, asked: Ask) -> None:
        [call] = calls_of(place.say(asked))
        assert (call["type"], call["input"]) == ("custom_tool_call", text)

    return shows


def written(place: Place, asked: Ask) -> None:
    [call] = calls_of(place.say(asked))
    assert call["type"] == "custom_tool_call" and call["input"]


def its_own_item(place: Place, asked: Ask) -> None:
    """A tool that the client runs is called as what it is."""
    [call] = calls_of(place.say(asked))
    assert call["type"] == f"{asked['tools'][0]['type']}_call" and call["call_id"]


def in_namespace(place: Place, asked: Ask) -> None:
    [call] = calls_of(place.say(asked))
    assert (call["type"], call["namespace"], call["name"]) == ("function_call", "crm", "find")


def no_call(response: Any) -> None:
    assert not calls_of(response)


def read(place: Place, asked: Ask) -> None:
    """Its text reaches the model: there is more to read than without it."""
    without = {"input": [{"role": "user", "content": [asked["input"][0]["content"][0]]}]}
    more, less = (place.say(one)["usage"]["input_tokens"] for one in (asked, without))
    assert more > less + 20


def shortened(place: Place, asked: Ask) -> None:
    """What is too long for the model is shortened, and without being asked to it is refused."""
    words = "one two three four five six seven eight nine ten " * 1200
    long = {"input": [{"role": "user", "content": words}, {"role": "user", "content": "Hi"}], "max_output_tokens": 2}
    assert place.say(long | asked)["usage"]["input_tokens"] < 9000
    assert refused(place.answer(long))[1] == "context_length_exceeded"


def kept(place: Place, asked: Ask) -> None:
    made = place.say(asked)
    path = f"/v1/responses/{made['id']}"
    assert ask(place.server, "GET", path).json()["output"] == made["output"]
    forgotten = place.say({"store": False})
    assert ask(place.server, "GET", f"/v1/responses/{forgotten['id']}").status == 404


def in_background(place: Place, asked: Ask) -> None:
    made = place.say(asked)
    assert made["status"] == "queued"
    until = time.monotonic() + 60
    while (found := ask(place.server, "GET", f"/v1/responses/{made['id']}").json())["status"] in (
        "queued",
        "in_progress",
    ):
        assert time.monotonic() < until, "it never ended"
        time.sleep(0.05)
    assert text_of(found)


def of_a_prompt(place: Place, asked: Ask) -> None:
    """What the prompt says is read before the input."""
    brief = " Be brief and clear, and stay with what was asked." * 6  # longer than what a template says by itself
    body = json.dumps({"instructions": "Answer {{name}} kindly." + brief}).encode()
    prompt = ask(place.server, "POST", "/v1/prompts", body).json()
    named = {"prompt": {"id": prompt["id"], "variables": {"name": "Ada"}}}
    response = place.say(asked | named)
    assert response["instructions"] == "Answer Ada kindly." + brief
    assert response["usage"]["input_tokens"] > place.say(asked)["usage"]["input_tokens"] + 5


def in_conversation(place: Place, asked: Ask) -> None:
    conversation = ask(place.server, "POST", "/v1/conversations", b"{}").json()["id"]
    first = place.say(asked | {"conversation": conversation})
    second = place.say(asked | {"conversation": conversation})
    assert second["conversation"] == {"id": conversation}
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]


def continued(place: Place, asked: Ask) -> None:
    first = place.say({"store": True})
    second = place.say(asked | {"previous_response_id": first["id"]})
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]


def sealed(place: Place, asked: Ask) -> None:
    """It is legal wherever nothing is thought; what is not the standard's is refused."""
    answered(place, asked)
    assert refused(place.answer({"include": ["message.soul"]})) == (400, "invalid_value", "include[0]")


def from_cache(place: Place, asked: Ask) -> None:
    """The second time nearly nothing is read again."""
    for _ in range(2):
        response = place.say(asked)
    assert response["prompt_cache_key"] == asked["prompt_cache_key"]
    usage = response["usage"]
    assert usage["input_tokens_details"]["cached_tokens"] >= usage["input_tokens"] - 2 > 0


def ordinary(response: Any) -> None:
    assert response["service_tier"] == "default"


def padded(place: Place, asked: Ask) -> None:
    events = parse_sse(place.answer(asked).body)
    assert all(event["obfuscation"] for event in events if event["type"].endswith(".delta"))
    plain = parse_sse(place.answer({"stream": True}).body)
    assert not any("obfuscation" in event for event in plain)
