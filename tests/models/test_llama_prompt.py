import pytest

from antiphon.core.items import (
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Passed,
    Reasoning,
    ReasoningText,
)
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt, Sampling
from antiphon.core.request import ReasoningOptions, Request, Text
from antiphon.models.llama_frames import Said
from antiphon.models.llama_prompt import begun, ignored, messages


def prompt(*items: Item, said: list[Item] | None = None) -> Prompt:
    return Prompt(model="m", items=list(items), said=said or [], sampling=Sampling(max_output_tokens=9))


def test_every_role_has_its_place_and_thought_is_left_out() -> None:
    assert messages(
        prompt(
            Message(role="developer", content=[InputText("Be brief.")]),
            Message(role="user", content=[InputText("One."), InputText("Two.")]),
            Reasoning(content=[ReasoningText("secret")]),
            Passed({"type": "web_search_call"}),
            Message(role="assistant", content=[OutputText("Three.")]),
        )
    ) == [Said("system", "Be brief."), Said("user", "One.\nTwo."), Said("assistant", "Three.")]


def test_calls_and_their_outputs_are_told_as_text() -> None:
    call, output = messages(
        prompt(
            FunctionCall(call_id="c", name="weather", arguments='{"city":"Paris"}'),
            FunctionCallOutput(call_id="c", output="18 degrees"),
        )
    )
    assert call.role == "assistant" and "weather" in call.content and '{"city":"Paris"}' in call.content
    assert output.role == "user" and "weather" in output.content and "18 degrees" in output.content


def test_an_answer_that_was_interrupted_is_begun_not_told() -> None:
    half = prompt(
        Message(role="user", content=[InputText("Go.")]),
        said=[
            Message(role="assistant", content=[OutputText("Whole.")]),
            Message(role="assistant", status="in_progress", content=[OutputText("Ha")]),
        ],
    )
    assert messages(half)[1:] == [Said("assistant", "Whole.")]
    assert begun(half) == "Ha"


@pytest.mark.parametrize("part", [InputImage(image_url="https://example.com/a.png"), InputFile(file_id="file_1")])
def test_what_it_cannot_see_is_refused_with_its_place(part: InputImage | InputFile) -> None:
    item = Message(role="user", content=[InputText("Look:"), part])
    with pytest.raises(Problem) as refused:
        ignored(Request(model="m", input=[Message(role="user"), item]))
    assert (refused.value.status, refused.value.code) == (400, "unsupported_parameter")
    assert refused.value.param == "input[1].content[1]"
    with pytest.raises(Problem):
        messages(prompt(item))
    with pytest.raises(Problem):
        messages(prompt(FunctionCallOutput(call_id="c", output=[part])))


def test_what_is_asked_for_and_ignored_is_named() -> None:
    request = Request(
        model="m",
        reasoning=ReasoningOptions(effort="high", summary="auto"),
        text=Text(verbosity="low"),
        service_tier="priority",
        top_k=5,
    )
    assert ignored(request) == ["reasoning.effort", "reasoning.summary", "text.verbosity", "service_tier"]
    assert ignored(Request(model="m", service_tier="auto", text=Text(verbosity="medium"))) == []
