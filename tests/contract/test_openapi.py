"""The OpenAPI document: legal, whole, and of the schemas that the server itself uses."""

import json
import re

import pytest
from jsonschema_rs import Draft202012Validator

from antiphon.contract.chat_answer import completion
from antiphon.contract.chat_chunks import Chunks
from antiphon.contract.contract import DEFAULT, load, names
from antiphon.contract.openapi import document
from antiphon.core import wire
from antiphon.core.emitter import Completed
from antiphon.core.items import FunctionCall, Message, OutputText, Passed
from antiphon.core.problems import Problem
from antiphon.core.request import FunctionTool, NamedChoice
from antiphon.core.response import Response
from tests.core.strategies import play
from tests.test_grammar import EVERYTHING

DOCUMENT = json.loads(document(load("openai"), DEFAULT))


def component(name: str) -> Draft202012Validator:
    return Draft202012Validator(DOCUMENT | {"$ref": f"#/components/schemas/{name}"})


def test_it_names_what_is_served() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["servers"] == [{"url": "/v1"}]
    assert set(DOCUMENT["paths"]) == {
        "/responses",
        "/responses/{response_id}",
        "/responses/{response_id}/cancel",
        "/responses/{response_id}/input_items",
        "/responses/input_tokens",
        "/responses/compact",
        "/conversations",
        "/conversations/{conversation_id}",
        "/conversations/{conversation_id}/items",
        "/conversations/{conversation_id}/items/{item_id}",
        "/prompts",
        "/prompts/{prompt_id}",
        "/prompts/{prompt_id}/versions",
        "/chat/completions",
        "/models",
        "/models/{model}",
        "/organization/projects",
        "/organization/projects/{project_id}",
        "/organization/projects/{project_id}/archive",
        "/organization/projects/{project_id}/api_keys",
        "/organization/projects/{project_id}/api_keys/{key_id}",
        "/organization/projects/{project_id}/api_keys/{key_id}/rotate",
        "/organization/projects/{project_id}/rate_limits",
        "/organization/projects/{project_id}/rate_limits/{rate_limit_id}",
        "/organization/usage/completions",
        "/organization/costs",
        "/healthz",
        "/readyz",
        "/metrics",
    }


def test_operations_are_those_of_the_contracts_features() -> None:
    assert DOCUMENT["paths"]["/responses"].keys() == {"post", "get"}
    other = json.loads(document(load("gateway"), "/gateway/v1"))
    assert other["paths"]["/responses"].keys() == {"post"}
    assert "/chat/completions" not in other["paths"] and "ChatCompletion" not in other["components"]["schemas"]
    assert "x-feature" not in json.dumps([DOCUMENT, other])


@pytest.mark.parametrize(("name", "base"), [("openai", DEFAULT), *((name, load(name).base) for name in names())])
def test_every_reference_leads_somewhere(name: str, base: str) -> None:
    described = json.loads(document(load(name), base))
    text = json.dumps(described)
    for section, one in set(re.findall(r'"#/components/(\w+)/([^"]+)"', text)):
        assert one in described["components"][section]
    assert "$defs" not in text


def test_it_judges_requests_as_the_server_does() -> None:
    request = component("CreateResponse")
    assert request.is_valid({"model": "m", "input": [{"role": "user", "content": "x"}]})
    assert not request.is_valid({"model": "m", "input": [{"role": "wizard", "content": "x"}]})
    chat = component("CreateChatCompletion")
    assert chat.is_valid({"model": "m", "messages": [{"role": "user", "content": "x"}]})
    assert not chat.is_valid({"model": "m", "messages": [{"role": "tool", "content": "x"}]})


def test_what_the_server_says_is_legal_by_it() -> None:
    response = Response(
        id="resp_1",
        created_at=1,
        model="m",
        output=[
            Message(role="assistant", id="msg_1", content=[OutputText("x")]),
            FunctionCall(call_id="c", name="f"),
            Passed({"type": "mcp_call", "id": "mcp_1"}),
        ],
        tools=[FunctionTool(name="f")],
        tool_choice=NamedChoice(type="function", name="f"),
    )
    component("Response").validate(json.loads(wire.encode(response)))
    component("Error").validate(json.loads(load("openai").error(Problem(400, None, "No.")).body))


def test_what_a_chat_is_told_is_legal_by_it() -> None:
    log = play(Response(id="resp_1", created_at=1, model="m"), EVERYTHING, Completed())
    end = log[-1].response  # type: ignore[attr-defined]  # the last event is a terminal one
    ask = load("openai").chat.take(
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream_options": {"include_usage": True}}
    )
    component("ChatCompletion").validate(json.loads(wire.encode(completion(end, ask))))
    chunks = Chunks(ask)
    told = [json.loads(data) for event in log for data in chunks.tell(event)]
    assert len(told) > 10
    for chunk in told:
        component("ChatChunk").validate(chunk)
