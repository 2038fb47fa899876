"""Chat Completions through the real `openai` client; and on the small real model."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.chat import check_chunk, check_completion, joined
from tests.clients.sdk import script
from tests.served import Server


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.url, api_key="any", max_retries=0) as client:
        yield client


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


def test_create(client: OpenAI) -> None:
    answer = client.chat.completions.with_raw_response.create(
        model="scripted",
        messages=[{"role": "system", "content": "Be kind."}, *user("Hello there!")],
        stop=["x"],
        logprobs=True,
        top_logprobs=1,
        metadata={"a": "b"},
    )
    check_completion(answer.http_response.json())
    assert answer.headers["x-ignored-parameters"] == "stop"
    whole = answer.parse()
    assert whole.id.startswith("chatcmpl-")
    (choice,) = whole.choices
    assert (choice.finish_reason, choice.message.role, choice.message.content) == ("stop", "assistant", "Hello there!")
    assert choice.logprobs is not None and choice.logprobs.content is not None
    assert [token.token for token in choice.logprobs.content] == ["Hello", " there!"]
    assert len(choice.logprobs.content[0].top_logprobs) == 1
    assert whole.usage is not None and whole.usage.prompt_tokens_details is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens) == (4, 2, 6)
    assert whole.metadata == {"a": "b"}


def test_stream(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="scripted", messages=user("one two three"), stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "one two three"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3
    sent = [chunk.to_dict(mode="json", exclude_unset=True) for chunk in chunks]
    for chunk in sent:
        check_chunk(chunk)
    check_completion(joined(sent))


def test_the_stream_helper_and_what_it_accumulates(client: OpenAI) -> None:
    steps = script({"text": "I look."}, {"call": {"name": "weather", "arguments": {"city": "Oslo"}}})
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    with client.chat.completions.stream(model="scripted", messages=user(steps), tools=tools) as stream:
        kinds = [event.type for event in stream]
        ended = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= set(kinds)
    assert "tool_calls.function.arguments.delta" in kinds and "tool_calls.function.arguments.done" in kinds
    message = ended.choices[0].message
    assert message.content == "I look."
    assert message.tool_calls is not None
    assert message.tool_calls[0].function.arguments == '{"city":"Oslo"}'
    assert ended.choices[0].finish_reason == "tool_calls"


def test_a_round_trip_of_tools(client: OpenAI) -> None:
    turns = json.dumps(
        {
            "turns": [
                [
                    {"reasoning": "Hm."},
                    {"call": {"name": "weather", "arguments": {"city": "Oslo"}}},
                    {"custom": {"name": "note", "input": "Oslo"}},
                ],
                [],
                [{"text": "Fair."}],
            ]
        }
    )
    tools: Any = [
        {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}, "strict": False}},
        {"type": "custom", "custom": {"name": "note"}},
    ]
    messages = user(turns)
    first = client.chat.completions.create(model="scripted", messages=messages, tools=tools)
    message = first.choices[0].message
    assert message.to_dict()["reasoning_content"] == "Hm."
    calls = message.tool_calls or []
    assert [call.type for call in calls] == ["function", "custom"]
    messages.append(message)  # as the guide does
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "fair"} for call in calls]
    second = client.chat.completions.create(model="scripted", messages=messages, tools=tools)
    assert second.choices[0].message.content == "Fair."


class Colour(BaseModel):
    name: Literal["red", "green"]


def test_parse(client: OpenAI) -> None:
    ended = client.chat.completions.parse(model="scripted", messages=user('{"name":"red"}'), response_format=Colour)
    assert ended.choices[0].message.parsed == Colour(name="red")


def test_functions_as_they_were_before_there_were_tools(client: OpenAI) -> None:
    steps = script({"call": {"name": "f", "arguments": {"a": 1}}})
    asked: Any = {"model": "scripted", "messages": user(steps), "functions": [{"name": "f", "parameters": {}}]}
    whole = client.chat.completions.create(**asked)
    call = whole.choices[0].message.function_call
    assert call is not None and (call.name, call.arguments) == ("f", '{"a":1}')
    answered: Any = [*user("Go on."), whole.choices[0].message, {"role": "function", "name": "f", "content": "fair"}]
    again = client.chat.completions.create(**asked | {"messages": answered})
    assert again.choices[0].message.content == "Go on."


def test_what_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="scripted", messages=user("a"), n=2)
    assert (caught.value.code, caught.value.param) == ("unsupported_value", "n")
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nobody", messages=user("a"))
    steps = script({"text": "a"}, {"fail": {"status": 500, "code": "model_error", "message": "It broke."}})
    with pytest.raises(openai.APIError, match="It broke"):
        list(client.chat.completions.create(model="scripted", messages=user(steps), stream=True))
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="scripted", messages=user(steps))


def test_a_strict_format_on_the_small_model(small_server: Server) -> None:
    """Streamed, so that what is held to the format is what goes out token by token."""
    asked: Any = {"model": small_server.model, "messages": user("Pick a colour."), "max_completion_tokens": 24}
    with (
        OpenAI(base_url=small_server.url, api_key="any", max_retries=0) as client,
        client.chat.completions.stream(response_format=Colour, **asked) as stream,
    ):
        ended = stream.get_final_completion()
    assert ended.choices[0].finish_reason == "stop"
    parsed = ended.choices[0].message.parsed
    assert parsed is not None and parsed.name in ("red", "green")


def test_what_the_small_model_can_not_do_is_named_as_it_was_asked(small_server: Server) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    unique = {"name": "unique", "strict": True, "schema": {"type": "array", "uniqueItems": True}}
    asked: list[tuple[Any, str]] = [
        ({"messages": [{"role": "user", "content": [picture]}]}, "messages[0].content[0]"),
        ({"response_format": {"type": "json_schema", "json_schema": unique}}, "response_format.json_schema.schema"),
    ]
    with OpenAI(base_url=small_server.url, api_key="any", max_retries=0) as client:
        for body, param in asked:
            with pytest.raises(openai.BadRequestError) as caught:
                client.chat.completions.create(**{"model": small_server.model, "messages": user("a")} | body)
            assert caught.value.param == param
        answer = client.chat.completions.with_raw_response.create(
            model=small_server.model, messages=user("a"), max_completion_tokens=1, verbosity="low"
        )
        assert answer.headers["x-ignored-parameters"] == "verbosity"
