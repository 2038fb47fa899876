"""What was asked, as it is kept: whole when it is recalled, without a secret on the disk."""

from typing import Any

import pytest

from antiphon.access.sealing import SecretSealer
from antiphon.core.items import InputText, Item, Message, Passed
from antiphon.core.ports import Claim
from antiphon.core.problems import Problem
from antiphon.core.redaction import redacted_items
from antiphon.core.request import FunctionTool, PassedTool, Request
from antiphon.core.response import respond
from antiphon.core.wire import pack
from antiphon.runs import asked

WORD = "sesame"
SEALER = SecretSealer(b"s" * 32)
MCP = {"type": "mcp", "server_label": "a", "authorization": WORD}
SAID = Message(id="msg_1", role="user", content=[InputText("hello")])
BRINGS = Passed({"type": "additional_tools", "id": "at_1", "role": "developer", "tools": [MCP]})


def claim(request: Request, kept: bytes, project: str = "p", inputs: list[Item] | None = None) -> Claim:
    response = respond(request, id="resp_1", created_at=1)
    kept_inputs = redacted_items(request.input) if inputs is None else inputs
    return Claim(project, response, kept_inputs, None, None, kept, 1, [])


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"instructions": "short", "tools": [FunctionTool(name="f"), PassedTool({"type": "web_search"})]},
        {"tools": [FunctionTool(name="f"), PassedTool(MCP), PassedTool({"type": "web_search"})]},
        {"input": [BRINGS, SAID]},
        {"input": [SAID, BRINGS], "tools": [PassedTool(MCP)]},
    ],
)
def test_it_comes_back_whole(fields: dict[str, Any]) -> None:
    request = Request(**({"model": "m", "background": True, "input": [SAID]} | fields))
    kept = asked.kept(request, "p", SEALER)
    assert WORD.encode() not in kept
    assert asked.recalled(claim(request, kept), SEALER) == request


def test_another_server_or_project_can_not_recall_secrets() -> None:
    request = Request(model="m", input=[SAID], tools=[PassedTool(MCP)])
    kept = asked.kept(request, "p", SEALER)
    for sealer, project in ((SecretSealer(b"t" * 32), "p"), (SEALER, "q")):
        with pytest.raises(Problem):
            asked.recalled(claim(request, kept, project), sealer)


def test_secrets_beyond_measure_are_refused_not_lost() -> None:
    large = PassedTool(MCP | {"server_description": "w" * asked.LARGEST})
    with pytest.raises(Problem) as found:
        asked.kept(Request(model="m", tools=[large]), "p", SEALER)
    assert (found.value.status, found.value.code) == (413, "request_too_large")
    kept = asked.kept(Request(model="m", instructions="w" * asked.LARGEST, tools=[PassedTool(MCP)]), "p", SEALER)
    assert len(kept) > asked.LARGEST


def test_a_tool_that_is_named_like_a_seal_is_a_tool() -> None:
    request = Request(model="m", input=[SAID], tools=[PassedTool({"type": "acme:sealed", "sealed": "AQ"})])
    assert asked.recalled(claim(request, asked.kept(request, "p", SEALER)), SEALER) == request
    assert b'"sealed":"AQ"' in pack(request)
