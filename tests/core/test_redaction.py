"""Redaction: no secret of a tool is echoed or kept, and nothing else is touched."""

from typing import Any

import pytest

from antiphon.core.items import InputText, Item, Message, Passed
from antiphon.core.redaction import REDACTED, redacted_items, redacted_tools, secret_places
from antiphon.core.request import FunctionTool, PassedTool, Request, Tool
from antiphon.core.response import respond
from antiphon.core.wire import pack

WORD = "sesame"

SECRETIVE: list[dict[str, Any]] = [
    {"type": "mcp", "server_label": "a", "authorization": WORD},
    {"type": "mcp", "server_label": "a", "headers": {"X-Key": WORD, "Y": WORD}},
    {"type": "mcp", "server_label": "a", "headers": [WORD]},
    {"type": "mcp", "server_label": "a", "authorization": {"token": WORD}},
    {"type": "acme:search", "headers": {"Authorization": WORD}},
    {"type": "namespace", "name": "n", "tools": [{"type": "mcp", "server_label": "a", "authorization": WORD}]},
    {
        "type": "code_interpreter",
        "container": {"type": "auto", "network_policy": {"domain_secrets": [{"domain": "d", "value": WORD}, WORD]}},
    },
    {"type": "shell", "environment": {"network_policy": {"type": "allowlist", "domain_secrets": WORD}}},
]
PLAIN: list[dict[str, Any]] = [
    {"type": "mcp", "server_label": "a", "server_url": "https://x.example", "headers": None, "authorization": None},
    {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}},
    {"type": "code_interpreter", "container": "c_1"},
    {"type": "code_interpreter", "container": {"network_policy": None}},
    {
        "type": "namespace",
        "name": "n",
        "tools": [{"type": "function", "name": "f", "headers": 1, "parameters": {"properties": {"headers": {}}}}],
    },
    {"type": "namespace", "name": "n", "tools": "no list"},
]


@pytest.mark.parametrize("value", SECRETIVE)
def test_a_secret_goes(value: dict[str, Any]) -> None:
    before = pack(value)
    (tool,) = redacted_tools([PassedTool(value)])
    assert WORD.encode() not in pack(tool)
    assert REDACTED.encode() in pack(tool)
    assert pack(value) == before  # whoever asks still has it
    assert secret_places([PassedTool(value)]) == [0]
    assert isinstance(tool, PassedTool)
    assert tool.value.keys() == value.keys()


@pytest.mark.parametrize("value", PLAIN)
def test_what_has_no_secret_stays_as_it_is(value: dict[str, Any]) -> None:
    tools: list[Tool] = [PassedTool(value), FunctionTool(name="authorization", parameters={"headers": WORD})]
    assert redacted_tools(tools) is tools
    assert secret_places(tools) == []


def test_tools_that_items_bring() -> None:
    brings = Passed({"type": "additional_tools", "role": "developer", "tools": [SECRETIVE[0], PLAIN[1]]})
    said = Message(role="user", content=[InputText(WORD)])
    other = Passed({"type": "mcp_call", "headers": WORD, "tools": [SECRETIVE[0]]})
    items: list[Item] = [said, brings, other]
    told = redacted_items(items)
    assert told[0] is said
    assert told[2] is other
    assert isinstance(told[1], Passed)
    assert told[1].value["tools"] == [SECRETIVE[0] | {"authorization": REDACTED}, PLAIN[1]]
    assert secret_places(items) == [1]
    assert redacted_items([said]) == [said]


def test_a_response_echoes_no_secret() -> None:
    request = Request(model="m", tools=[PassedTool(SECRETIVE[0])])
    assert WORD.encode() not in pack(respond(request, id="resp_1", created_at=1))
    assert WORD.encode() in pack(request)
