"""What a model sees of a request."""

from antiphon.core.items import InputText, Item, Message
from antiphon.core.prompt import LOGPROBS, render
from antiphon.core.request import FunctionTool, ReasoningOptions, Request

ASKED = Message(role="user", content=[InputText("now")])
BEFORE = Message(role="user", content=[InputText("before")])


def test_instructions_then_what_is_seen() -> None:
    seen: list[Item] = [BEFORE, ASKED]
    prompt = render(Request(model="m", instructions="Be brief."), seen, max_output_tokens=10)
    assert prompt.items == [
        Message(role="system", content=[InputText("Be brief.")]),
        BEFORE,
        ASKED,
    ]
    assert seen == [BEFORE, ASKED]


def test_without_instructions_there_is_no_system_message() -> None:
    for instructions in (None, ""):
        request = Request(model="m", instructions=instructions, input=[ASKED])
        assert render(request, [ASKED], max_output_tokens=10).items == [ASKED]


def test_what_was_said_is_the_models_own() -> None:
    """Items of earlier turns of this response stand apart: the last may be open still."""
    said: list[Item] = [Message(role="assistant", status="in_progress")]
    prompt = render(Request(model="m"), [ASKED], max_output_tokens=10, said=said)
    assert (prompt.items, prompt.said) == ([ASKED], said)


def test_a_request_may_only_lower_the_bound() -> None:
    for asked, bound in ((None, 100), (7, 7), (100, 100), (101, 100)):
        request = Request(model="m", max_output_tokens=asked)
        assert render(request, [], max_output_tokens=100).sampling.max_output_tokens == bound


def test_what_was_not_asked_is_left_to_the_model() -> None:
    sampling = render(Request(model="m"), [], max_output_tokens=1).sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k) == (None, None, None)
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (None, None)


def test_logprobs_need_their_include() -> None:
    assert render(Request(model="m", top_logprobs=3), [], max_output_tokens=1).sampling.top_logprobs is None
    request = Request(model="m", top_logprobs=3, include=[LOGPROBS])
    assert render(request, [], max_output_tokens=1).sampling.top_logprobs == 3
    assert render(Request(model="m", include=[LOGPROBS]), [], max_output_tokens=1).sampling.top_logprobs == 0


def test_what_asks_something_of_the_model_reaches_it() -> None:
    tools = [FunctionTool(name="f")]
    request = Request(
        model="m",
        tools=tools,
        tool_choice="required",
        parallel_tool_calls=False,
        reasoning=ReasoningOptions(effort="high"),
        prompt_cache_key="key",
        temperature=0.0,
        top_k=1,
    )
    prompt = render(request, [], max_output_tokens=1)
    assert (prompt.model, prompt.tools, prompt.tool_choice) == ("m", tools, "required")
    assert (prompt.parallel_tool_calls, prompt.reasoning, prompt.cache_key) == (
        False,
        request.reasoning,
        "key",
    )
    assert (prompt.sampling.temperature, prompt.sampling.top_k) == (0.0, 1)
