import pytest

from antiphon.core.items import (
    CustomToolCall,
    CustomToolCallOutput,
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
from antiphon.core.offers import Choice, offers
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt, Sampling
from antiphon.core.request import CustomTool, FunctionTool, JsonObjectFormat, JsonSchemaFormat, Text
from antiphon.models.llama_frames import Said
from antiphon.models.llama_prompt import begun, called, messages

ASKED = [Message(role="user", content=[InputText("Is it cold?")])]
WEATHER = FunctionTool(
    name="get_weather",
    description="Look outside.",
    parameters={
        "type": "object",
        "properties": {"place": {"type": "string", "description": "A city."}, "unit": {"enum": ["c", "f"]}},
        "required": ["place"],
    },
)
GRAMMAR = {"type": "grammar", "syntax": "regex", "definition": "[0-9]+"}


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
    told = [Message(role="user"), Message(role="user", content=[InputText("Look:"), part])]
    with pytest.raises(Problem) as refused:
        messages(prompt(*told))
    assert (refused.value.status, refused.value.code) == (400, "unsupported_parameter")
    assert refused.value.param == "input[1].content[1]"
    with pytest.raises(Problem):
        messages(prompt(FunctionCallOutput(call_id="c", output=[part])))


def test_tools_stand_in_the_system_message_behind_the_instructions() -> None:
    asked = prompt(Message(role="system", content=[InputText("Be brief.")]), *ASKED)
    asked.offers = offers([WEATHER, CustomTool(name="sql", format=GRAMMAR)], [])
    asked.choice = Choice(mode="auto", names=frozenset({"sql"}))
    system, *rest = messages(asked)
    assert system.role == "system" and system.content.startswith("Be brief.\n\n")
    assert 'get_weather(place: string, unit?: "c" | "f"): Look outside.\n    place: A city.' in system.content
    assert "sql(text)" in system.content and "[0-9]+" in system.content
    assert rest[-1] == Said("user", "Is it cold?")
    assert "reply" in system.content and rest[1].content.startswith("reply\n")


def test_an_assistants_words_and_calls_look_as_the_model_writes_them() -> None:
    asked = prompt(
        *ASKED,
        FunctionCall(call_id="1", name="get_weather", arguments='{"place": "Rome"}'),
        CustomToolCall(call_id="2", name="sql", input="SELECT 1"),
        FunctionCallOutput(call_id="1", output="cold"),
        CustomToolCallOutput(call_id="2", output=[InputText("1")]),
        Message(role="assistant", content=[OutputText("Yes.")]),
    )
    asked.offers = offers([WEATHER], [])
    assert messages(asked)[-3:] == [
        Said("assistant", 'get_weather\n{"place": "Rome"}\nsql\nSELECT 1'),
        Said("user", "get_weather returned:\ncold\nsql returned:\n1"),
        Said("assistant", "reply\nYes."),
    ]


def test_calls_of_client_run_kinds_are_told_too() -> None:
    call = Passed({"type": "shell_call", "call_id": "1", "action": {"commands": ["ls"]}})
    gave = Passed({"type": "shell_call_output", "call_id": "1", "output": [{"stdout": "a.txt"}]})
    told = messages(prompt(*ASKED, call, gave))
    assert told[1] == Said("assistant", 'shell\n{"commands":["ls"]}') and "a.txt" in told[2].content


def test_the_form_of_the_text_is_told() -> None:
    asked = prompt(*ASKED)
    asked.text = Text(format=JsonSchemaFormat(name="n", schema={"type": "object", "title": "T"}, description="A thing"))
    system = messages(asked)[0]
    assert system.role == "system" and '"title":"T"' in system.content and "A thing" in system.content
    asked.text = Text(format=JsonObjectFormat())
    assert "JSON object" in messages(asked)[0].content


def test_an_answer_that_was_interrupted_behind_a_call_is_over() -> None:
    assert called(prompt(said=[FunctionCall(call_id="1", name="a")]))
    assert not called(prompt(said=[Message(role="assistant", status="in_progress")])) and not called(prompt())
