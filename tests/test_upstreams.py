"""The whole way through upstreams that are real: llama.cpp's own server, both ways it speaks, and another Antiphon.

And what clients see of two upstreams when one of them is killed.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from openai import BadRequestError, OpenAI

from antiphon.core.signals import Signal
from antiphon.models.upstream import Upstream
from antiphon.models.upstream_config import Configured, ModelTable
from antiphon.models.upstreams import Upstreams
from tests.asgi import Rooms, script, serving, until
from tests.clients.sdk import checked, told
from tests.grammar import check_stream
from tests.models.http_upstream import END, event, refusing, said, standing, streaming
from tests.served import Server, free_port, running

ENGINE = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 4096, 2, 1
params.hostnames, params.n_threads_http, params.verbosity = ["127.0.0.1"], 4, 1
params.warmup = params.fit_params = params.ui = False
params.model_alias = {"small"}
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def engine(small_model: Path) -> Iterator[str]:
    """llama.cpp's own HTTP server over the small model; its base URL."""
    command = [sys.executable, "-c", ENGINE, str(small_model), str(free_port())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), address
            yield f"{address}/v1"
        finally:
            process.kill()


@pytest.fixture(scope="module")
def gateway(engine: str, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    """A client of an Antiphon that stands before all of them."""
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "antiphon.toml").write_text(f"""
[upstreams.chat]
url = "{engine}"
kind = "chat"
[upstreams.responses]
url = "{engine}"
kind = "responses"
[upstreams.antiphon]
url = "{server.url}"
[upstreams.sibling]
url = "{server.url}"
kind = "chat"

[models.by-chat]
upstreams = ["chat"]
model = "small"
[models.by-responses]
upstreams = ["responses"]
model = "small"
[models.scripted]
upstreams = ["antiphon"]
[models.by-sibling]
upstreams = ["sibling"]
model = "scripted"
""")
    with running("", folder, "--ephemeral") as (front, _):
        yield OpenAI(base_url=front.url, api_key="none", max_retries=0)


def test_their_models_are_listed_together(gateway: OpenAI) -> None:
    assert [model.id for model in gateway.models.list()] == ["by-chat", "by-responses", "scripted", "by-sibling"]


@pytest.mark.parametrize("model", ["by-chat", "by-responses", "by-sibling", "scripted"])
def test_streamed_or_not_it_is_the_same_answer_in_the_grammar(gateway: OpenAI, model: str) -> None:
    asked: dict[str, Any] = {"model": model, "input": "Say hello.", "max_output_tokens": 24, "temperature": 0.0}
    whole = gateway.responses.create(**asked)
    streamed = checked(list(gateway.responses.create(**asked, stream=True)))
    text = streamed["output"][0]["content"][0]["text"]
    assert whole.output_text == text != ""
    assert whole.status in ("completed", "incomplete")
    assert streamed["usage"]["input_tokens"] > 0 and streamed["usage"]["output_tokens"] > 0
    assert [item["id"][:4] for item in streamed["output"]] == ["msg_"]


@pytest.mark.parametrize("model", ["by-chat", "by-responses", "by-sibling", "scripted"])
def test_a_chain_goes_on_though_the_upstream_keeps_nothing(gateway: OpenAI, model: str) -> None:
    first = gateway.responses.create(model=model, input="My name is Ada.", max_output_tokens=16)
    second = gateway.responses.create(
        model=model, input="And yours?", previous_response_id=first.id, max_output_tokens=16
    )
    assert first.usage is not None and second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens


SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "enum": ["red", "green"]}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("model", ["by-chat", "by-responses"])
def test_a_strict_format_is_kept_to_or_the_answer_fails(gateway: OpenAI, model: str) -> None:
    """llama.cpp passes the format over where it is asked for a response."""
    text: Any = {"format": {"type": "json_schema", "name": "colour", "schema": SCHEMA, "strict": True}}
    answer = gateway.responses.create(model=model, input="Pick a colour.", text=text, max_output_tokens=64)
    if model == "by-chat":
        assert json.loads(answer.output_text)["name"] in ("red", "green")
    elif answer.status != "incomplete":
        assert answer.error is not None and answer.error.code == "model_error"


@pytest.mark.parametrize("model", ["by-chat", "by-responses"])
def test_a_call_that_is_required_is_made_or_the_answer_fails(gateway: OpenAI, model: str) -> None:
    """llama.cpp does not force a call for a model whose template knows no tools; it must not pass for an answer."""
    tools: Any = [{"type": "function", "name": "colour", "parameters": SCHEMA, "strict": True}]
    ended = gateway.responses.create(
        model=model, input="Pick a colour.", tools=tools, tool_choice="required", max_output_tokens=200, temperature=0.0
    )
    called = [item for item in ended.output if item.type == "function_call"]
    assert called or ended.status in ("failed", "incomplete")
    assert called or ended.status == "incomplete" or (ended.error is not None and ended.error.code == "model_error")


def test_what_another_antiphon_does_is_done_here(gateway: OpenAI) -> None:
    steps = script(
        {"reasoning": "hm so"},
        {"text": "one two"},
        {"item": {"type": "web_search_call", "id": "ws_x", "status": "completed", "action": {"type": "search"}}},
        {"call": {"name": "f", "arguments": {"a": 1}}},
    )
    events = list(gateway.responses.create(model="scripted", input=steps, stream=True))
    ended = check_stream([told(one) for one in events])
    assert [item["type"] for item in ended["output"]] == ["reasoning", "message", "web_search_call", "function_call"]
    assert ended["output"][0]["content"][0]["text"] == "hm so"
    assert ended["output"][2]["id"] != "ws_x"


def test_what_another_antiphon_does_as_chat_completions_is_done_here(gateway: OpenAI) -> None:
    """A Chat Completions upstream that is one of ours, called over Responses and over Chat Completions."""
    tools: Any = [
        {"type": "function", "name": "f", "parameters": {"type": "object"}},
        {"type": "custom", "name": "g"},
    ]
    steps = script(
        {"reasoning": "hm so"},
        {"text": "one two"},
        {"call": {"name": "f", "arguments": {"a": 1}, "call_id": "call_a"}},
        {"call": {"name": "g", "arguments": {"input": "in"}, "call_id": "call_b"}},
    )
    whole = gateway.responses.create(model="by-sibling", input=steps, tools=tools)
    streamed = check_stream(
        [told(one) for one in gateway.responses.create(model="by-sibling", input=steps, tools=tools, stream=True)]
    )
    for output in (told(whole)["output"], streamed["output"]):
        thought, said, call, custom = output
        assert thought["content"][0]["text"] == "hm so"
        assert said["content"][0]["text"] == "one two"
        assert (call["call_id"], json.loads(call["arguments"])) == ("call_a", {"a": 1})
        assert (custom["type"], custom["call_id"], custom["input"]) == ("custom_tool_call", "call_b", "in")
    assert whole.usage is not None and whole.usage.output_tokens_details.reasoning_tokens == 2
    nested: Any = [{"type": tool["type"], tool["type"]: {**tool, "type": None}} for tool in tools]
    messages: Any = [{"role": "user", "content": steps}]
    chat = gateway.chat.completions.create(model="by-sibling", messages=messages, tools=nested)
    assert chat.choices[0].message.content == "one two"
    assert [call.id for call in chat.choices[0].message.tool_calls or ()] == ["call_a", "call_b"]


def test_what_a_sibling_refuses_or_breaks_off_is_told(gateway: OpenAI) -> None:
    failing = script({"fail": {"status": 400, "code": "invalid_prompt", "message": "no"}})
    with pytest.raises(BadRequestError) as refused:
        gateway.responses.create(model="by-sibling", input=failing)
    assert refused.value.code == "invalid_prompt"
    breaking = script({"text": "one"}, {"fail": {"status": 500, "code": "model_error", "message": "It broke."}})
    events = [told(one) for one in gateway.responses.create(model="by-sibling", input=breaking, stream=True)]
    assert check_stream(events)["error"]["code"] in ("model_error", "server_error")


def test_what_it_refuses_is_refused_with_its_status(gateway: OpenAI) -> None:
    failing = script({"fail": {"status": 400, "code": "invalid_prompt", "message": "no"}})
    with pytest.raises(BadRequestError) as refused:
        gateway.responses.create(model="scripted", input=failing)
    assert refused.value.code == "invalid_prompt"


@asynccontextmanager
async def before(*upstreams: Upstream, **options: Any) -> AsyncIterator[Rooms]:
    """A server whose model `m` stands behind these."""
    signals: list[Signal] = []
    by_name = {one.name: one for one in upstreams}
    tables = {"m": ModelTable(upstreams=list(by_name), model="scripted")}
    found = Upstreams(Configured(by_name, tables), signals.append, ("127.0.0.1", 1))
    model = found.find("m")
    assert model is not None
    try:
        async with serving(None, model, **options) as rooms:
            yield rooms
    finally:
        await found.stop()


@pytest.mark.anyio
async def test_when_nothing_is_left_status_and_retry_after_are_the_upstreams() -> None:
    limited = refusing(429, "slow down", **{"Retry-After": "17"})
    async with standing(limited) as stand, before(stand.upstream()) as rooms:
        for streamed in (False, True):
            answer = await rooms.create("hi", model="m", stream=streamed)
            assert answer.error() == (429, "rate_limit_exceeded", None)
            assert answer.headers["retry-after"] == "17"
        assert len(stand.asked) == 2


@pytest.mark.anyio
async def test_after_the_first_heartbeat_a_fault_is_told_in_the_stream() -> None:
    async def late(request: web.Request, body: Any) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return await refusing(429, "slow down", **{"Retry-After": "17"})(request, body)

    async with standing(late) as stand, before(stand.upstream(), heartbeat=0.05) as rooms:
        answer = await rooms.create("hi", model="m", stream=True)
        assert answer.status == 200
        last = answer.events()[-1]
        assert (last["type"], last["response"]["error"]["code"]) == ("response.failed", "rate_limit_exceeded")


@pytest.mark.anyio
async def test_a_client_that_leaves_and_a_cancel_end_the_call_there() -> None:
    async with standing(streaming(said("a"), 60.0)) as stand, before(stand.upstream()) as rooms:
        leaving = rooms.creating("hi", model="m", stream=True)
        await until(lambda: b"output_text.delta" in leaving.raw)
        leaving.leave()
        await until(lambda: stand.left == 1)
        made = await rooms.made("hi", model="m", background=True)
        await until(lambda: len(stand.asked) == 2)
        await rooms.ask("POST", f"/v1/responses/{made['id']}/cancel")
        await until(lambda: stand.left == 2)


@pytest.mark.anyio
async def test_a_thought_that_the_upstream_sealed_goes_back_to_it_with_its_own_id() -> None:
    thought = {
        "type": "reasoning",
        "id": "rs_theirs",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "BLOB",
    }
    done = event("response.output_item.done", output_index=0, item=thought)
    async with standing(streaming(done, said("a"), END)) as stand, before(stand.upstream()) as rooms:
        first = await rooms.made("hi", model="m")
        (ours, _) = first["output"]
        assert ours["id"] != "rs_theirs" and "BLOB" not in json.dumps(first)
        await rooms.made("more", model="m", previous_response_id=first["id"])
        by_hand = [{"role": "user", "content": "hi"}, *first["output"], {"role": "user", "content": "more"}]
        await rooms.made(by_hand, model="m", store=False)
        for _, body in stand.asked[1:]:
            assert body["input"][1] == thought
            assert [item["type"] for item in body["input"]] == ["message", "reasoning", "message", "message"]


@pytest.mark.anyio
@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
async def test_one_of_two_is_killed_in_the_middle_of_200_requests(tmp_path: Path, *, streamed: bool) -> None:
    """Whoever had no token yet sees nothing of it; whoever had some is told. A whole answer comes at once."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        running("scripted", tmp_path / "a", "--ephemeral") as (doomed, process),
        running("scripted", tmp_path / "b", "--ephemeral") as (other, _),
    ):
        upstreams = [Upstream(name=one.data.name, url=one.url, kind="responses") for one in (doomed, other)]
        async with before(*upstreams) as rooms:
            room, ended = asyncio.Semaphore(24), 0

            async def one(number: int) -> tuple[bool, bool]:
                """Whether it had a token, and whether it failed."""
                nonlocal ended
                async with room:
                    text = f"request {number} " + "word " * 10
                    steps = script({"reasoning": "", "delay": 0.01}, {"text": text, "delay": 0.004})
                    answer = await rooms.create(steps, model="m", stream=streamed, store=False)
                    ended += 1
                    if ended == 60:
                        os.kill(process.pid, 9)
                    if answer.status != 200:
                        return False, True
                    if not streamed:
                        return False, answer.json()["status"] != "completed"
                    events = answer.events()
                    spoke = any(one["type"] == "response.output_text.delta" for one in events)
                    return spoke, events[-1]["type"] != "response.completed"

            seen = await asyncio.gather(*(one(number) for number in range(200)))
    assert process.returncode != 0
    assert [pair for pair in seen if pair == (False, True)] == []
    failed = [pair for pair in seen if pair[1]]
    assert len(failed) <= 24  # those that were in the middle
    assert len(seen) - len(failed) >= 176
