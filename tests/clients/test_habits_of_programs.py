"""What single programs send (clients.md), as it was recorded: Codex, opencode, the Agents SDK, LangChain, llm …"""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai import OpenAI
from websockets.sync.client import ClientConnection, connect

from tests.asking import ask, refused
from tests.clients.test_habits import HI, SCHEMA, call, made, post, script, text
from tests.grammar import check_stream, parse_sse
from tests.served import Server

THREAD = "0199c0de-0000-7000-8000-000000000001"
CODEX_HEADERS = {
    "Accept": "text/event-stream",
    "originator": "codex_exec",
    "session-id": THREAD,
    "thread-id": THREAD,
    "x-client-request-id": THREAD,
    "x-codex-turn-metadata": json.dumps({"turn_id": "1", "sandbox": "none"}),
    "x-codex-window-id": f"{THREAD}:0",
    "x-codex-beta-features": "remote_compaction_v2",
    "x-openai-subagent": "review",
    "x-codex-parent-thread-id": THREAD,
    "x-openai-internal-codex-responses-lite": "true",
}
SHELL = {"type": "function", "name": "shell", "description": "Runs.", "strict": False, "parameters": SCHEMA}
CODEX_TOOLS: list[Any] = [
    *({**SHELL, "name": f"tool_{number}"} for number in range(6)),
    SHELL,
    {"type": "namespace", "name": "multi_agent_v1", "description": "Agents.", "tools": [{**SHELL, "name": "spawn"}]},
    {"type": "web_search", "external_web_access": False},
]
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch" /(.|\\n)+/'},
}


def codex(said: str, **more: Any) -> dict[str, Any]:
    """Codex's body: the system prompt is a developer message, and each item has an id that the client chose."""

    def item(role: str, words: str) -> dict[str, Any]:
        content = [{"type": "input_text", "text": words}]
        return {"type": "message", "id": f"msg_{uuid.UUID(THREAD)}", "role": role, "content": content}

    return {
        "input": [item("developer", "You are Codex. " * 2500), item("user", "<environment/>"), item("user", said)],
        "tools": CODEX_TOOLS,
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": THREAD,
        "client_metadata": {"x-codex-installation-id": THREAD},
    } | more


def codex_turn(server: Server, said: str, **more: Any) -> Any:
    answer = post(server, codex(said, **more), CODEX_HEADERS)
    assert (answer.status, answer.headers["x-client-request-id"]) == (200, THREAD), answer
    assert answer.headers["x-ignored-parameters"] == "client_metadata"
    return check_stream(parse_sse(answer.body))


def test_codex_first_body_of_forty_kilobytes(lasting_server: Server) -> None:
    assert len(json.dumps(codex("hi"))) > 35_000
    said = script({"reasoning": "hm"}, {"call": {"name": "shell", "arguments": {"city": "ls"}}})
    thought, shell = codex_turn(lasting_server, said)["output"]
    assert thought["encrypted_content"] and shell["name"] == "shell"
    output = {"type": "function_call_output", "id": f"fco_{THREAD}", "call_id": shell["call_id"], "output": "a.txt"}
    again = codex("hi")
    again["input"] += [thought, {**shell, "id": f"fc_{THREAD}"}, output, HI]
    answer = post(lasting_server, again, CODEX_HEADERS)
    assert text(check_stream(parse_sse(answer.body))) == "hi"


def test_codex_calls_in_its_namespace(lasting_server: Server) -> None:
    said = script({"call": {"name": "spawn", "namespace": "multi_agent_v1", "arguments": {"city": "x"}}})
    (spawn,) = codex_turn(lasting_server, said)["output"]
    assert (spawn["type"], spawn["namespace"], spawn["name"]) == ("function_call", "multi_agent_v1", "spawn")


def test_codex_known_models_patch_files_and_search_tools(lasting_server: Server) -> None:
    tools = [*CODEX_TOOLS, PATCH, {"type": "tool_search", "execution": "client", "description": None}]
    patch = "*** Begin Patch\n*** End Patch"
    reasoning = {"effort": "medium", "context": "auto"}
    more: Any = {"tools": tools, "reasoning": reasoning, "text": {"verbosity": "low"}}
    (edit,) = codex_turn(lasting_server, script({"custom": {"name": "apply_patch", "input": patch}}), **more)["output"]
    assert (edit["type"], edit["name"], edit["input"]) == ("custom_tool_call", "apply_patch", patch)
    search = {"type": "tool_search_call", "status": "completed", "execution": "client", "arguments": {"query": "mail"}}
    (found,) = codex_turn(lasting_server, script({"item": search}), **more)["output"]
    assert found["type"] == "tool_search_call" and found["call_id"]
    given = {"type": "tool_search_output", "call_id": found["call_id"], "tools": [{**SHELL, "name": "mail"}]}
    body = codex(script({"call": {"name": "mail", "arguments": {"city": "x"}}}), **more)
    body["input"][1:1] = [found, given]
    body["tool_choice"] = {"type": "function", "name": "mail"}  # which is there because the search has found it
    answer = post(lasting_server, body, CODEX_HEADERS)
    assert check_stream(parse_sse(answer.body))["output"][0]["name"] == "mail"


def test_codex_code_mode_brings_its_tools_as_an_item(lasting_server: Server) -> None:
    exec_tool = {"type": "custom", "name": "exec", "description": "Runs JavaScript.", "format": {"type": "text"}}
    functions = {"type": "namespace", "name": "functions", "description": "", "tools": [exec_tool]}
    brought = {"type": "additional_tools", "id": f"at_{THREAD}", "role": "developer", "tools": [functions]}
    body = codex(script({"custom": {"name": "exec", "namespace": "functions", "input": "ls()"}}))
    del body["tools"]
    body["input"].insert(0, brought)
    answer = post(lasting_server, body | {"tool_choice": {"type": "custom", "name": "exec"}}, CODEX_HEADERS)
    (ran,) = check_stream(parse_sse(answer.body))["output"]
    assert (ran["type"], ran["namespace"], ran["name"], ran["input"]) == (
        "custom_tool_call",
        "functions",
        "exec",
        "ls()",
    )
    parts = [{"type": "input_text", "text": "a.txt"}, {"type": "input_text", "text": "b.txt"}]
    body["input"] += [ran, {"type": "custom_tool_call_output", "call_id": ran["call_id"], "output": parts}, HI]
    again = post(lasting_server, body, CODEX_HEADERS)
    assert text(check_stream(parse_sse(again.body))) == "hi"


def turn(socket: ClientConnection, **body: Any) -> Any:
    socket.send(json.dumps({"type": "response.create", "model": "scripted"} | body))
    frames = [json.loads(socket.recv())]
    while not frames[-1]["type"].startswith(("response.completed", "response.failed", "error")):
        frames.append(json.loads(socket.recv()))
    assert frames[-1]["type"] == "response.completed", frames[-1]
    return frames[-1]["response"]


def test_codex_warms_up_over_a_websocket_and_then_sends_what_is_new(lasting_server: Server) -> None:
    headers = CODEX_HEADERS | {"OpenAI-Beta": "responses_websockets=2026-02-06"}
    url = f"ws://127.0.0.1:{lasting_server.port}/v1/responses"
    with connect(url, additional_headers=headers) as socket:
        body = codex(script({"call": {"name": "shell", "arguments": {"city": "ls"}}}))
        developer, *said = body.pop("input")
        warm = turn(socket, **body, input=[developer], generate=False)
        assert (warm["status"], warm["output"]) == ("completed", [])
        first = turn(socket, **body, input=said, previous_response_id=warm["id"])
        (shell,) = first["output"]
        output = {"type": "function_call_output", "call_id": shell["call_id"], "output": "a.txt"}
        last = turn(socket, **body, input=[output], previous_response_id=first["id"])
        assert last["usage"]["input_tokens"] > first["usage"]["input_tokens"] > 5000, "all of it was read"
        empty = turn(socket, **body, input=[], generate=False)
        assert empty["output"] == []


def test_codex_is_told_of_limits_in_the_stream_and_of_a_full_context_by_its_code(lasting_server: Server) -> None:
    failing = script({"text": "a"}, {"fail": {"status": 429, "code": "rate_limit_exceeded", "message": "slow down"}})
    failed = codex_turn(lasting_server, failing)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "rate_limit_exceeded")
    long = post(lasting_server, codex("w " * 140_000), CODEX_HEADERS)
    assert refused(long) == (400, "context_length_exceeded", "input")


def test_codex_compacts_by_a_message_of_its_user(lasting_server: Server) -> None:
    body = codex("You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary.")
    body["input"].insert(1, {"role": "user", "content": "FACT Her name is Ada."})
    answer = post(lasting_server, body, CODEX_HEADERS)
    assert text(check_stream(parse_sse(answer.body))) == "FACT Her name is Ada."


def test_opencode_asks_for_a_title_and_an_answer_at_once(lasting_server: Server) -> None:
    headers = {"Accept": "*/*", "x-session-id": "ses_1", "x-session-affinity": "ses_1"}
    tools = [{"type": "function", "name": f"tool_{number}", "parameters": SCHEMA} for number in range(10)]

    def asked(said: str, **more: Any) -> str:
        items = [{"role": "system", "content": "You are opencode."}, {"role": "user", "content": said}]
        body = {"input": items, "store": False, "stream": True, "prompt_cache_key": "ses_1", **more}
        answer = post(lasting_server, body, headers)
        assert (answer.status, answer.headers.get("x-ignored-parameters")) == (200, None)
        return text(check_stream(parse_sse(answer.body)))

    with ThreadPoolExecutor(2) as both:
        title = both.submit(asked, '"hello" title')
        agent = both.submit(asked, '"hello"', tools=tools, tool_choice="auto")
        assert (title.result(), agent.result()) == ('"hello" title', '"hello"')


def test_the_ai_sdk_sends_messages_without_a_type_and_reasoning_by_reference(lasting_server: Server) -> None:
    first = made(lasting_server, input=[HI, {"role": "user", "content": script({"reasoning": "hm"}, {"text": "so"})}])
    thought, message = first["output"]
    items: Any = [
        HI,
        {"type": "item_reference", "id": thought["id"]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "so"}], "id": message["id"]},
        {"role": "user", "content": [{"type": "input_text", "text": "on"}]},
    ]
    assert text(made(lasting_server, input=items, include=["reasoning.encrypted_content"])) == "on"
    sealed = {"store": False, "include": ["reasoning.encrypted_content"]}
    thought = made(lasting_server, input=script({"reasoning": "hm"}, {"text": "so"}), **sealed)["output"][0]
    back = {"type": "reasoning", "id": thought["id"], "encrypted_content": thought["encrypted_content"], "summary": []}
    assert text(made(lasting_server, input=[HI, back, {"role": "user", "content": "on"}], **sealed)) == "on"


@pytest.fixture
def client(lasting_server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=lasting_server.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_session_of_the_agents_sdk_lives_in_a_conversation(client: OpenAI, order: Any) -> None:
    conversation = client.conversations.create(items=[])
    thought: Any = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "x"}],
    }
    answer: Any = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "so", "annotations": [], "logprobs": []}],
    }
    for items in ([HI], [thought, answer]):
        client.conversations.items.create(conversation.id, items=items)
    listed = list(client.conversations.items.list(conversation.id, order=order))
    kinds = [item.type for item in listed]
    assert kinds == ["message", "reasoning", "message"]
    popped = listed[-1] if order == "asc" else listed[0]
    client.conversations.items.delete(popped.id or "", conversation_id=conversation.id)
    assert len(list(client.conversations.items.list(conversation.id))) == 2
    client.conversations.delete(conversation.id)


def test_langchain_and_pydantic_ai_send_only_what_is_new(lasting_server: Server) -> None:
    tools = [{"type": "function", "name": "weather", "description": "d", "parameters": SCHEMA, "strict": None}]
    said = script({"call": {"name": "weather", "arguments": {"city": "Oslo"}}})
    first = made(lasting_server, input=[{"type": "message", "role": "user", "content": said}], tools=tools)
    output = {"type": "function_call_output", "call_id": first["output"][0]["call_id"], "output": "fair"}
    second = made(lasting_server, input=[output], tools=tools, previous_response_id=first["id"], truncation="disabled")
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]


def test_llm_keeps_nothing_and_sends_the_history_again(lasting_server: Server) -> None:
    tools = [{"type": "function", "name": "weather", "description": None, "parameters": SCHEMA, "strict": False}]
    items: Any = [HI, {"role": "assistant", "content": "so"}]
    items += [call("weather", arguments='{"city": "Oslo"}')]
    items += [
        {"type": "function_call_output", "call_id": "call_1", "output": "fair"},
        {"role": "user", "content": "on"},
    ]
    response = made(lasting_server, input=items, tools=tools, store=False, include=["reasoning.encrypted_content"])
    assert text(response) == "on"
    assert ask(lasting_server, "GET", f"/v1/responses/{response['id']}").status == 404


def test_metadata_of_a_client_is_ignored_and_named(lasting_server: Server) -> None:
    answer = post(lasting_server, {"input": "hi", "client_metadata": {"a": "b"}, "litellm_metadata": {"c": 1}})
    assert answer.headers["x-ignored-parameters"] == "client_metadata, litellm_metadata"
