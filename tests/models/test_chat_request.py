"""A prompt as a Chat Completions request: what is asked, and how the history is told. OpenAI's own types judge it."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

from antiphon.core.items import item_from_json
from antiphon.core.problems import Problem
from antiphon.core.prompt import LOGPROBS, Prompt, render
from antiphon.core.request import (
    JsonObjectFormat,
    JsonSchemaFormat,
    ReasoningOptions,
    Request,
    Text,
    tool_choice_from_json,
    tool_from_json,
)
from antiphon.models.chat_request import HINTS, Dialect, body
from antiphon.models.upstream import Takes

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
PICTURE = "data:image/png;base64,aGk="
LOOKS = {"type": "input_image", "image_url": PICTURE, "detail": "low"}


def prompt_of(*items: Any, tools: Any = (), tool_choice: Any = "auto", said: Any = (), **fields: Any) -> Prompt:
    """The prompt of a request with these items, as JSON; a text is what a user says."""
    read = [item_from_json({"role": "user", "content": one} if isinstance(one, str) else one) for one in items]
    request = Request(
        model="here",
        tools=[tool_from_json(tool) for tool in tools],
        tool_choice=tool_choice_from_json(tool_choice),
        **fields,
    )
    return render(request, read, max_output_tokens=100, said=[item_from_json(one) for one in said])


def asked(*items: Any, takes: tuple[Takes, ...] = ("images",), dialect: Any = None, **fields: Any) -> dict[str, Any]:
    """What the server is asked, which is legal by OpenAI's own types."""
    told = dialect or Dialect(takes=frozenset(takes))
    found: dict[str, Any] = json.loads(body(prompt_of(*(items or ["hi"]), **fields), "there", told))
    kind: Any = CompletionCreateParamsStreaming if found["stream"] else CompletionCreateParamsNonStreaming
    TypeAdapter(kind).validate_python(found)
    for message in found["messages"]:
        TypeAdapter(ChatCompletionMessageParam).validate_python(message)
    for tool in found.get("tools", ()):
        TypeAdapter(ChatCompletionToolUnionParam).validate_python(tool)
    return found


def told(*items: Any, **fields: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = asked(*items, **fields)["messages"]
    return messages


def test_the_least_that_is_asked() -> None:
    least = {"model": "there", "messages": [{"role": "user", "content": "hi"}], "stream": False, "max_tokens": 100}
    assert asked() == least
    assert asked(stream=True) == least | {"stream": True, "stream_options": {"include_usage": True}}


def test_every_field_with_an_equivalent_is_carried_over() -> None:
    found = asked(
        temperature=0.0,
        top_p=0.5,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        top_logprobs=2,
        include=[LOGPROBS],
        max_output_tokens=20,
        reasoning=ReasoningOptions(effort="low"),
        text=Text(verbosity="low"),
        prompt_cache_key="k",
        user="u",
        safety_identifier="s",
        service_tier="flex",
    )
    assert found == asked() | {
        "temperature": 0.0,
        "top_p": 0.5,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "logprobs": True,
        "top_logprobs": 2,
        "max_tokens": 20,
        "reasoning_effort": "low",
        "verbosity": "low",
        "prompt_cache_key": "k",
        "user": "u",
        "safety_identifier": "s",
        "service_tier": "flex",
    }


def test_what_an_upstream_takes_beyond_the_usual() -> None:
    assert "top_k" not in asked(top_k=5)
    assert json.loads(body(prompt_of("hi", top_k=5), "m", Dialect(takes=frozenset({"top_k"}))))["top_k"] == 5


def test_what_a_server_refuses_is_left_out_and_the_bound_has_its_name() -> None:
    fields: dict[str, Any] = {"stream": True, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"}
    bare = asked(dialect=Dialect(without=frozenset(HINTS)), **fields)
    assert not bare.keys() & set(HINTS)
    assert asked(dialect=Dialect(bound="max_completion_tokens"))["max_completion_tokens"] == 100
    assert not asked(dialect=Dialect(bound="")).keys() & {"max_tokens", "max_completion_tokens"}


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        (JsonObjectFormat(), {"type": "json_object"}),
        (
            JsonSchemaFormat(name="n", schema=SCHEMA, strict=True, description="d"),
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True, "description": "d"}},
        ),
        (
            JsonSchemaFormat(name="n", schema=SCHEMA),
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
        ),
    ],
)
def test_a_format_is_a_response_format(form: Any, sent: Any) -> None:
    assert asked(text=Text(format=form))["response_format"] == sent


FUNCTION = {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True}
OTHER = {"type": "function", "name": "g"}
SQL = {"type": "custom", "name": "sql", "description": "Runs it."}
LARK = {"type": "custom", "name": "sum", "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "1"'}}
INSIDE = {"type": "namespace", "name": "crm", "description": "", "tools": [FUNCTION, SQL]}
SHELL = {"type": "local_shell"}


def names(found: dict[str, Any]) -> list[str]:
    return [tool.get("function", tool.get("custom"))["name"] for tool in found.get("tools", ())]


def test_functions_are_told_as_they_are() -> None:
    function, other = asked(tools=[FUNCTION, OTHER])["tools"]
    assert function == {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
    }
    assert other["function"]["name"] == "g" and other["function"]["parameters"]["type"] == "object"


def test_every_other_kind_of_tool_is_told_as_a_function() -> None:
    found = asked(tools=[SQL, INSIDE, SHELL])
    assert names(found) == ["sql", "crm__f", "crm__sql", "local_shell"]
    assert all(tool["type"] == "function" for tool in found["tools"])
    (sql, *_) = found["tools"]
    assert list(sql["function"]["parameters"]["properties"]) == ["input"]


def test_a_grammar_goes_to_who_takes_it_and_else_stands_in_the_description() -> None:
    (described,) = asked(tools=[LARK])["tools"]
    assert described["type"] == "function" and 'start: "1"' in described["function"]["description"]
    (native,) = asked(tools=[LARK], takes=("grammar",))["tools"]
    assert native["custom"]["format"]["grammar"] == {"syntax": "lark", "definition": 'start: "1"'}


def test_hosted_tools_are_not_told_of() -> None:
    assert names(asked(tools=[{"type": "web_search"}, FUNCTION])) == ["f"]
    assert "tools" not in asked(tools=[{"type": "web_search"}])


@pytest.mark.parametrize(
    ("choice", "sent", "offered"),
    [
        ("auto", None, ["f", "g"]),
        ("none", None, []),
        ("required", "required", ["f", "g"]),
        ({"type": "function", "name": "g"}, {"type": "function", "function": {"name": "g"}}, ["g"]),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]},
            None,
            ["g"],
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]},
            "required",
            ["g"],
        ),
    ],
)
def test_every_tool_choice_is_kept_by_what_is_offered(choice: Any, sent: Any, offered: list[str]) -> None:
    found = asked(tools=[FUNCTION, OTHER], tool_choice=choice)
    assert (found.get("tool_choice"), names(found)) == (sent, offered)


def test_one_call_at_a_time() -> None:
    assert asked(tools=[FUNCTION], parallel_tool_calls=False)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in asked(tools=[FUNCTION])
    assert "parallel_tool_calls" not in asked(parallel_tool_calls=False)


# The history


def test_words_for_the_model_at_the_head_are_one_system_message() -> None:
    developer = {"role": "developer", "content": "B."}
    assert told(developer, "hi", instructions="A.") == [
        {"role": "system", "content": "A.\n\nB."},
        {"role": "user", "content": "hi"},
    ]


def test_a_developer_has_the_role_of_the_system_where_the_server_has_no_other() -> None:
    later = ["hi", {"role": "developer", "content": "B."}, "and?"]
    assert [message["role"] for message in told(*later)] == ["user", "system", "user"]
    assert [message["role"] for message in told(*later, takes=("developer",))] == ["user", "developer", "user"]


CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "42"}
THOUGHT = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
SAID = {"role": "assistant", "content": [{"type": "output_text", "text": "I look."}]}
TOOL_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def test_what_was_thought_said_and_called_together_is_one_message() -> None:
    assert told("hi", THOUGHT, SAID, CALL, OUTPUT) == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "I look.", "reasoning_content": "Hm.", "tool_calls": [TOOL_CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]


def test_several_calls_are_one_message_and_each_has_its_output() -> None:
    second = [CALL | {"call_id": "c2"}, OUTPUT | {"call_id": "c2"}]
    messages = told("hi", CALL, second[0], OUTPUT, second[1])
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in messages[1]["tool_calls"]] == ["c1", "c2"]


def test_a_thought_before_the_last_question_is_not_told_again() -> None:
    assert "reasoning_content" not in json.dumps(told("hi", THOUGHT, SAID, "and?"))


def test_calls_of_every_kind_are_told_as_calls_of_functions() -> None:
    custom = {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": 'SELECT "a"', "namespace": "crm"}
    given = {"type": "custom_tool_call_output", "call_id": "c1", "output": "no rows"}
    _, called, output = told("hi", custom, given)
    (call,) = called["tool_calls"]
    assert call["function"]["name"] == "crm__sql"
    assert json.loads(call["function"]["arguments"]) == {"input": 'SELECT "a"'}
    assert output == {"role": "tool", "tool_call_id": "c1", "content": "no rows"}


def test_no_arguments_are_an_empty_object() -> None:
    _, called, _ = told("hi", CALL | {"arguments": ""}, OUTPUT)
    assert called["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_refusal_is_what_was_said() -> None:
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert told("hi", refused, "why?")[1] == {"role": "assistant", "content": "No."}


def test_pictures_stand_where_they_were_shown() -> None:
    (shown,) = told({"role": "user", "content": [{"type": "input_text", "text": "What?"}, LOOKS]})
    assert shown["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
    ]


def test_a_picture_that_a_tool_gave_follows_all_the_outputs() -> None:
    second = CALL | {"call_id": "c2"}
    messages = told("hi", CALL, second, OUTPUT | {"output": [LOOKS]}, OUTPUT | {"call_id": "c2"}, "and?")
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "user", "user"]
    assert messages[4]["content"][0]["type"] == "image_url"


def test_pictures_where_the_server_takes_none_and_files_are_refused() -> None:
    with pytest.raises(Problem) as caught:
        told({"role": "user", "content": [LOOKS]}, takes=())
    assert (caught.value.status, caught.value.param) == (400, "input[0].content[0]")
    with pytest.raises(Problem):
        told({"role": "user", "content": [{"type": "input_file", "file_data": "data:text/plain;base64,aGk="}]})


def test_an_answer_that_was_begun_is_gone_on_with() -> None:
    begun = {
        "type": "message",
        "role": "assistant",
        "status": "in_progress",
        "content": [{"type": "output_text", "text": "x" * 80}],
    }
    found = asked(said=[begun])
    assert found["messages"][-1] == {"role": "assistant", "content": "x" * 80}
    assert (found["continue_final_message"], found["add_generation_prompt"]) == (True, False)
    assert found["max_tokens"] == 80  # what was said counts against the bound
