"""Chat places: a fault is named as the body does that the client wrote."""

import pytest

from antiphon.contract.chat_places import Places, Spot
from antiphon.core.problems import BadQuery, Problem

PLACES = Places(
    [
        Spot("messages[0]"),
        Spot("messages[1].tool_calls[0]", {".arguments": ".function.arguments"}),
        Spot("messages[2]", {".output": ".content"}),
    ],
    [Spot("tools[0]", {".type": ".type", "": ".function"}), Spot("functions[0]")],
    {"max_output_tokens": "max_tokens", "tool_choice": "function_call"},
)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("input", "messages"),
        ("input[0].content[1].text", "messages[0].content[1].text"),
        ("input[1].arguments", "messages[1].tool_calls[0].function.arguments"),
        ("input[1]", "messages[1].tool_calls[0]"),
        ("input[2].output[0].image_url", "messages[2].content[0].image_url.url"),
        ("input[0].content[3].detail", "messages[0].content[3].image_url.detail"),
        ("input[0].content[3].file_id", "messages[0].content[3].file.file_id"),
        ("input[2].outputs", "messages[2].outputs"),
        ("input[3].content", "messages[3].content"),
        ("tools", "tools"),
        ("tools[0]", "tools[0]"),
        ("tools[0].type", "tools[0].type"),
        ("tools[0].parameters#/properties/a", "tools[0].function.parameters#/properties/a"),
        ("tools[1].parameters", "functions[0].parameters"),
        ("text.format", "response_format"),
        ("text.format.type", "response_format.type"),
        ("text.format.schema#/properties/a", "response_format.json_schema.schema#/properties/a"),
        ("text.verbosity", "verbosity"),
        ("reasoning.effort", "reasoning_effort"),
        ("max_output_tokens", "max_tokens"),
        ("tool_choice.name", "function_call.name"),
        ("include", "logprobs"),
        ("temperature", "temperature"),
        ("and-3-more", "and-3-more"),
    ],
)
def test_names(path: str, told: str) -> None:
    assert PLACES.name(path) == told


def test_a_problem_is_told_by_them() -> None:
    with pytest.raises(Problem) as found, PLACES.told():
        raise Problem(400, "invalid_value", "Invalid value for 'input[2].output'.", param="input[2].output")
    assert found.value.param == "messages[2].content"
    assert found.value.message == "Invalid value for 'messages[2].content'."


def test_what_is_not_of_the_body_stays() -> None:
    with pytest.raises(BadQuery) as found, PLACES.told():
        raise BadQuery("No.", "input")
    assert found.value.param == "input"
    with pytest.raises(Problem) as other, PLACES.told():
        raise Problem(503, "overloaded", "Wait.")
    assert other.value.param is None
