"""What an upstream refuses, and what the client is told of it: statuses, when to come again, and whose fault it was."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from antiphon.models.upstream import Kind
from tests.asgi import until
from tests.upstreams.behaviours import in_turn, refusing, speaking, stalling
from tests.upstreams.fake import faking
from tests.upstreams.front import end_of, front
from tests.upstreams.speech import SPEECH

pytestmark = pytest.mark.anyio

STREAMED = pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
KINDS = pytest.mark.parametrize("kind", ["chat", "responses"])


def openai(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | more}


def vllm(message: str) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}


def llama(message: str) -> dict[str, Any]:
    return {"error": {"code": 400, "message": message, "type": "exceed_context_size_error", "n_prompt_tokens": 5000}}


TOO_LONG: dict[str, tuple[int, Any]] = {
    "OpenAI": (
        400,
        openai(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 10000 tokens.",
            param="messages",
            code="context_length_exceeded",
        ),
    ),
    "OpenAI, Responses": (
        400,
        openai("Your input exceeds the context window of this model. Please adjust your input and try again."),
    ),
    "vLLM": (
        400,
        vllm(
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the "
            "messages, 1000 in the completion). Please reduce the length of the messages or completion."
        ),
    ),
    "vLLM, the prompt alone": (
        400,
        vllm("The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that …"),
    ),
    "vLLM, older": (
        400,
        vllm("The prompt (total length 5000) is too long to fit into the model (context length 4096)"),
    ),
    "vLLM, now": (
        400,
        openai(
            "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 4096 "
            "tokens and your request has 30 input tokens (4096 > 4096 - 30).",
            type="BadRequestError",
            code=400,
        ),
    ),
    "SGLang": (
        400,
        vllm("The input (5000 tokens) is longer than the model's context length (4096 tokens)."),
    ),
    "SGLang, with the completion": (
        400,
        vllm("Requested token count exceeds the model's maximum context length of 4096 tokens. You requested 5000."),
    ),
    "llama.cpp": (
        400,
        llama("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it"),
    ),
    "llama.cpp, older": (
        500,
        {"error": {"code": 500, "message": "the request exceeds the available context size", "type": "server_error"}},
    ),
    "Ollama": (400, {"error": {"message": "prompt too long; exceeded max context length by 17 tokens"}}),
    "Ollama, of an input": (400, {"error": "the input length exceeds the context length"}),
    "LiteLLM": (
        400,
        openai("litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - prompt", code="400"),
    ),
    "LM Studio": (
        400,
        {"error": "The number of tokens to keep from the initial prompt is greater than the context length."},
    ),
    "TGI": (
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096",
            "error_type": "validation",
        },
    ),
    "TGI, the prompt alone": (422, {"error": "Input validation error: `inputs` must have less than 1024 tokens."}),
    "Anthropic": (400, {"type": "error", "error": {"message": "prompt is too long: 208310 tokens > 200000 maximum"}}),
    "Anthropic, with the completion": (
        400,
        openai("input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000"),
    ),
    "Gemini": (
        400,
        [{"error": {"code": 400, "message": "The input token count (1200000) exceeds the maximum number of tokens"}}],
    ),
    "xAI": (
        400,
        {"code": "Client specified an invalid argument", "error": "This model's maximum prompt length is 131072"},
    ),
    "Mistral": (
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        },
    ),
    "Bedrock": (400, {"message": "Input is too long for requested model."}),
    "Groq": (400, openai("Please reduce the length of the messages.", code="context_length_exceeded")),
    "in plain text": (413, "the request exceeds the available context size"),
}


@STREAMED
@KINDS
@pytest.mark.parametrize(("status", "body"), TOO_LONG.values(), ids=TOO_LONG)
async def test_a_prompt_that_is_too_long_is_known_in_every_wording(
    status: int, body: Any, kind: Kind, *, streamed: bool
) -> None:
    async with faking(refusing(status, body)) as fake, front(fake.upstream(kind)) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        assert answer.error() == (400, "context_length_exceeded", "input")
        assert len(fake.asked) <= 2  # once more without a bound on the output, which may be what is too long


WRONG: dict[str, tuple[int, Any, tuple[int, str | None, str | None]]] = {
    "a value": (400, openai("bad", code="invalid_value", param="temperature"), (400, "invalid_value", "temperature")),
    "in our words": (400, openai("bad", param="messages"), (400, None, "input")),
    "a bound": (422, openai("too much", param="max_tokens"), (422, None, "max_output_tokens")),
    "FastAPI's": (
        422,
        {"detail": [{"loc": ["body", "top_p"], "msg": "too big", "type": "value_error"}]},
        (422, "value_error", "top_p"),
    ),
    "too large": (413, "<html>nginx</html>", (413, None, None)),
    "a number that says little": (400, vllm("bad"), (400, None, None)),
    "an unknown model": (404, openai("gone", code="model_not_found"), (404, "model_not_found", "model")),
}


@STREAMED
@KINDS
@pytest.mark.parametrize(("status", "body", "told"), WRONG.values(), ids=WRONG)
async def test_what_the_request_brought_about_is_told_in_its_own_words(
    status: int, body: Any, told: tuple[int, str | None, str | None], kind: Kind, *, streamed: bool
) -> None:
    async with faking(refusing(status, body)) as fake, front(fake.upstream(kind)) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        assert answer.error() == told
        assert len(fake.asked) == 1
    assert "<" not in answer.json()["error"]["message"]


async def test_what_the_request_brought_about_is_asked_of_no_other() -> None:
    async with (
        faking(refusing(400)) as first,
        faking(refusing(400)) as second,
        front(first.upstream(name="a"), second.upstream(name="b")) as rooms,
    ):
        assert (await rooms.create("hi", model="m")).status == 400
        assert len(first.asked) + len(second.asked) == 1


def in_seconds(seconds: float) -> str:
    """An HTTP date."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


LATER = {
    "seconds": {"retry_after": "17"},
    "milliseconds": {"retry_after_ms": "17000", "retry_after": "1"},
    "a date": {"retry_after": in_seconds(17 + 600)},
}


@STREAMED
@KINDS
@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
@pytest.mark.parametrize("form", LATER)
async def test_a_wait_that_is_too_long_here_reaches_the_client(
    form: str, status: int, kind: Kind, *, streamed: bool
) -> None:
    async with faking(refusing(status, **LATER[form])) as fake, front(fake.upstream(kind)) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        assert answer.status == status
        assert answer.json()["error"]["type"] == (
            "rate_limit_error" if status == 429 else "invalid_request_error" if status == 408 else "server_error"
        )
        assert len(fake.asked) <= 2  # of an answer in one piece that was too long a stream is tried at once
    waits = int(answer.headers["retry-after"])
    assert waits == 17 if form != "a date" else 0 < waits <= 617


@STREAMED
@KINDS
@pytest.mark.parametrize("headers", [{"retry_after_ms": "20"}, {"retry_after": "0"}, {"retry_after": in_seconds(-5)}])
async def test_a_wait_that_is_short_is_waited_for(headers: dict[str, str], kind: Kind, *, streamed: bool) -> None:
    behaviour = in_turn(refusing(429, **headers), speaking(SPEECH[kind]))
    async with faking(behaviour) as fake, front(fake.upstream(kind)) as rooms:
        end_of(await rooms.create("hi", model="m", stream=streamed), streamed=streamed)
        assert len(fake.asked) == 2


@STREAMED
async def test_who_asks_for_a_wait_is_passed_over_meanwhile(*, streamed: bool) -> None:
    async with (
        faking(refusing(429, retry_after="17")) as limited,
        faking(speaking(SPEECH["chat"])) as good,
        front(limited.upstream(name="a"), good.upstream(name="b")) as rooms,
    ):
        for number in range(6):
            end_of(await rooms.create(f"talk {number}", model="m", stream=streamed), streamed=streamed)
        assert (len(limited.asked), len(good.asked)) == (1, 6)


@STREAMED
async def test_log_probabilities_that_the_upstream_does_not_give_are_refused(*, streamed: bool) -> None:
    async with faking(speaking(SPEECH["chat"])) as fake, front(fake.upstream()) as rooms:
        wanted = {"top_logprobs": 2, "include": ["message.output_text.logprobs"]}
        answer = await rooms.create("hi", model="m", stream=streamed, **wanted)
        assert answer.error() == (400, "unsupported_parameter", "top_logprobs")
        assert len(fake.asked) == 1


@STREAMED
@KINDS
async def test_too_many_for_all_upstreams_are_refused(kind: Kind, *, streamed: bool) -> None:
    async with faking(stalling(SPEECH[kind], 0)) as fake, front(fake.upstream(kind, concurrency=1, queue=1)) as rooms:
        running, waiting = (rooms.creating("hi", model="m", stream=True) for _ in range(2))
        await until(lambda: fake.asked)
        answer = await rooms.create("hi", model="m", stream=streamed)
        assert answer.error() == (503, "overloaded", None)
        assert answer.headers["retry-after"] == "1"
        for one in (running, waiting):
            one.leave()
            await one.end()
