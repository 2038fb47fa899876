"""Chat request: what of a chat body is asked, what is named, what is refused, and under which name."""

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from msgspec.structs import replace

from antiphon.contract.chat_request import ChatAsk
from antiphon.contract.contract import Contract, load
from antiphon.contract.law import Move
from antiphon.core.items import FunctionCall, FunctionCallOutput, InputText, Message, OutputText, Reasoning
from antiphon.core.problems import Problem
from antiphon.core.request import (
    AllowedTools,
    CustomTool,
    FunctionTool,
    JsonObjectFormat,
    JsonSchemaFormat,
    NamedChoice,
    TextFormat,
)

FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
TOOL = {"type": "function", "function": FUNCTION}
USER = {"role": "user", "content": "a"}


def take(contract: str = "openai", **fields: Any) -> ChatAsk:
    return load(contract).chat.take({"model": "m", "messages": [USER]} | fields)


def refused(contract: str = "openai", **fields: Any) -> tuple[int, str | None, str | None]:
    with pytest.raises(Problem) as found:
        take(contract, **fields)
    return found.value.status, found.value.code, found.value.param


def test_the_schemas_are_schemas() -> None:
    for name in ("openai", "infercom"):
        Draft202012Validator(load(name).chat_schema)


def test_messages_are_the_input_and_nothing_is_kept() -> None:
    request = take(
        messages=[
            {"role": "developer", "content": "Be kind."},
            USER,
            {
                "role": "assistant",
                "content": "b",
                "reasoning_content": "Hm.",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "fair"},
        ],
        store=True,
    ).request
    developer, user, thought, said, call, output = request.input
    assert isinstance(developer, Message) and developer.role == "developer"
    assert isinstance(user, Message) and user.content == [InputText("a")]
    assert isinstance(thought, Reasoning)
    assert isinstance(said, Message) and said.content == [OutputText("b")]
    assert isinstance(call, FunctionCall) and (call.call_id, call.name) == ("c", "f")
    assert isinstance(output, FunctionCallOutput) and output.output == "fair"
    assert request.store is False


def test_fields_go_where_they_belong() -> None:
    request = take(
        temperature=0.5,
        top_p=0.25,
        presence_penalty=1,
        frequency_penalty=-1,
        max_completion_tokens=7,
        max_tokens=7,
        logprobs=True,
        top_logprobs=3,
        reasoning_effort="low",
        verbosity="high",
        parallel_tool_calls=False,
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": True},
        metadata={"a": "b"},
        user="ada",
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="flex",
        top_k=4,
    )
    asked = request.request
    assert (asked.temperature, asked.top_p, asked.presence_penalty, asked.frequency_penalty) == (0.5, 0.25, 1, -1)
    assert (asked.max_output_tokens, asked.top_logprobs, asked.top_k) == (7, 3, 4)
    assert asked.include == ["message.output_text.logprobs"]
    assert (asked.reasoning.effort, asked.text.verbosity) == ("low", "high")
    assert (asked.parallel_tool_calls, asked.stream, asked.include_obfuscation) == (False, True, True)
    assert (asked.metadata, asked.user, asked.safety_identifier) == ({"a": "b"}, "ada", "s")
    assert (asked.prompt_cache_key, asked.service_tier) == ("k", "flex")
    assert request.counted and request.unheeded() == []


def test_a_null_asks_for_nothing() -> None:
    fields = load("openai").chat_schema["properties"].keys() - {"model", "messages"}
    assert take(**dict.fromkeys(fields)).request == take().request


def test_tools() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}
    custom = {"type": "custom", "custom": {"name": "g", "format": grammar}}
    plain = {"type": "custom", "custom": {"name": "h", "description": "d"}}
    tools = take(tools=[TOOL, custom, plain]).request.tools
    assert tools == [
        FunctionTool(name="f", description="d", parameters={"type": "object"}, strict=True),
        CustomTool(name="g", format={"type": "grammar", "syntax": "regex", "definition": "a+"}),
        CustomTool(name="h", description="d"),
    ]


@pytest.mark.parametrize("word", ["none", "auto", "required"])
def test_a_choice_of_tools_by_word(word: str) -> None:
    assert take(tools=[TOOL], tool_choice=word).request.tool_choice == word


def test_a_choice_of_tools_by_name() -> None:
    named = {"type": "function", "function": {"name": "f"}}
    assert take(tools=[TOOL], tool_choice=named).request.tool_choice == NamedChoice(type="function", name="f")
    custom = {"type": "custom", "custom": {"name": "g"}}
    assert take(tool_choice=custom).request.tool_choice == NamedChoice(type="custom", name="g")
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named, custom]}}
    assert take(tool_choice=allowed).request.tool_choice == AllowedTools(
        mode="required", tools=[NamedChoice(type="function", name="f"), NamedChoice(type="custom", name="g")]
    )


def test_functions_as_they_were_before_there_were_tools() -> None:
    ask = take(functions=[FUNCTION], function_call={"name": "f"})
    assert ask.deprecated
    assert ask.request.tools == [FunctionTool(**FUNCTION)]
    assert ask.request.tool_choice == NamedChoice(type="function", name="f")
    assert ask.request.parallel_tool_calls is False
    assert take(functions=[FUNCTION], function_call="none").request.tool_choice == "none"
    assert not take(tools=[TOOL]).deprecated


def test_formats() -> None:
    assert take(response_format={"type": "text"}).request.text.format == TextFormat()
    assert take(response_format={"type": "json_object"}).request.text.format == JsonObjectFormat()
    schema = {"name": "s", "schema": {"type": "object"}, "strict": True, "description": None}
    form = take(response_format={"type": "json_schema", "json_schema": schema}).request.text.format
    assert form == JsonSchemaFormat(name="s", schema={"type": "object"}, strict=True)
    open_form = take(response_format={"type": "json_schema", "json_schema": {"name": "s"}}).request.text.format
    assert open_form == JsonSchemaFormat(name="s", schema={})


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"stop": ["a"]}, ["stop"]),
        ({"seed": 1}, ["seed"]),
        ({"logit_bias": {"50256": -100}}, ["logit_bias"]),
        ({"logit_bias": {}, "stop": [], "modalities": ["text"], "n": 1, "store": False}, []),
        ({"store": True}, ["store"]),
        ({"prediction": {"type": "content", "content": "a"}}, ["prediction"]),
        ({"web_search_options": {}}, ["web_search_options"]),
        ({"audio": {"voice": "alloy", "format": "mp3"}}, ["audio"]),
        ({"stream_options": {"include_usage": True, "other": 1}}, ["stream_options.other"]),
        (
            {"unheard_of": 1, "input": "a", "include": ["b"], "instructions": "c"},
            ["unheard_of", "input", "include", "instructions"],
        ),
        ({f"x{n}": n for n in range(1, 41)}, [*(f"x{n}" for n in range(1, 33)), "and-8-more"]),
    ],
)
def test_what_is_not_done_is_named(fields: dict[str, Any], named: list[str]) -> None:
    assert take(**fields).unheeded() == named


def test_what_a_model_does_not_do_has_the_name_of_the_body() -> None:
    ask = take(logprobs=True, verbosity="low", tools=[TOOL], seed=1)
    ask.request.ignored += ["text.verbosity", "tools[0].parameters#/a", "include"]
    assert ask.unheeded() == ["seed", "verbosity", "tools[0].function.parameters#/a", "logprobs"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"messages": ...}, ("missing_required_parameter", "messages")),
        ({"model": None}, ("missing_required_parameter", "model")),
        ({"messages": []}, ("empty_array", "messages")),
        ({"messages": "a"}, ("invalid_type", "messages")),
        ({"messages": [{"content": "a"}]}, ("missing_required_parameter", "messages[0].role")),
        ({"messages": [{"role": "wizard", "content": "a"}]}, ("invalid_value", "messages[0].role")),
        ({"messages": [{"role": "user"}]}, ("missing_required_parameter", "messages[0].content")),
        ({"messages": [{"role": "user", "content": None}]}, ("missing_required_parameter", "messages[0].content")),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            ("invalid_value", "messages[0].content[0].type"),
        ),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "a"}}]}]},
            ("invalid_value", "messages[0].content[0].type"),
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "a"}]}]},
            ("invalid_type", "messages[0].content[0].image_url"),
        ),
        ({"messages": [{"role": "tool", "content": "a"}]}, ("missing_required_parameter", "messages[0].tool_call_id")),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]}]},
            ("missing_required_parameter", "messages[0].tool_calls[0].function.arguments"),
        ),
        ({"n": 2}, ("unsupported_value", "n")),
        ({"n": 0}, ("integer_below_min_value", "n")),
        ({"modalities": ["text", "audio"]}, ("unsupported_value", "modalities")),
        ({"top_logprobs": 2}, ("invalid_value", "top_logprobs")),
        ({"max_tokens": 1, "max_completion_tokens": 2}, ("invalid_value", "max_tokens")),
        ({"max_tokens": 0}, ("integer_below_min_value", "max_tokens")),
        ({"temperature": 3}, ("decimal_above_max_value", "temperature")),
        ({"tools": [{"type": "function", "function": {}}]}, ("missing_required_parameter", "tools[0].function.name")),
        ({"tools": [{"type": "web_search"}]}, ("invalid_value", "tools[0].type")),
        ({"tools": [{"type": "function", "name": "f"}]}, ("missing_required_parameter", "tools[0].function")),
        ({"tool_choice": "f"}, ("invalid_value", "tool_choice")),
        ({"tool_choice": {"type": "function"}}, ("missing_required_parameter", "tool_choice.function")),
        ({"tool_choice": {"type": "allowed_tools"}}, ("missing_required_parameter", "tool_choice.allowed_tools")),
        ({"function_call": "f"}, ("invalid_value", "function_call")),
        ({"response_format": {"type": "xml"}}, ("invalid_value", "response_format.type")),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
            ("invalid_value", "response_format.json_schema.name"),
        ),
        ({"reasoning_effort": "huge"}, ("invalid_value", "reasoning_effort")),
        ({"service_tier": "best"}, ("invalid_value", "service_tier")),
        ({"metadata": {"a": 1}}, ("invalid_type", "metadata.a")),
        ({"prompt_cache_key": "k" * 65}, ("string_above_max_length", "prompt_cache_key")),
    ],
)
def test_what_is_refused(fields: dict[str, Any], told: tuple[str, str]) -> None:
    body = {"model": "m", "messages": [USER]} | fields
    body = {name: value for name, value in body.items() if value is not ...}
    with pytest.raises(Problem) as found:
        load("openai").chat.take(body)
    assert (found.value.status, found.value.code, found.value.param) == (400, *told)


def test_infercom_keeps_its_own_law() -> None:
    custom = {"type": "custom", "custom": {"name": "g"}}
    assert refused("infercom", tools=[custom]) == (400, "unsupported_tool_type", "tools[0].type")
    assert refused("infercom", reasoning_effort="none") == (400, "invalid_value", "reasoning_effort")
    assert refused("infercom", messages=None) == (400, "missing_required_field", "messages")
    ask = take("infercom", metadata={"a": "b"}, verbosity="low", logprobs=True)
    assert ask.request.temperature == 0.7
    assert sorted(ask.unheeded()) == ["logprobs", "metadata", "verbosity"]


def test_a_contract_whose_bound_has_another_name() -> None:
    law = load("infercom").law
    bound = {"properties": {"max_output_tokens": False, "most": {"type": ["integer", "null"], "maximum": 9}}}
    own = Contract(replace(law, schema=bound, moves=[*law.moves, Move("most", "max_output_tokens")]))
    body = {"model": "m", "messages": [USER]}
    assert own.chat.take(body | {"max_tokens": 7}).request.max_output_tokens == 7
    with pytest.raises(Problem) as found:
        own.chat.take(body | {"max_tokens": 10})
    assert (found.value.code, found.value.param) == ("integer_above_max_value", "max_tokens")
