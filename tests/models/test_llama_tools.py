"""The small model held to schemas, signatures and grammars: what is complete is valid, whatever it says.

Thirty random ones of each run with the other tests, a thousand (or as many as ANTIPHON_SOAK_EXAMPLES says) with
`make soak PART=schemas`, and `unenforceable`, `signatures` and `grammars`.
"""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.core.calls import Translator
from antiphon.core.deltas import (
    CallBegun,
    CallDelta,
    CustomBegun,
    CustomDelta,
    Delta,
    ItemDelta,
    Stop,
    TextDelta,
    UsageDelta,
)
from antiphon.core.items import (
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    OutputText,
    Passed,
)
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt, render
from antiphon.core.request import (
    Format,
    JsonObjectFormat,
    JsonSchemaFormat,
    Request,
    Text,
    TextFormat,
    tool_choice_from_json,
    tool_from_json,
)
from antiphon.core.signals import Signal
from antiphon.models import catalogue
from antiphon.models.llama import LlamaModel, LlamaOptions
from antiphon.settings import data_folder
from tests.models import grammars, schemas
from tests.models.llama_talk import all_of
from tests.served import ENGINE_THREADS

pytestmark = pytest.mark.anyio

SOAK = int(os.environ.get("ANTIPHON_SOAK_EXAMPLES", "1000"))
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather at a place.",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "maxLength": 20}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["location", "unit"],
        "additionalProperties": False,
    },
    "strict": True,
}
CLOCK: Any = {"type": "function", "name": "get_time", "description": "Get the time."}


@pytest.fixture
def default_model(models_folder: Path) -> Path:
    """The default model's file, where it has been fetched."""
    default = catalogue.find(catalogue.load().default)
    assert default is not None
    for folder in (models_folder, catalogue.folder(data_folder())):
        if (found := catalogue.locate_entry(default, folder)) is not None:
            return found
    pytest.skip("the default model has not been fetched; `make soak` fetches it")


def silent(signal: Signal) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
async def model(small_model: Path) -> AsyncIterator[LlamaModel]:
    model = LlamaModel(
        "small",
        small_model,
        LlamaOptions(threads=ENGINE_THREADS, context=4096, slots=1, niceness=0, load_seconds=120),
        silent,
    )
    await model.start()
    try:
        yield model
    finally:
        await model.stop()


def user(text: str) -> Message:
    return Message(role="user", content=[InputText(text)])


def asked(
    *items: Item,
    tools: list[Any] | None = None,
    choice: Any = "auto",
    parallel: bool = True,
    form: Format | None = None,
    temperature: float = 1.0,
) -> Request:
    return Request(
        model="small",
        input=list(items),
        tools=[tool_from_json(tool) for tool in tools or []],
        tool_choice=tool_choice_from_json(choice),
        parallel_tool_calls=parallel,
        text=Text(format=form or TextFormat()),
        temperature=temperature,
    )


def rendered(request: Request, bound: int) -> Prompt:
    return render(request, request.input, max_output_tokens=bound)


class Answer:
    """What was said: text, calls by name with their JSON or plain input, and why it stopped."""

    def __init__(self, deltas: list[Delta]) -> None:
        self.text = ""
        self.calls: list[tuple[str, str]] = []
        self.items: list[Item] = []
        self.reason = ""
        for delta in deltas:
            match delta:
                case TextDelta(text=text):
                    self.text += text
                case CallBegun(name=name) | CustomBegun(name=name):
                    self.calls.append((name, ""))
                case CallDelta(text=text) | CustomDelta(text=text):
                    self.calls[-1] = self.calls[-1][0], self.calls[-1][1] + text
                case ItemDelta(item=item):
                    self.items.append(item)
                case Stop(reason=reason):
                    self.reason = reason
                case UsageDelta(output_tokens=tokens):
                    assert tokens > 0
                case _:
                    raise AssertionError(f"nothing that a model without thought says: {delta!r}")

    @property
    def whole(self) -> bool:
        return self.reason == "stop"


async def answer(model: LlamaModel, request: Request, bound: int = 40) -> Answer:
    model.check(request)
    prompt = rendered(request, bound)
    translator = Translator(prompt.offers, None if request.parallel_tool_calls else 1)
    found = translator.feed(await all_of(await model.open(prompt)))
    return Answer([*found, *translator.finish()])


def fits(text: str, schema: Any) -> bool:
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    return bool(validator.is_valid(json.loads(text)))


async def whole_answers_fit(model: LlamaModel, schema: Any) -> None:
    form = JsonSchemaFormat(name="thing", schema=schema, strict=True)
    said = await answer(model, asked(user("Make one up."), form=form))
    assert not said.calls and said.reason in {"stop", "length"}
    assert said.reason == "length" or fits(said.text, schema), said.text


async def unenforceable_ones_are_refused(model: LlamaModel, schema: Any) -> None:
    """Under `strict`; without it they are named, and what is whole is JSON."""
    form = JsonSchemaFormat(name="thing", schema=schema, strict=True)
    with pytest.raises(Problem) as refused:
        model.check(asked(user("Make one up."), form=form))
    assert (refused.value.code, refused.value.param) == ("invalid_json_schema", "text.format.schema")
    loose = asked(user("Make one up."), form=JsonSchemaFormat(name="thing", schema=schema))
    names = model.check(loose)
    assert names and all(name.startswith("text.format.schema#/") for name in names)
    said = await answer(model, loose, bound=12)
    assert not said.whole or json.loads(said.text) is not ...


async def required_calls_fit(model: LlamaModel, signatures: list[Any], parallel: bool) -> None:  # noqa: FBT001  # drawn
    tools = [
        {"type": "function", "name": f"f{number}", "parameters": schema, "strict": True}
        for number, schema in enumerate(signatures)
    ]
    said = await answer(model, asked(user("Do something."), tools=tools, choice="required", parallel=parallel))
    assert said.text == "" and (said.calls or not said.whole)
    assert parallel or len(said.calls) <= 1
    for name, given_ in said.calls if said.whole else said.calls[:-1]:
        assert fits(given_, signatures[int(name[1:])]), given_


SIGNATURES = st.lists(schemas.signatures, min_size=1, max_size=2)


@settings(max_examples=30)
@given(schema=schemas.schemas)
async def test_whole_answers_fit_their_schemas(model: LlamaModel, schema: Any) -> None:
    await whole_answers_fit(model, schema)


@pytest.mark.parametrize("schema", schemas.EDGES)
async def test_the_engine_knows_all_that_is_given_to_it(model: LlamaModel, schema: Any) -> None:
    """It says nothing where it does not, and leaves the text free."""
    form = JsonSchemaFormat(name="thing", schema=schema, strict=True)
    await all_of(await model.open(rendered(asked(form=form), 4)))


@settings(max_examples=30)
@given(schema=schemas.unenforceable())
async def test_unenforceable_schemas_are_refused(model: LlamaModel, schema: Any) -> None:
    await unenforceable_ones_are_refused(model, schema)


@settings(max_examples=30)
@given(signatures=SIGNATURES, parallel=st.booleans())
async def test_required_calls_fit_their_schemas(model: LlamaModel, signatures: list[Any], parallel: bool) -> None:  # noqa: FBT001  # drawn
    await required_calls_fit(model, signatures, parallel)


@pytest.mark.soak
@settings(max_examples=SOAK)
@given(schema=schemas.schemas)
async def test_a_thousand_schemas(model: LlamaModel, schema: Any) -> None:
    await whole_answers_fit(model, schema)


@pytest.mark.soak
@settings(max_examples=SOAK)
@given(schema=schemas.unenforceable())
async def test_a_thousand_unenforceable(model: LlamaModel, schema: Any) -> None:
    await unenforceable_ones_are_refused(model, schema)


@pytest.mark.soak
@settings(max_examples=SOAK)
@given(signatures=SIGNATURES, parallel=st.booleans())
async def test_a_thousand_signatures(model: LlamaModel, signatures: list[Any], parallel: bool) -> None:  # noqa: FBT001  # drawn
    await required_calls_fit(model, signatures, parallel)


WRITE: Any = {"type": "custom", "name": "write"}


async def custom_calls_match(model: LlamaModel, case: grammars.Case, choice: Any) -> Answer:
    syntax, definition, holds = case
    form = {"type": "grammar", "syntax": syntax, "definition": definition}
    tool = {"type": "custom", "name": "write", "format": form}
    other = {"type": "custom", "name": "other", "format": {"type": "grammar", "syntax": "regex", "definition": "x"}}
    tools = [tool] if choice == WRITE else [tool, other, CLOCK]  # a prompt as short as it can be, since it is read
    said = await answer(model, asked(user("Write it."), tools=tools, choice=choice), bound=24)
    assert choice == "auto" or said.calls or not said.whole
    for name, text in said.calls:
        assert name != "write" or not said.whole or holds(text), text
    return said


@pytest.mark.parametrize("case", grammars.KNOWN)
async def test_custom_tools_are_held_to_their_grammars(model: LlamaModel, case: grammars.Case) -> None:
    said = await custom_calls_match(model, case, WRITE)
    assert [name for name, _ in said.calls] == ["write"]


CHOICES = st.sampled_from([WRITE, WRITE, WRITE, WRITE, "required", "auto"])


@settings(max_examples=30)
@given(case=grammars.cases(), choice=CHOICES)
async def test_custom_tools_are_held_to_any_grammar(model: LlamaModel, case: grammars.Case, choice: Any) -> None:
    await custom_calls_match(model, case, choice)


@pytest.mark.soak
@settings(max_examples=SOAK)
@given(case=grammars.cases(), choice=CHOICES)
async def test_a_thousand_grammars(model: LlamaModel, case: grammars.Case, choice: Any) -> None:
    await custom_calls_match(model, case, choice)


async def test_auto_says_text_or_calls_and_nothing_else(model: LlamaModel) -> None:
    for question in ("Hello!", "What's the weather in Paris?", "Write a haiku.", "What time is it?"):
        said = await answer(model, asked(user(question), tools=[WEATHER, CLOCK]))
        assert bool(said.text) != bool(said.calls)
        for name, given_ in said.calls if said.whole else said.calls[:-1]:
            assert fits(given_, WEATHER["parameters"] if name == "get_weather" else {"type": "object"})


async def test_none_and_an_empty_choice_only_reply(model: LlamaModel) -> None:
    hosted = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}
    for choice in ("none", hosted):
        said = await answer(model, asked(user("Weather in Rome?"), tools=[WEATHER], choice=choice), bound=8)
        assert said.text and not said.calls


async def test_allowed_tools_are_a_hard_bound(model: LlamaModel) -> None:
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_time"}]}
    said = await answer(model, asked(user("Weather in Rome?"), tools=[WEATHER, CLOCK], choice=allowed))
    assert said.calls and {name for name, _ in said.calls} == {"get_time"}


async def test_a_forced_function_is_called_once(model: LlamaModel) -> None:
    forced = {"type": "function", "name": "get_weather"}
    said = await answer(model, asked(user("Weather in Rome?"), tools=[CLOCK, WEATHER], choice=forced))
    assert [name for name, _ in said.calls] == ["get_weather"] and fits(said.calls[0][1], WEATHER["parameters"])


async def test_arguments_that_a_limit_cuts_stay_as_far_as_they_came(model: LlamaModel) -> None:
    forced = {"type": "function", "name": "get_weather"}
    request = asked(user("Weather in Rome?"), tools=[WEATHER], choice=forced, temperature=0)
    whole = (await answer(model, request)).calls[0][1]
    cut = await answer(model, request, bound=4)
    assert cut.reason == "length" and whole.startswith(cut.calls[0][1]) and whole != cut.calls[0][1] != ""


async def test_json_that_is_told_with_tools_beside_it(model: LlamaModel) -> None:
    form = JsonSchemaFormat(name="n", schema={"type": "object", "properties": {"n": {"type": "integer"}}})
    said = await answer(model, asked(user("How many?"), tools=[WEATHER], choice="none", form=form))
    assert said.reason == "length" or fits(said.text, form.schema)
    said = await answer(model, asked(user("Give me JSON."), form=JsonObjectFormat()), bound=40)
    assert said.text.startswith("{") and (not said.whole or isinstance(json.loads(said.text), dict))


async def test_tools_that_the_client_runs_are_given_back_as_their_own_items(model: LlamaModel) -> None:
    request = asked(user("List the files."), tools=[{"type": "apply_patch"}], choice={"type": "apply_patch"})
    said = await answer(model, request, bound=200)
    assert said.reason == "length" or [item.type for item in said.items if isinstance(item, Passed)] == [
        "apply_patch_call"
    ]


async def test_an_answer_in_text_goes_on_as_text_and_json_does_not(model: LlamaModel) -> None:
    half = Message(role="assistant", status="in_progress", content=[OutputText("It is warm in")])
    prompt = rendered(asked(user("Weather in Rome?"), tools=[WEATHER]), 24)
    prompt.said = [half]
    said = Answer(await all_of(await model.open(prompt)))
    assert said.text and not said.calls
    prompt = rendered(asked(user("JSON."), form=JsonObjectFormat()), 24)
    prompt.said = [half]
    with pytest.raises(Problem) as interrupted:
        await model.open(prompt)
    assert (interrupted.value.status, interrupted.value.code) == (500, "interrupted")


async def test_a_turn_that_was_interrupted_behind_its_call_is_over(model: LlamaModel) -> None:
    prompt = rendered(asked(user("Weather in Rome?"), tools=[WEATHER]), 24)
    prompt.said = [FunctionCall(call_id="1", name="get_weather", arguments="{}")]
    usage, stop = await all_of(await model.open(prompt))
    assert isinstance(usage, UsageDelta) and stop == Stop("stop")


async def test_what_a_history_brought_is_refused_too(model: LlamaModel) -> None:
    tool = {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "start: a"}}
    prompt = rendered(asked(Passed({"type": "additional_tools", "tools": [tool]}), user("Go.")), 8)
    with pytest.raises(Problem) as refused:
        await model.open(prompt)
    assert refused.value.status == 400


@pytest.mark.default_model
async def test_the_weather_in_two_round_trips(default_model: Path) -> None:
    model = LlamaModel("default", default_model, LlamaOptions(threads=ENGINE_THREADS, context=2048, slots=1), silent)
    await model.start()
    try:
        question = user("What's the weather in Paris today, in celsius?")
        first = await answer(model, asked(question, tools=[WEATHER], temperature=0))
        assert [name for name, _ in first.calls] == ["get_weather"] and first.whole
        assert json.loads(first.calls[0][1]) == {"location": "Paris", "unit": "celsius"}
        call = FunctionCall(call_id="call_1", name="get_weather", arguments=first.calls[0][1])
        result = FunctionCallOutput(call_id="call_1", output='{"temperature": 21, "sky": "sunny"}')
        second = await answer(model, asked(question, call, result, tools=[WEATHER], temperature=0))
        assert not second.calls and "21" in second.text and "sunny" in second.text.lower()
    finally:
        await model.stop()
