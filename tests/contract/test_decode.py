"""Bodies in, requests or refusals out, as a client of the default contract sees it."""

import json
from typing import Any

import pytest

from antiphon.contract.contract import load
from antiphon.contract.decode import MOST_IGNORED
from antiphon.core.items import (
    FunctionCall,
    FunctionCallOutput,
    InputText,
    ItemReference,
    Message,
    OutputText,
    Part,
    Passed,
    Reasoning,
)
from antiphon.core.problems import Problem
from antiphon.core.request import (
    AllowedTools,
    CustomTool,
    FunctionTool,
    JsonSchemaFormat,
    NamedChoice,
    PassedTool,
    Request,
    Text,
)
from tests.contract.refused import BODIES, REFUSED


def read(**fields: Any) -> Request:
    return load("openai").read(json.dumps({"model": "m", "input": "hello"} | fields).encode())


def refusal(body: bytes) -> Problem:
    with pytest.raises(Problem) as found:
        load("openai").read(body)
    return found.value


@pytest.mark.parametrize(
    ("sent", "code", "param", "told"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_illegal_values_are_refused_with_their_path(sent: dict[str, Any], code: str, param: str, told: str) -> None:
    problem = refusal(json.dumps({"model": "m", "input": "hello"} | sent).encode())
    assert (problem.status, problem.code, problem.param) == (400, code, param)
    assert told in problem.message


@pytest.mark.parametrize(("body", "code", "param"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_a_body_that_is_no_request_is_a_400(body: bytes, code: str, param: str | None) -> None:
    problem = refusal(body)
    assert (problem.status, problem.type, problem.code, problem.param) == (400, "invalid_request_error", code, param)


def test_what_an_update_sets_counts_unless_the_request_says_otherwise() -> None:
    """protocol §2.1; both forms of a format are read there too (contracts §B row 21)."""
    form = {"name": "n", "schema": {"type": "object"}}
    for sent in ({"type": "json_schema", **form}, {"type": "json_schema", "json_schema": form}):
        update = {"type": "configuration_update", "id": None, "reasoning": {"effort": "low"}, "text": {"format": sent}}
        asked: Any = [update, {"role": "user", "content": "hi"}]
        request = read(input=asked, text={"verbosity": "low"}, reasoning=None)
        assert (request.reasoning.effort, request.settled) == ("low", ())
        assert request.text == Text(format=JsonSchemaFormat(name="n", schema={"type": "object"}), verbosity="low")
        own = read(input=asked, text={"format": {"type": "text"}}, reasoning={"effort": "high"})
        assert (own.reasoning.effort, own.text) == ("high", Text())
        assert own.settled == ("reasoning.effort", "text.format")


def test_what_asks_for_nothing_is_no_fault() -> None:
    request = read(
        background=False,
        previous_response_id=None,
        conversation=None,
        prompt=None,
        tools=[],
        tool_choice="auto",
        max_tool_calls=None,
        text={"format": {"type": "text"}, "verbosity": None},
        truncation="disabled",
        context_management=[],
        stream_options={"include_obfuscation": False},
        include=[],
        reasoning={"effort": None, "summary": None},
        metadata=None,
        seed=None,
        stop=[],
        logit_bias={},
        n=1,
        logprobs=False,
        prompt_cache_retention="in_memory",
    )
    assert request.settled == ("text.format",)  # of what came before it wants no other
    request.settled = ()
    assert request == read()
    assert request.ignored == []


def test_every_field_null_is_every_field_absent() -> None:
    names = [name for name in load("openai").schema["properties"] if name not in {"model", "input"}]
    assert read(**dict.fromkeys(names)) == read()


def test_the_fields_of_a_text_request_are_read() -> None:
    request = read(
        instructions="Be brief.",
        stream=True,
        store=False,
        temperature=0,
        top_p=0.5,
        top_k=40,
        presence_penalty=1,
        frequency_penalty=-1,
        max_output_tokens=1,
        top_logprobs=2,
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        metadata={"a": "b"},
        user="u",
        service_tier="flex",
        safety_identifier="s",
        prompt_cache_key="k",
        reasoning={"effort": "low", "generate_summary": "auto"},
        text={"verbosity": "low"},
        tool_choice="none",
        parallel_tool_calls=False,
    )
    assert (request.instructions, request.stream, request.store) == ("Be brief.", True, False)
    assert (request.temperature, request.top_p, request.top_k) == (0.0, 0.5, 40)
    assert (request.presence_penalty, request.frequency_penalty) == (1.0, -1.0)
    assert (request.max_output_tokens, request.top_logprobs) == (1, 2)
    assert request.include == ["message.output_text.logprobs", "reasoning.encrypted_content"]
    assert (request.metadata, request.user, request.service_tier) == ({"a": "b"}, "u", "flex")
    assert (request.safety_identifier, request.prompt_cache_key) == ("s", "k")
    assert (request.reasoning.effort, request.reasoning.summary) == ("low", "auto")
    assert (request.text.verbosity, request.tool_choice, request.parallel_tool_calls) == ("low", "none", False)
    assert request.ignored == []


def test_a_whole_number_is_an_integer_however_it_is_written() -> None:
    request = load("openai").read(b'{"model": "m", "input": "x", "top_k": 3.0, "max_output_tokens": 1e2}')
    assert request == read(input="x", top_k=3, max_output_tokens=100)
    assert type(request.top_k) is type(request.max_output_tokens) is int


def test_a_string_is_one_message_of_the_user() -> None:
    assert read(input="hello\0").input == [Message(role="user", content=[InputText("hello\0")])]


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    request = load("openai").read(b'{"model": "a", "input": "x", "model": "b"}')
    assert request.model == "b"


def test_what_is_unknown_is_named() -> None:
    request = read(
        client_metadata={"a": 1},
        seed=7,
        stop="x",
        n=2,
        moderation={"model": "m"},
        reasoning={"context": "all_turns", "mode": "standard"},
        stream_options={"include_usage": True},
        include_obfuscation=True,
        ignored=["x"],
        beyond={"x": 1},
    )
    assert request.ignored == [
        "client_metadata",
        "seed",
        "stop",
        "n",
        "stream_options.include_usage",
        "include_obfuscation",
        "ignored",
        "beyond",
    ]
    assert request.beyond == {"moderation": {"model": "m"}, "reasoning.context": "all_turns"}
    assert request.include_obfuscation is False


def test_names_of_unknown_fields_are_fit_for_a_header() -> None:
    request = read(**{"a,b\r\nx: é": 1, "k" * 1000: 1})
    assert request.ignored == ["a?b??x:??", "k" * 64]
    crowd = read(**{f"f{number}": 1 for number in range(1000)}).ignored
    assert len(crowd) == MOST_IGNORED + 1
    assert crowd[-1] == f"and-{1000 - MOST_IGNORED}-more"


def test_two_names_of_one_thing_must_agree() -> None:
    assert read(reasoning={"summary": "auto", "generate_summary": "auto"}).reasoning.summary == "auto"
    problem = refusal(
        b'{"model": "m", "input": "x", "reasoning": {"summary": "auto", "generate_summary": "concise"}}',
    )
    assert (problem.code, problem.param) == ("invalid_value", "reasoning.generate_summary")


def test_messages_come_in_many_shapes() -> None:
    """clients §3: without type; assistant as text, as bare parts, or as the item that we gave."""
    request = read(
        input=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_text", "text": "Hi", "prompt_cache_breakpoint": None}]},
            {"role": "assistant", "content": "Hello."},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]},
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "phase": None,
                "content": [{"type": "output_text", "text": "Hello.", "annotations": [], "logprobs": None}],
            },
            {"type": None, "id": None, "status": None, "role": "user", "content": "Bye", "name": "x"},
        ],
    )
    said: list[Part] = [OutputText("Hello.")]
    assert request.input == [
        Message(role="developer", content=[InputText("Be brief.")]),
        Message(role="user", content=[InputText("Hi")]),
        Message(role="assistant", content=said),
        Message(role="assistant", content=said),
        Message(role="assistant", content=said, id="msg_1"),
        Message(role="user", content=[InputText("Bye")]),
    ]


def test_calls_of_elsewhere_come_as_history() -> None:
    """clients §5: nulls and an alias that the SDK adds; `failed` as one service says it (contracts §B row 29)."""
    request = read(
        input=[
            {
                "type": "function_call",
                "call_id": "c",
                "name": "f",
                "arguments": "{}",
                "async_": None,
                "caller": None,
                "namespace": None,
                "status": "failed",
            },
            {"type": "function_call_output", "call_id": "c", "output": "18", "status": None},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "18"}]},
            {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "d", "output": [{"type": "input_text", "text": "y"}]},
            {"type": "web_search_call", "id": "ws_1", "status": "failed", "action": {"type": "search", "query": "q"}},
            {"type": "acme:oracle_call", "id": "o_1", "answer": {"deep": [1, None]}},
        ],
    )
    kept, whole, parts, _, _, search, own = request.input
    assert kept == FunctionCall(call_id="c", name="f", arguments="{}", status="incomplete")
    assert whole == FunctionCallOutput(call_id="c", output="18")
    assert parts == FunctionCallOutput(call_id="c", output=[InputText("18")])
    assert isinstance(search, Passed)
    assert search.value["status"] == "failed"
    assert isinstance(own, Passed)
    assert own.value["answer"] == {"deep": [1, None]}


def test_reasoning_comes_back() -> None:
    """clients §6."""
    sent: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None}
    sent["content"] = [{"type": "reasoning_text", "text": "hm"}]
    (item,) = read(input=[sent]).input
    assert isinstance(item, Reasoning)
    assert [piece.text for piece in item.content or []] == ["hm"]


def test_both_forms_of_a_json_schema_are_one() -> None:
    """contracts §B row 21."""
    form = {"name": "s", "schema": {"type": "object"}, "strict": None, "description": None}
    sent: dict[str, Any]
    for sent in ({"type": "json_schema"} | form, {"type": "json_schema", "name": None, "json_schema": form}):
        read_back = read(text={"format": sent, "verbosity": None}).text
        assert read_back == Text(format=JsonSchemaFormat(name="s", schema={"type": "object"}))


def test_a_conversation_is_told_by_its_id_or_as_an_object() -> None:
    assert read(conversation="conv_1").conversation == "conv_1"
    assert read(conversation={"id": "conv_1"}).conversation == "conv_1"


def test_the_input_may_be_empty_beside_what_came_before() -> None:
    """contracts §B row 9."""
    for beside in ({"previous_response_id": "resp_1"}, {"conversation": {"id": "conv_1"}}, {"prompt": {"id": "p"}}):
        for nothing in ('""', "[]", "null"):
            body = json.dumps({"model": "m", "input": 0} | beside).replace("0", nothing, 1)
            assert load("openai").read(body.encode()).input == []
        assert load("openai").read(json.dumps({"model": "m"} | beside).encode()).input == []


def test_what_is_only_to_be_read_may_be_empty() -> None:
    for nothing in ("", [], None):
        request = read(input=nothing, generate=False)
        assert (request.input, request.generate) == ([], False)
    assert refusal(b'{"model": "m", "input": [], "generate": true}').param == "input"
    assert read(generate=None).generate is True


def test_state_fields_are_read() -> None:
    request = read(
        background=True,
        previous_response_id="resp_1",
        truncation="auto",
        stream_options={"include_obfuscation": True},
        input=[{"id": "msg_1"}, {"type": "item_reference", "id": "msg_2"}],
    )
    assert (request.background, request.previous_response_id) == (True, "resp_1")
    assert (request.truncation, request.include_obfuscation) == ("auto", True)
    assert read(max_tool_calls=2).max_tool_calls == 2
    assert request.input == [ItemReference(id="msg_1"), ItemReference(id="msg_2")]
    assert request.ignored == []


def test_tools_come_in_many_shapes() -> None:
    """clients §8 and Codex."""
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
    namespace = {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "g"}]}
    request = read(
        tools=[
            {"type": "function", "name": "a", "parameters": schema},
            {"type": "function", "name": "b", "description": None, "parameters": None, "strict": None},
            {"type": "function", "name": "c", "strict": False, "defer_loading": None},
            {"type": "custom", "name": "d", "description": None, "format": grammar},
            namespace,
            {"type": "web_search", "external_web_access": True},
            {"type": "acme:oracle"},
        ],
        tool_choice={"type": "allowed_tools", "mode": None, "tools": [{"type": "function", "name": "a", "mode": None}]},
    )
    assert request.tools == [
        FunctionTool(name="a", parameters=schema),
        FunctionTool(name="b"),
        FunctionTool(name="c", strict=False),
        CustomTool(name="d", format=grammar),
        PassedTool(namespace),
        PassedTool({"type": "web_search", "external_web_access": True}),
        PassedTool({"type": "acme:oracle"}),
    ]
    assert request.tool_choice == AllowedTools(tools=[NamedChoice(type="function", name="a")])
    assert read(tool_choice={"type": "mcp", "server_label": "s", "name": None}).tool_choice == NamedChoice(
        type="mcp", server_label="s"
    )
