"""What a Responses upstream is asked: as it was asked here, stateless, and nothing that asks for nothing."""

import json
from typing import Any

from antiphon.core.items import InputText, Message
from antiphon.core.prompt import LOGPROBS, Prompt, render
from antiphon.core.request import (
    AllowedTools,
    FunctionTool,
    JsonSchemaFormat,
    NamedChoice,
    PassedTool,
    ReasoningOptions,
    Request,
    Text,
)
from antiphon.models.responses_request import Manner, body, ignored
from antiphon.models.upstream import Upstream

UP = Upstream(name="up", url="http://127.0.0.1:1/v1", kind="responses", key="sk-secret")


def asked(upstream: Upstream = UP, manner: Manner = Manner(), **fields: Any) -> dict[str, Any]:  # noqa: B008  it is frozen
    request = Request(model="here", **fields)
    items = [Message(role="user", content=[InputText("hi")])]
    prompt: Prompt = render(request, [*items], max_output_tokens=100)
    found: dict[str, Any] = json.loads(body(prompt, "there", upstream, manner))
    return found


def test_the_least_that_is_asked() -> None:
    assert asked() == {
        "model": "there",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "stream": False,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 100,
    }


def test_everything_that_has_an_equivalent_is_carried_over() -> None:
    sent = asked(
        instructions="Be brief.",
        temperature=0.0,
        top_p=0.5,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        top_logprobs=2,
        include=[LOGPROBS],
        reasoning=ReasoningOptions(effort="low", summary="auto"),
        text=Text(format=JsonSchemaFormat(name="n", schema={"type": "object"}), verbosity="low"),
        prompt_cache_key="k",
        max_output_tokens=20,
    )
    assert sent["input"][0]["role"] == "system"
    expected = {"temperature": 0.0, "top_p": 0.5, "presence_penalty": 0.5, "frequency_penalty": -0.5, "top_logprobs": 2}
    assert sent.items() >= (expected | {"prompt_cache_key": "k", "max_output_tokens": 20}).items()
    assert sent["include"] == ["reasoning.encrypted_content", LOGPROBS]
    assert sent["reasoning"] == {"effort": "low", "summary": "auto"}
    assert sent["text"]["format"]["schema"] == {"type": "object"} and sent["text"]["verbosity"] == "low"


def test_tools_go_as_they_were_asked_hosted_ones_too() -> None:
    tools = [
        FunctionTool(name="f", parameters={"type": "object"}, strict=True),
        PassedTool({"type": "web_search", "search_context_size": "low"}),
        PassedTool({"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "find"}]}),
    ]
    choice = AllowedTools(mode="required", tools=[NamedChoice(type="function", name="f")])
    sent = asked(tools=tools, tool_choice=choice, parallel_tool_calls=False)
    assert sent["tools"][0] == {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
    assert sent["tools"][1:] == [tool.value for tool in tools[1:] if isinstance(tool, PassedTool)]
    assert sent["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}],
    }
    assert sent["parallel_tool_calls"] is False


def test_top_k_goes_where_it_is_taken_and_is_named_elsewhere() -> None:
    takes = Upstream(name="up", url=UP.url, takes=frozenset({"top_k"}))
    assert asked(takes, top_k=5)["top_k"] == 5 and "top_k" not in asked(top_k=5)
    assert ignored(Request(model="m", top_k=5), UP) == ["top_k"] and ignored(Request(model="m", top_k=5), takes) == []


def test_the_key_stands_in_no_body() -> None:
    assert "sk-secret" not in json.dumps(asked())


def test_a_format_has_no_nulls() -> None:
    form = JsonSchemaFormat(name="n", schema={"type": "object"})
    assert asked(text=Text(format=form))["text"] == {
        "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    }


def test_what_only_such_an_upstream_knows_is_carried_over_as_it_is() -> None:
    beyond = {
        "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
        "prompt_cache_retention": "24h",
        "moderation": {"model": "m"},
        "reasoning.context": "all_turns",
        "reasoning.mode": "pro",
    }
    sent = asked(beyond=beyond, reasoning=ReasoningOptions(effort="low"))
    assert sent["reasoning"] == {"effort": "low", "context": "all_turns", "mode": "pro"}
    assert sent.items() >= {name: value for name, value in beyond.items() if "." not in name}.items()
    assert asked(beyond={"reasoning.mode": "pro"})["reasoning"] == {"mode": "pro"}


def test_what_concerns_tools_of_its_own_and_whoever_asks() -> None:
    wanted = ["web_search_call.action.sources", "message.input_image.image_url"]
    sent = asked(
        include=wanted, max_tool_calls=3, service_tier="flex", user="u", safety_identifier="s", prompt_cache_key="k"
    )
    assert sent["include"] == ["reasoning.encrypted_content", "web_search_call.action.sources"]
    assert (sent["max_tool_calls"], sent["service_tier"], sent["user"], sent["safety_identifier"]) == (
        3,
        "flex",
        "u",
        "s",
    )
    manner = Manner(seals=False, without=frozenset({"user", "safety_identifier"}))
    sent = asked(manner=manner, user="u", safety_identifier="s", prompt_cache_key="k")
    assert "include" not in sent and sent["prompt_cache_key"] == "k"
    assert not {"user", "safety_identifier"} & sent.keys()
