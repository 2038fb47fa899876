"""The next turn: what an upstream said comes back to it as its own, whether we kept it or the client sends it again."""

from typing import Any

import pytest

from tests.models.chat_habits import CALLED, Habit, function, piece
from tests.upstreams.behaviours import Speech, in_turn, speaking
from tests.upstreams.fake import faking
from tests.upstreams.front import end_of, front
from tests.upstreams.responses_habits import CALL, SEARCH, THOUGHT, WEATHER, done
from tests.upstreams.speech import HELLO, SPEECH, message, of_chat, of_responses, response

pytestmark = pytest.mark.anyio

STREAMED = pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
KEPT = pytest.mark.parametrize("kept", [True, False], ids=["kept", "sent again"])
TOOLS = [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}]
OUTPUT = {"type": "function_call_output", "call_id": "a1", "output": "fair"}
APPROVAL = {
    "type": "mcp_approval_request",
    "id": "mcpr_theirs",
    "server_label": "s",
    "name": "n",
    "arguments": "{}",
}
SAID = of_responses(
    [done(0, SEARCH), done(1, APPROVAL), done(2, message(HELLO))], response(SEARCH, APPROVAL, message(HELLO))
)
CALLS = of_responses([done(0, THOUGHT), done(1, CALL)], response(THOUGHT, CALL))
CHAT_CALLS = of_chat(
    Habit(
        [piece(index=0, id="a1", function=function("weather", WEATHER)), *CALLED], [("call", "weather", WEATHER, "a1")]
    )
)


async def two_turns(kind: Any, first: Speech, more: Any, *, streamed: bool, kept: bool) -> tuple[Any, Any]:
    """Our output of a first turn, and what the upstream is asked in a second one."""
    async with faking(in_turn(speaking(first), speaking(SPEECH[kind]))) as fake, front(fake.upstream(kind)) as rooms:
        asked: dict[str, Any] = {"model": "m", "tools": TOOLS, "stream": streamed, "store": kept}
        answer = end_of(await rooms.create("hi", **asked), streamed=streamed)
        items = [more] if kept else [{"role": "user", "content": "hi"}, *answer["output"], more]
        again = asked | ({"previous_response_id": answer["id"]} if kept else {})
        end_of(await rooms.create(items, **again), streamed=streamed)
        return answer["output"], fake.asked[1].body


@STREAMED
@KEPT
async def test_a_call_and_its_output_at_a_chat_completions_upstream(*, streamed: bool, kept: bool) -> None:
    _, asked = await two_turns("chat", CHAT_CALLS, OUTPUT, streamed=streamed, kept=kept)
    user, assistant, tool = asked["messages"]
    assert user == {"role": "user", "content": "hi"}
    call = {"id": "a1", "type": "function", "function": {"name": "weather", "arguments": WEATHER}}
    assert assistant == {"role": "assistant", "content": None, "tool_calls": [call]}
    assert tool == {"role": "tool", "tool_call_id": "a1", "content": "fair"}


@STREAMED
@KEPT
async def test_a_call_and_its_output_at_a_responses_upstream(*, streamed: bool, kept: bool) -> None:
    output, asked = await two_turns("responses", CALLS, OUTPUT, streamed=streamed, kept=kept)
    assert [item["type"] for item in asked["input"]] == [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    _, thought, call, given = asked["input"]
    assert (call["call_id"], call["name"], call["arguments"]) == ("a1", "weather", WEATHER)
    assert (given["call_id"], given["output"]) == ("a1", "fair")
    assert thought["content"] == THOUGHT["content"]
    assert asked["store"] is False and "previous_response_id" not in asked
    ours = {item["id"] for item in output}
    assert not ours & {"rs_1", "fc_1"} and not any(item.get("id") for item in asked["input"])


@STREAMED
@KEPT
async def test_what_hosted_tools_did_is_told_again_under_one_id(*, streamed: bool, kept: bool) -> None:
    more = {"role": "user", "content": "and?"}
    output, asked = await two_turns("responses", SAID, more, streamed=streamed, kept=kept)
    assert [item["type"] for item in output] == ["web_search_call", "mcp_approval_request", "message"]
    search, approval = asked["input"][1:3]
    assert search == SEARCH | {"id": output[0]["id"]}
    assert approval == APPROVAL | {"id": output[1]["id"]}
    assert output[0]["id"].startswith("ws_") and output[1]["id"].startswith("mcpr_")


@STREAMED
@KEPT
async def test_an_approval_goes_to_the_upstream_whose_tool_asks_for_it(*, streamed: bool, kept: bool) -> None:
    async with (
        faking(in_turn(speaking(SAID), speaking(SPEECH["responses"]))) as fake,
        front(fake.upstream("responses")) as rooms,
    ):
        asked: dict[str, Any] = {"model": "m", "stream": streamed, "store": kept}
        answer = end_of(await rooms.create("hi", **asked), streamed=streamed)
        request = answer["output"][1]
        approval = {"type": "mcp_approval_response", "approval_request_id": request["id"], "approve": True}
        items = [approval] if kept else [{"role": "user", "content": "hi"}, *answer["output"], approval]
        again = asked | ({"previous_response_id": answer["id"]} if kept else {})
        end_of(await rooms.create(items, **again), streamed=streamed)
        seen, given = fake.asked[1].body["input"][2], fake.asked[1].body["input"][-1]
    assert seen == APPROVAL | {"id": request["id"]}
    assert given == approval


async def test_an_approval_of_nothing_is_refused() -> None:
    async with faking(speaking(SPEECH["responses"])) as fake, front(fake.upstream("responses")) as rooms:
        approval = {"type": "mcp_approval_response", "approval_request_id": "mcpr_none", "approve": True}
        answer = await rooms.create([approval], model="m")
        assert answer.error() == (400, None, "input")
        assert "mcpr_none" in answer.json()["error"]["message"] and not fake.asked
