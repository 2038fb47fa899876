"""Contracts side by side: what came in through one is read through the others; which stands where."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from antiphon.contract.contract import load, names
from antiphon.contract.own import read_file
from antiphon.core.accounts import Project
from tests.asgi import Answer, Rooms, script, serving
from tests.asking import ask
from tests.openapi import check_event, check_resource
from tests.served import command, environment, free_port, running

pytestmark = pytest.mark.anyio

STATEFUL = [name for name in names() if name != "infercom"]
EXAMPLE = Path(__file__).parents[1] / "examples" / "contract.toml"
SAID = script(
    {"reasoning": "hm"},
    {"text": "a word"},
    {"custom": {"name": "g", "input": "x", "call_id": "call_1"}},
    {"refusal": "no"},
)


def legal(contract: str, response: Any) -> dict[str, Any]:
    """The response, which is legal by the contract's own schema."""
    Draft202012Validator(load(contract).answer).validate(response)
    assert isinstance(response, dict)
    return response


def events(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.body
    lines = [line for line in answer.body.split(b"\n") if line.startswith(b"data: {")]
    return [json.loads(line[6:]) for line in lines]


async def read(server: Rooms, contract: str, path: str) -> Answer:
    return await server.ask("GET", f"{load(contract).base}{path}")


@pytest.mark.parametrize("made_by", STATEFUL)
async def test_one_response_has_every_contracts_shape(made_by: str) -> None:
    own = {"metadata": {"deep": [1]}, "flavour": "odd"} if made_by == "gateway" else {"metadata": {"a": "b"}}
    async with serving() as server:
        body = {"model": "scripted", "input": SAID, "stream": True} | own
        live = events(await server.ask("POST", f"{load(made_by).base}/responses", body))
        made = legal(made_by, live[-1]["response"])["id"]
        for name in STATEFUL:
            answer = await read(server, name, f"/responses/{made}")
            response = legal(name, answer.json())
            told = events(await read(server, name, f"/responses/{made}?stream=true"))
            assert legal(name, told[-1]["response"]) == response
            later = events(await read(server, name, f"/responses/{made}?stream=true&starting_after=3"))
            assert later == [event for event in told if event["sequence_number"] > 3]
            if name == made_by:
                assert told == live
            assert "a word" in json.dumps(response["output"])
            items = (await read(server, name, f"/responses/{made}/input_items")).json()
            assert items["data"][0]["content"][0]["text"] == SAID


async def test_what_open_responses_tells_is_what_its_validator_takes() -> None:
    tools = [{"type": "function", "name": "f"}]
    said = script({"reasoning": "hm"}, {"summary": "s"}, {"text": "a"}, {"call": {"name": "f", "arguments": {}}})
    async with serving() as server:
        body = {"model": "scripted", "input": said, "tools": tools, "stream": True, "max_output_tokens": 64}
        for event in events(await server.ask("POST", "/openresponses/v1/responses", body)):
            check_event(event)
        check_resource((await server.ask("POST", "/openresponses/v1/responses", body | {"stream": False})).json())


async def test_a_conversation_is_told_in_a_contracts_kinds() -> None:
    item = {"type": "openai:web_search_call", "id": "ws_1", "status": "completed"}
    async with serving() as server:
        made = (await server.ask("POST", "/openresponses/v1/conversations", {"items": [item]})).json()["id"]
        path = f"/conversations/{made}/items"
        for name, kind in (("openresponses", "openai:web_search_call"), ("openai", "web_search_call")):
            (told,) = (await read(server, name, path)).json()["data"]
            assert told["type"] == kind
            assert (await read(server, name, f"{path}/ws_1")).json()["type"] == kind


async def test_seconds_are_measured() -> None:
    slowly = script({"text": "a b c", "delay": 0.01})
    async with serving() as server:
        body = {"model": "scripted", "input": slowly}
        whole = (await server.ask("POST", "/infercom/v1/responses", body)).json()
        streamed = events(await server.ask("POST", "/infercom/v1/responses", body | {"stream": True}))
        for response in (whole, streamed[-1]["response"]):
            usage = legal("infercom", response)["usage"]
            assert 0 < usage["time_to_first_token"] < usage["total_latency"]
            assert usage["output_tokens_per_sec"] == pytest.approx(usage["output_tokens"] / usage["total_latency"])
        assert "usage" not in streamed[0]["response"]
        # Nothing of it is kept: it can't be measured again by whoever reads later.
        kept = events(await server.ask("POST", "/v1/responses", body | {"stream": True}))
        assert "total_latency" not in kept[-1]["response"]["usage"]


async def test_refusals_have_the_shape_of_whom_they_were_meant_for() -> None:
    async with serving() as server:
        for method, path, status in (("GET", "/gateway/v1/nothing", 404), ("PUT", "/gateway/v1/responses", 405)):
            answer = await server.ask(method, path)
            assert (answer.status, answer.json().keys()) == (status, {"detail", "error"})
        assert (await server.ask("PUT", "/gateway/v1/responses")).headers["allow"] == "POST"
        assert (await server.ask("GET", "/infercom/v1/nothing")).json().keys() == {"error"}
        page = await server.ask("GET", "/gateway/v1/responses/resp_1/input_items?limit=0")
        assert (page.status, page.json()["detail"][0]["loc"]) == (422, ["query", "limit"])
        broken = await server.ask("POST", "/gateway/v1/responses", b"{")
        assert (broken.status, broken.json()["detail"][0]["type"]) == (422, "json_invalid")


async def test_a_project_that_is_bound_to_a_contract_is_refused_elsewhere() -> None:
    async with serving() as server:
        await server.store.keep_project(Project(id="p", name="p", created_at=1, contract="gateway"))
        headers = {"authorization": f"Bearer {await server.key('p')}"}
        body = {"model": "scripted", "input": "a"}
        assert (await server.ask("POST", "/gateway/v1/responses", body, headers)).status == 200
        for base in ("/v1", "/infercom/v1"):
            refused = await server.ask("POST", f"{base}/responses", body, headers)
            assert refused.error()[:2] == (400, "contract_not_allowed")


async def test_every_base_describes_itself() -> None:
    async with serving() as server:
        for name in names():
            base = load(name).base
            described = (await server.ask("GET", f"{base}/openapi.json")).json()
            assert described["servers"] == [{"url": base}]
            made = (await server.ask("POST", f"{base}/responses", {"model": "scripted", "input": "a"})).json()
            Draft202012Validator(described | {"$ref": "#/components/schemas/Response"}).validate(made)
            error = (await server.ask("POST", f"{base}/responses", {"input": "a"})).json()
            Draft202012Validator(described | {"$ref": "#/components/schemas/Error"}).validate(error)
            answers = described["paths"]["/responses"]["post"]["responses"]
            assert ("422" in answers) == (name == "gateway")
            assert ("text/plain" in answers["500"].get("content", {})) == (name == "infercom")
        assert (await server.ask("GET", "/openapi.json")).json()["servers"] == [{"url": "/v1"}]


def test_another_contract_stands_at_v1_and_ones_own_beside_it(tmp_path: Path) -> None:
    options = ("--ephemeral", "--contract", "gateway", "--contract-file", str(EXAMPLE))
    with running("scripted", tmp_path, *options) as (server, _):
        assert "detail" in ask(server, "POST", "/v1/responses", b"{}").json()
        assert "error" in ask(server, "POST", "/openai/v1/responses", b"{}").json()
        own = read_file(EXAMPLE)
        body = {"model": "scripted", "input": "a b c d", "max_tokens": 2}
        answer = ask(server, "POST", f"{own.base}/responses", json.dumps(body).encode())
        assert (answer.status, answer.json()["status"], answer.json()["temperature"]) == (200, "incomplete", 0.2)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--contract", "nobody"), "antiphon: there is no contract 'nobody'; there are: gateway, infercom"),
        (("--contract-file", "mine.toml"), "antiphon: mine.toml: base: '/v1' is taken: a contract stands at '/v1'"),
        (("--contract-file", "none.toml"), "antiphon: none.toml: this can't be read: "),
    ],
)
def test_a_contract_that_cannot_stand_is_told_in_a_line(tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    (tmp_path / "mine.toml").write_text('like = "openai"\nname = "mine"\nbase = "/v1"\n')
    ended = subprocess.run(
        [*command("scripted", tmp_path, free_port()), "--ephemeral", *options],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(told)
    assert ended.stderr.count("\n") == 1
