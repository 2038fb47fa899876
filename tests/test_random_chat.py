"""Random chat bodies: whatever comes in, what goes out is a completion, its chunks, or a refusal with its envelope."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.contract.contract import load
from tests.asking import Answer, ask, check_refusal
from tests.chat import check_chunk, check_completion, document, is_request, parsed
from tests.served import Server
from tests.test_random_input import ANYTHING, KEYS, LEAVES, patiently

FIELDS = sorted(
    load("openai").chat_schema["properties"].keys()
    | document()["components"]["schemas"]["CreateChatCompletionRequest"]["allOf"][1]["properties"].keys()
)
NAMES = st.sampled_from(["f", "g", ""])
_function = st.fixed_dictionaries({"name": NAMES, "arguments": st.sampled_from(["{}", "", "x"])})
_call = st.fixed_dictionaries(
    {"id": st.sampled_from(["call_1", "call_2"])},
    optional={
        "type": st.sampled_from(["function", "custom", None, "other"]),
        "function": _function,
        "custom": st.fixed_dictionaries({"name": NAMES, "input": st.text(max_size=3)}),
    },
)
_part = st.builds(
    lambda kind, more: {"type": kind, "text": "a", "refusal": "b"} | more,
    st.sampled_from(["text", "refusal", "image_url", "file", "input_audio"]),
    st.dictionaries(st.sampled_from(["image_url", "file", "text"]) | KEYS, ANYTHING, max_size=2),
)
_message = st.builds(
    lambda role, content, more: {"role": role, "content": content} | more,
    st.sampled_from(["user", "assistant", "system", "developer", "tool", "function", "wizard"]),
    st.none() | st.text(max_size=5) | st.lists(_part, max_size=2),
    st.fixed_dictionaries(
        {},
        optional={
            "tool_calls": st.none() | st.lists(_call, max_size=2),
            "tool_call_id": st.sampled_from(["call_1", "call_3", ""]),
            "name": NAMES,
            "refusal": st.none() | st.text(max_size=3),
            "reasoning_content": st.none() | st.text(max_size=3),
            "function_call": st.none() | _function,
        },
    ),
)
_named = st.sampled_from([{"type": kind, kind: {"name": "f"}} for kind in ("function", "custom")])
_right: dict[str, st.SearchStrategy[Any]] = {
    "stream": st.booleans(),
    "stream_options": st.fixed_dictionaries({}, optional={"include_usage": st.booleans()}),
    "max_tokens": st.integers(1, 9),
    "logprobs": st.booleans(),
    "top_logprobs": st.integers(0, 20),
    "tools": st.lists(_named, max_size=2),
    "tool_choice": st.sampled_from(["none", "auto", "required"])
    | _named
    | st.builds(lambda one: {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [one]}}, _named),
    "functions": st.just([{"name": "f"}]),
    "function_call": st.sampled_from(["none", "auto", {"name": "f"}]),
    "response_format": st.sampled_from(
        [{"type": "text"}, {"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "a"}}]
    ),
    "reasoning_effort": st.sampled_from(["none", "high"]),
    "stop": st.text(max_size=2) | st.lists(st.text(max_size=2), max_size=5),
    "metadata": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
}
_wrong = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), ANYTHING, max_size=2)
_said = st.lists(_message | LEAVES, min_size=1, max_size=3) | st.just([{"role": "user", "content": "a b"}])
BODIES = st.builds(
    lambda asked, more: asked | more,
    st.fixed_dictionaries({"model": st.just("scripted"), "messages": _said}, optional=_right),
    st.just({}) | _wrong,
)


def check(answer: Answer) -> None:
    """Hold an answer against what every answer must be."""
    if answer.status != 200:
        check_refusal(answer)
        return
    assert answer.headers["x-request-id"].startswith("req_")
    if answer.headers["content-type"].startswith("text/event-stream"):
        for chunk in parsed(answer.body):
            check_chunk(chunk)
    else:
        check_completion(answer.json())


@given(base=st.sampled_from(["/v1", "/infercom/v1"]), body=BODIES)
@settings(patiently, max_examples=200)
def test_bodies_that_are_nearly_chats(server: Server, base: str, body: Any) -> None:
    check(ask(server, "POST", f"{base}/chat/completions", json.dumps(body).encode()))


@given(body=ANYTHING)
@settings(patiently, max_examples=50)
def test_bodies_of_any_json(server: Server, body: Any) -> None:
    answer = ask(server, "POST", "/v1/chat/completions", json.dumps(body).encode())
    assert answer.status == 400
    check(answer)


def test_what_openai_takes_is_among_them() -> None:
    assert is_request({"model": "m", "messages": [{"role": "user", "content": "a"}]})
    assert not is_request({"model": "m", "messages": []})
