"""The real `openai` client against the real server (clients.md): what a person's program would notice."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response

from tests.clients.sdk import checked, script, told
from tests.grammar import check_response
from tests.openapi import check_resource
from tests.served import Server

pytestmark = pytest.mark.anyio


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
async def patient(server: Server) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def small(small_server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=small_server.url, api_key="any", max_retries=0) as client:
        yield client


def test_create(client: OpenAI) -> None:
    response = client.responses.create(model="scripted", input="Hello there, how are you?")
    assert response.output_text == "Hello there, how are you?"
    assert (response.status, response.model, response.object) == ("completed", "scripted", "response")
    assert response.id.startswith("resp_")
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (5, 5, 10)
    assert (response._request_id or "").startswith("req_")  # noqa: SLF001  the SDK's documented name for it
    check_response(told(response))
    check_resource(told(response))


def test_what_was_asked_is_echoed(client: OpenAI) -> None:
    response = client.responses.create(
        model="scripted",
        input="a",
        instructions="Be brief.",
        temperature=0.5,
        top_p=0.25,
        max_output_tokens=50,
        metadata={"a": "b"},
        user="someone",
        prompt_cache_key="key",
        safety_identifier="hash",
        extra_body={"presence_penalty": 1.5, "frequency_penalty": -1.5},
    )
    echoed = told(response)
    assert {
        "instructions": "Be brief.",
        "temperature": 0.5,
        "top_p": 0.25,
        "max_output_tokens": 50,
        "metadata": {"a": "b"},
        "user": "someone",
        "prompt_cache_key": "key",
        "safety_identifier": "hash",
        "presence_penalty": 1.5,
        "frequency_penalty": -1.5,
    }.items() <= echoed.items()
    check_resource(echoed)


def test_stream(client: OpenAI) -> None:
    with client.responses.create(model="scripted", input="one two three", stream=True) as stream:
        events = list(stream)
    final = checked(events)
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == ["one", " two", " three"]
    assert final["output"][0]["content"][0]["text"] == "one two three"


def test_streamed_or_not_it_is_the_same_answer(client: OpenAI) -> None:
    asked: dict[str, Any] = {"model": "scripted", "input": "one two three", "metadata": {"a": "b"}}
    whole = told(client.responses.create(**asked))
    with client.responses.create(**asked, stream=True) as stream:
        final = checked(list(stream))
    assert whole.keys() == final.keys()
    for response in (whole, final):
        for key in ("id", "created_at", "completed_at"):
            response.pop(key)
        response["output"][0].pop("id")
    assert whole == final


def test_the_stream_helper(client: OpenAI) -> None:
    with client.responses.stream(model="scripted", input="one two three") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == "one two three"
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert "response.output_text.delta" in kinds


async def test_the_async_client(patient: AsyncOpenAI) -> None:
    response = await patient.responses.create(model="scripted", input="one two")
    assert response.output_text == "one two"
    async with await patient.responses.create(model="scripted", input="one two", stream=True) as stream:
        checked([event async for event in stream])
    async with patient.responses.stream(model="scripted", input="one two") as helper:
        async for _ in helper:
            pass
        assert (await helper.get_final_response()).output_text == "one two"


def test_three_turns_with_the_history_sent_again(client: OpenAI) -> None:
    """The items of an answer go back as they came, ids and all; as the SDK dumps them, nulls and all."""
    history: list[Any] = []
    seen: list[int] = []
    for turn in range(3):
        history.append({"role": "user", "content": f"this is turn {turn}"})
        response = client.responses.create(model="scripted", input=history)
        assert response.output_text == f"this is turn {turn}"
        assert response.usage is not None
        seen.append(response.usage.input_tokens)
        history += [item.model_dump() for item in response.output] if turn else response.output
    assert seen == [4, 12, 20]


def test_assistant_history_in_its_other_shapes(client: OpenAI) -> None:
    history: list[Any] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"role": "assistant", "content": "as text"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "as a bare part"}]},
        {"type": "message", "role": "assistant", "phase": "commentary", "content": "with a phase"},
        {"role": "user", "content": "b"},
    ]
    assert client.responses.create(model="scripted", input=history).output_text == "b"


def test_a_limit_cuts_the_answer(client: OpenAI) -> None:
    response = client.responses.create(model="scripted", input="one two three four", max_output_tokens=2)
    assert (response.status, response.output_text) == ("incomplete", "one two")
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.usage is not None and response.usage.output_tokens == 2
    assert told(response.output[0])["status"] == "incomplete"
    check_response(told(response))
    with client.responses.create(
        model="scripted", input="one two three four", max_output_tokens=2, stream=True
    ) as stream:
        events = list(stream)
    assert events[-1].type == "response.incomplete"
    assert checked(events)["status"] == "incomplete"


def test_reasoning_comes_before_the_text(client: OpenAI) -> None:
    asked = script({"reasoning": "let me think"}, {"summary": "I thought"}, {"text": "done"})
    with client.responses.stream(model="scripted", input=asked) as stream:
        thoughts = [event.delta for event in stream if event.type == "response.reasoning_text.delta"]
        final = stream.get_final_response()
    assert thoughts == ["let", " me", " think"]
    assert [item.type for item in final.output] == ["reasoning", "reasoning", "message"]
    assert final.usage is not None and final.usage.output_tokens_details.reasoning_tokens == 3


def test_logprobs(client: OpenAI) -> None:
    response = client.responses.create(
        model="scripted", input="one two", top_logprobs=1, include=["message.output_text.logprobs"]
    )
    part = told(response.output[0])["content"][0]
    assert [word["token"] for word in part["logprobs"]] == ["one", " two"]
    assert all(len(word["top_logprobs"]) == 1 for word in part["logprobs"])
    check_resource(told(response))
    assert told(client.responses.create(model="scripted", input="one"))["output"][0]["content"][0]["logprobs"] == []


def test_text_that_breaks_lines(client: OpenAI) -> None:
    """Readers built on `str.splitlines` would break at these (clients §13)."""
    text = "a\u2028b\u2029c\x85d\r\ne\vf\x1cg 🦆"
    with client.responses.stream(model="scripted", input=text) as stream:
        assert stream.until_done().get_final_response().output_text == text


def test_retrieve(client: OpenAI) -> None:
    response = client.responses.create(model="scripted", input="one two")
    again = client.responses.retrieve(response.id)
    assert told(again) == told(response)


def test_what_was_not_to_be_stored_is_not_there(client: OpenAI) -> None:
    response = client.responses.create(model="scripted", input="one two", store=False)
    assert response.output_text == "one two"
    assert told(response)["store"] is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


def test_models(client: OpenAI) -> None:
    listed = client.models.list()
    assert [model.id for model in listed.data] == ["scripted"]
    model = client.models.retrieve("scripted")
    assert (model.id, model.object) == ("scripted", "model")
    assert isinstance(model.created, int) and model.owned_by


def refusal(error: openai.APIStatusError) -> tuple[Any, ...]:
    """What a program can know of a refusal; its message and request id must be there."""
    assert error.message
    assert error.request_id is not None and error.request_id.startswith("req_")
    assert isinstance(error.body, dict) and set(error.body) == {"message", "type", "param", "code"}
    return error.status_code, error.type, error.code, error.param


def test_a_value_out_of_range(client: OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="scripted", input="a", temperature=3, stream=stream)
        assert refusal(caught.value) == (400, "invalid_request_error", "decimal_above_max_value", "temperature")


def test_a_value_of_the_wrong_type(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="scripted", input=[{"role": "user", "content": 7}])  # type: ignore[list-item]  # the fault
    assert refusal(caught.value) == (400, "invalid_request_error", "invalid_type", "input[0].content")


def test_no_input(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="scripted")
    assert refusal(caught.value) == (400, "invalid_request_error", "missing_required_parameter", "input")


def test_an_unknown_model(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="nobody", input="a")
    assert refusal(caught.value) == (404, "invalid_request_error", "model_not_found", "model")
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobody")
    assert refusal(caught.value)[:3] == (404, "invalid_request_error", "model_not_found")


def test_an_unknown_response(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.retrieve("resp_nothing")
    assert refusal(caught.value) == (404, "invalid_request_error", None, None)
    assert "resp_nothing" in caught.value.message


def test_a_body_that_is_too_large(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.responses.create(model="scripted", input=[{"role": "user", "content": "a" * 2**20}] * 65)
    assert refusal(caught.value) == (413, "invalid_request_error", "request_too_large", None)


def test_a_body_of_another_type(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.responses.create(model="scripted", input="a", extra_headers={"Content-Type": "text/plain"})
    assert refusal(caught.value) == (415, "invalid_request_error", "unsupported_media_type", None)


def test_a_model_that_refuses(client: OpenAI) -> None:
    """Before the first event a fault is the answer's status, streamed or not."""
    for status, kind in ((503, openai.InternalServerError), (429, openai.RateLimitError)):
        asked = script({"fail": {"status": status, "code": "overloaded", "message": "Later."}})
        for stream in (False, True):
            with pytest.raises(kind) as caught:
                client.responses.create(model="scripted", input=asked, stream=stream)
            assert refusal(caught.value)[2] == "overloaded"


def test_a_model_that_breaks_in_the_middle(client: OpenAI) -> None:
    asked = script({"text": "half an"}, {"fail": {"status": 500, "code": "server_error", "message": "It broke."}})
    response = client.responses.create(model="scripted", input=asked)
    assert response.status == "failed"
    assert response.error is not None and response.error.message == "It broke."
    assert response.output_text == "half an"
    with client.responses.create(model="scripted", input=asked, stream=True) as stream:
        events = list(stream)
    assert events[-1].type == "response.failed"
    assert checked(events)["error"] == {"code": "server_error", "message": "It broke."}


def test_a_model_that_crashes_says_nothing_of_how(client: OpenAI) -> None:
    with client.responses.create(
        model="scripted", input=script({"text": "half"}, {"crash": True}), stream=True
    ) as stream:
        final = checked(list(stream))
    assert final["status"] == "failed"
    assert final["error"]["code"] == "server_error"
    assert "crash" not in final["error"]["message"]


def test_a_reader_that_leaves_ends_what_it_read(client: OpenAI) -> None:
    asked = script({"text": "word ", "count": 10_000, "delay": 0.02})
    name = ""
    with client.responses.create(model="scripted", input=asked, stream=True) as stream:
        for event in stream:
            if event.type == "response.created":
                name = event.response.id
            elif event.type == "response.output_text.delta":
                break
    assert client.responses.create(model="scripted", input="still here").output_text == "still here"
    for _ in range(500):  # the server notices soon, not at once
        response = client.responses.retrieve(name)
        if response.status != "in_progress":
            break
        time.sleep(0.02)
    assert response.status == "cancelled"
    assert told(response.output[0])["status"] == "incomplete"
    check_response(told(response))


def test_the_small_model_answers(small: OpenAI, small_server: Server) -> None:
    response = small.responses.create(model=small_server.model, input="Say hello.", max_output_tokens=24)
    assert response.output_text
    assert response.status in ("completed", "incomplete")
    assert response.usage is not None and 0 < response.usage.output_tokens <= 24
    check_resource(told(response))
    check_response(told(response))


def test_the_small_model_streams(small: OpenAI, small_server: Server) -> None:
    with small.responses.create(
        model=small_server.model, input="Count to ten.", max_output_tokens=24, stream=True
    ) as stream:
        events = list(stream)
    final = checked(events)
    assert sum(event.type == "response.output_text.delta" for event in events) > 1
    assert final["usage"]["output_tokens"] <= 24


def test_the_small_model_is_cut_where_the_limit_is(small: OpenAI, small_server: Server) -> None:
    response = small.responses.create(model=small_server.model, input="Write a long story.", max_output_tokens=16)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.usage is not None and response.usage.output_tokens == 16


def test_the_small_model_reads_its_own_history(small: OpenAI, small_server: Server) -> None:
    """The second turn finds the first in the cache (`cached_tokens`)."""
    asked: list[Any] = [{"role": "user", "content": "My name is Ada, and I like ducks and old machines."}]
    first = small.responses.create(model=small_server.model, input=asked, max_output_tokens=16)
    asked += [*first.output, {"role": "user", "content": "What do I like?"}]
    second: Response = small.responses.create(model=small_server.model, input=asked, max_output_tokens=16)
    assert first.usage is not None and second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    assert second.usage.input_tokens_details.cached_tokens >= first.usage.input_tokens // 2
