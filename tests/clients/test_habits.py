"""What every client does, one by one (clients.md, "General" 1 to 14), against a server that keeps what it is told."""

import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from openai import OpenAI
from websockets.sync.client import connect

from tests.asking import JSON_TYPE, Answer, ask, refused
from tests.grammar import check_stream, parse_sse
from tests.served import Server

HI = {"role": "user", "content": "hi"}
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"city": {"type": "string"}},
}


def script(*steps: Any) -> str:
    return json.dumps(steps)


def post(server: Server, body: Any, headers: Any = None, path: str = "/responses") -> Answer:
    data = body if isinstance(body, bytes) else json.dumps({"model": "scripted"} | body).encode()
    return ask(server, "POST", f"/v1{path}", data, JSON_TYPE | (headers or {}))


def made(server: Server, **body: Any) -> Any:
    """The response of a request that is taken whole: nothing of it is refused, and nothing ignored."""
    answer = post(server, body)
    assert (answer.status, answer.headers.get("x-ignored-parameters")) == (200, None), answer
    return answer.json()


def text(response: Any) -> str:
    return "".join(part["text"] for part in response["output"][-1]["content"])


def streamed(server: Server, query: str) -> list[Any]:
    answer = ask(server, "GET", f"/v1/responses/{query}")
    assert answer.status == 200, answer
    return parse_sse(answer.body)


def call(name: str, *, arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": "call_1", "name": name, "arguments": arguments, **more}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", "text/event-stream", "", "text/html", "application/json;q=0, text/*"]
)
def test_1_nothing_is_negotiated_on_accept(lasting_server: Server, accept: str, *, stream: bool) -> None:
    answer = post(lasting_server, {"input": "hi", "stream": stream}, {"Accept": accept})
    kind = "text/event-stream" if stream else "application/json"
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, kind)


def test_2_a_retry_is_another_request_unless_it_has_a_key(lasting_server: Server) -> None:
    retried = {
        "x-stainless-retry-count": "1",
        "x-stainless-read-timeout": "600",
        "x-stainless-lang": "python",
        "x-stainless-package-version": "3.52.0",
        "x-stainless-async": "false",
        "x-stainless-helper-method": "stream",
        "User-Agent": "OpenAI/Python 3.52.0",
        "OpenAI-Organization": "org-x",
        "OpenAI-Project": "proj_x",
        "OpenAI-Beta": "responses=v1",
    }
    answers = [post(lasting_server, {"input": "hi"}, retried) for _ in range(2)]
    assert [answer.headers.get("x-ignored-parameters") for answer in answers] == [None, None]
    assert len({answer.json()["id"] for answer in answers}) == 2
    keyed = [post(lasting_server, {"input": "hi"}, retried | {"Idempotency-Key": "habit-2"}) for _ in range(2)]
    assert len({answer.json()["id"] for answer in keyed}) == 1


ASSISTANTS: list[Any] = [
    {"role": "assistant", "content": "so"},
    {"type": "message", "role": "assistant", "content": "so"},
    {"role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
    {"role": "assistant", "content": [{"type": "output_text", "text": "so", "annotations": [], "logprobs": []}]},
    {"role": "assistant", "content": [{"type": "input_text", "text": "so"}]},
    {
        "id": "msg_theirs",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "phase": None,
        "content": [{"type": "output_text", "text": "so", "annotations": [], "logprobs": None}],
    },
]


@pytest.mark.parametrize("assistant", ASSISTANTS, ids=range(len(ASSISTANTS)))
def test_3_messages_come_without_a_type_and_history_in_every_form(lasting_server: Server, assistant: Any) -> None:
    parts = {"role": "user", "content": [{"type": "input_text", "text": "two words"}]}
    response = made(lasting_server, input=[{"role": "system", "content": "Be brief."}, HI, assistant, parts])
    assert text(response) == "two words"
    assert response["usage"]["input_tokens"] == 6, "all of it was read"


def test_4_our_items_come_back_under_our_ids_as_often_as_one_likes(lasting_server: Server) -> None:
    thinking = script({"reasoning": "hm"}, {"text": "said"})
    first = made(lasting_server, input=thinking)
    foreign = {"id": f"msg_{uuid.uuid4()}", **HI}
    before = first["id"]
    for _ in range(3):
        again = made(lasting_server, input=[foreign, *first["output"], HI], previous_response_id=before)
        fresh = made(lasting_server, input=[foreign, *first["output"], HI])
        before = again["id"]
        for response in (again, fresh):
            listed = ask(lasting_server, "GET", f"/v1/responses/{response['id']}/input_items?order=asc&limit=100")
            ids = [item["id"] for item in listed.json()["data"]]
            assert ids[-4:-1] == [foreign["id"], *(item["id"] for item in first["output"])]


NULLS = {"async_": None, "caller": None, "namespace": None, "created_by": None, "parsed_arguments": None}
CALLS: list[tuple[Any, Any]] = [
    ({}, {}),
    ({"id": "fc_1", "status": "completed"}, {"id": "fco_1", "status": "completed"}),
    ({"id": None, "status": None, **NULLS}, {"id": None, "status": None, "acknowledged": None}),
    ({"status": "in_progress", "unheard_of": {"a": [1]}}, {"status": "incomplete"}),
    ({"id": "fc_1"}, {"output": [{"type": "input_text", "text": "fair"}]}),
    ({}, {"output": [{"type": "output_text", "text": "fair", "annotations": [], "logprobs": None}]}),
    ({}, {"output": ""}),
]


@pytest.mark.parametrize(("given", "output"), CALLS, ids=range(len(CALLS)))
def test_5_calls_and_outputs_come_back_in_every_form(lasting_server: Server, given: Any, output: Any) -> None:
    answer = {"type": "function_call_output", "call_id": "call_1", "output": "fair", **output}
    body = {"input": [HI, call("weather", arguments='{"city": "Oslo"}', **given), answer]}
    assert made(lasting_server, **body)["status"] == "completed"


@pytest.mark.parametrize("content", [[{"type": "reasoning_text", "text": "hm"}], [], None])
def test_6_thoughts_come_back_whole_or_sealed(lasting_server: Server, content: Any) -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "content": content, "encrypted_content": None}
    assert made(lasting_server, input=[HI, thought, HI], store=False)["output"]
    sealed = made(
        lasting_server,
        input=script({"reasoning": "hm"}, {"text": "a"}),
        include=["reasoning.encrypted_content"],
        store=False,
    )["output"][0]
    assert sealed["encrypted_content"]
    back = {**sealed, "id": "rs_of_another", "content": content, "status": None}
    assert made(lasting_server, input=[HI, back, HI], store=False)["output"]


def test_7_a_reference_is_known_without_what_it_came_in(lasting_server: Server) -> None:
    first = made(lasting_server, input=script({"reasoning": "one two three"}, {"text": "said"}))
    thought, message = first["output"]
    references = [{"type": "item_reference", "id": thought["id"]}, {"id": message["id"]}]
    later = made(lasting_server, input=[HI, *references, HI])
    listed = ask(lasting_server, "GET", f"/v1/responses/{later['id']}/input_items?order=asc").json()["data"]
    assert [item["type"] for item in listed] == ["message", "reasoning", "message", "message"]
    assert listed[1]["content"] == thought["content"] and listed[2]["content"] == message["content"]
    unknown = post(lasting_server, {"input": [HI, {"type": "item_reference", "id": "rs_none"}]})
    assert refused(unknown) == (404, None, "input[1].id")


TOOLS: list[Any] = [
    {"parameters": SCHEMA},
    {"parameters": SCHEMA, "strict": True, "description": "d"},
    {"parameters": {**SCHEMA, "additionalProperties": False, "required": ["city"]}, "strict": False},
    {"parameters": SCHEMA, "strict": None, "description": None},
    {"parameters": None, "strict": None, "output_schema": None, "allowed_callers": None, "defer_loading": None},
    {},
]


@pytest.mark.parametrize("tool", TOOLS, ids=range(len(TOOLS)))
def test_8_tools_have_every_strict_and_description(lasting_server: Server, tool: Any) -> None:
    offered = {"type": "function", "name": "weather", **tool}
    step = {"call": {"name": "weather", "arguments": {"city": "Oslo"}}}
    response = made(lasting_server, input=script(step), tools=[offered])
    assert response["tools"][0] == {
        "type": "function",
        "name": "weather",
        "description": tool.get("description"),
        "parameters": tool.get("parameters"),
        "strict": tool.get("strict"),
    }
    assert response["output"][0]["name"] == "weather"


NULLABLE = [
    *("background", "context_management", "conversation", "include", "instructions", "max_output_tokens"),
    *("max_tool_calls", "metadata", "moderation", "parallel_tool_calls", "previous_response_id", "prompt"),
    *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier"),
    *("service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice", "tools"),
    *("top_logprobs", "top_p", "truncation", "user", "unheard_of"),
]


def test_8_nulls_and_empty_lists_ask_for_nothing(lasting_server: Server) -> None:
    nulls = made(lasting_server, input="hi", **dict.fromkeys(NULLABLE))
    empty = made(lasting_server, input="hi", include=[], tools=[], metadata={}, text={}, reasoning={}, unheard_of=[])
    plain = made(lasting_server, input="hi")
    for response in (nulls, empty, plain):
        for key in ("id", "created_at", "completed_at"):
            del response[key]
        del response["output"][0]["id"]
    assert nulls == empty == plain


FORMATS: list[Any] = [
    {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True, "description": "d"}},
    {"format": {"schema": SCHEMA, "name": "n", "type": "json_schema"}},
    {"format": {"strict": None, "description": None, "name": "n", "schema": SCHEMA, "type": "json_schema"}},
    {"format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
    {"verbosity": "low", "format": {"json_schema": {"schema": SCHEMA, "name": "n"}, "type": "json_schema"}},
]


@pytest.mark.parametrize("form", FORMATS, ids=range(len(FORMATS)))
def test_9_a_format_comes_in_every_order_and_form(lasting_server: Server, form: Any) -> None:
    told = made(lasting_server, input="{}", text=form)["text"]["format"]
    assert (told["type"], told["name"], told["schema"]) == ("json_schema", "n", SCHEMA)


def test_9_a_verbosity_comes_alone(lasting_server: Server) -> None:
    told = made(lasting_server, input="hi", text={"verbosity": "low"})["text"]
    assert told == {"format": {"type": "text"}, "verbosity": "low"}


def test_10_thoughts_stream_under_the_names_that_clients_know(lasting_server: Server) -> None:
    said = script({"reasoning": "let me"}, {"summary": "I did"}, {"text": "done"})
    events = parse_sse(post(lasting_server, {"input": said, "stream": True}).body)
    check_stream(events)
    raw = [event for event in events if event["type"] == "response.reasoning_text.delta"]
    summaries = [event for event in events if event["type"] == "response.reasoning_summary_text.delta"]
    assert "".join(event["delta"] for event in raw) == "let me"
    assert "".join(event["delta"] for event in summaries) == "I did"
    assert all("summary_index" in event for event in summaries)
    assert all("output_index" in event for event in events if "item" in event or "item_id" in event)


@pytest.fixture
def client(lasting_server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=lasting_server.url, api_key="any", max_retries=0) as client:
        yield client


SAID = script(
    {"reasoning": "let me"},
    {"text": "here:"},
    {"call": {"name": "weather", "arguments": {"city": "Oslo"}}},
    {"call": {"name": "weather", "arguments": {"city": "Rome"}}},
)


def test_11_the_accumulators_of_the_sdks_take_every_stream(client: OpenAI) -> None:
    tool: Any = {"type": "function", "name": "weather", "parameters": SCHEMA}
    with client.responses.stream(model="scripted", input=SAID, tools=[tool]) as stream:
        final = stream.until_done().get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call", "function_call"]
    assert final.output_text == "here:"


def test_12_a_stream_is_replayed_from_its_first_event(lasting_server: Server, client: OpenAI) -> None:
    first = parse_sse(post(lasting_server, {"input": "a b c d", "stream": True, "background": True}).body)
    response_id = first[0]["response"]["id"]
    assert streamed(lasting_server, f"{response_id}?stream=true") == first
    assert first[0]["type"] == "response.created" and first[-1]["type"] == "response.completed"
    for query in ("starting_after=3&stream=true", "stream=true&starting_after=3", "stream=1&starting_after=3"):
        assert streamed(lasting_server, f"{response_id}?{query}") == first[4:]
    assert streamed(lasting_server, f"{response_id}?stream=true&starting_after={len(first) - 1}") == []
    with client.responses.stream(response_id=response_id, starting_after=3) as helper:
        numbers = [event.sequence_number for event in helper]
        assert numbers[0] > 3 and numbers[-1] == len(first) - 1
        assert helper.get_final_response().output_text == "a b c d"


def test_12_a_background_stream_is_replayed_while_it_runs(lasting_server: Server) -> None:
    slow = script({"text": "w ", "whole": True, "count": 30, "delay": 0.02})
    waiting = made(lasting_server, input=slow, background=True)
    events = streamed(lasting_server, f"{waiting['id']}?stream=true")
    assert check_stream(events)["status"] == "completed"
    assert events[0]["type"] == "response.created"


def test_13_separators_of_lines_are_escaped(lasting_server: Server) -> None:
    said = "a\u2028b\u2029c\x85d"
    answer = post(lasting_server, {"input": said, "stream": True, "metadata": {"k": said}})
    raw = answer.body.decode()
    assert not {"\u2028", "\u2029", "\x85"} & set(raw)
    assert raw.splitlines() == raw.split("\n")[:-1]
    assert text(check_stream(parse_sse(answer.body))) == said


def test_14_a_handshake_offers_compression_and_says_what_it_would_over_http(lasting_server: Server) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "OpenAI-Beta": "responses_websockets"}
    url = f"ws://127.0.0.1:{lasting_server.port}/v1/responses"
    with connect(url, additional_headers=headers, compression="deflate") as socket:
        assert "permessage-deflate" in socket.response.headers.get("Sec-WebSocket-Extensions", "")  # type: ignore[union-attr]  # it is open
        for _ in range(2):
            socket.send(json.dumps({"type": "response.create", "model": "scripted", "input": "hi", "stream": True}))
            frames = [json.loads(socket.recv())]
            while not frames[-1]["type"].startswith(("response.comp", "error", "response.failed")):
                frames.append(json.loads(socket.recv()))
            assert frames[-1]["type"] == "response.completed", "nothing follows, also no [DONE]"
            assert "ignored_parameters" not in frames[0]


INCLUDES = ["reasoning.encrypted_content", "message.output_text.logprobs"]
ENCODINGS = [
    "&".join(f"{quote('include[]')}={one}" for one in INCLUDES),
    "&".join(f"include[]={one}" for one in INCLUDES),
    "&".join(f"include={one}" for one in INCLUDES),
    f"include={','.join(INCLUDES)}",
    f"include={quote(','.join(INCLUDES))}",
    "&".join(f"include[{place}]={one}" for place, one in enumerate(INCLUDES)),
    "",
]


@pytest.mark.parametrize("query", ENCODINGS, ids=range(len(ENCODINGS)))
def test_lists_in_a_query_have_many_encodings(lasting_server: Server, query: str) -> None:
    response = made(lasting_server, input="hi")
    conversation = post(lasting_server, {"items": [HI]}, path="/conversations").json()["id"]
    for path in (
        f"/responses/{response['id']}",
        f"/responses/{response['id']}/input_items",
        f"/conversations/{conversation}/items",
    ):
        assert ask(lasting_server, "GET", f"/v1{path}?{query}").status == 200
        wrong = ask(lasting_server, "GET", f"/v1{path}?{query.replace('logprobs', 'soul')}")
        assert wrong.status == 200 if not query else refused(wrong)[:2] == (400, "invalid_value")


def test_an_update_of_the_configuration_is_one_of_the_sdks_items(client: OpenAI) -> None:
    update: Any = {"type": "configuration_update", "reasoning": {"effort": "low"}}
    response = client.responses.create(model="scripted", input=[update, {"role": "user", "content": "hi"}])
    assert response.reasoning is not None and response.reasoning.effort == "low"
    message, told = client.responses.input_items.list(response.id)
    assert (message.type, told.type) == ("message", "configuration_update")
    assert told.type == "configuration_update" and told.reasoning is not None and told.reasoning.effort == "low"


def test_the_sdk_encodes_its_lists_so(client: OpenAI) -> None:
    response = client.responses.create(model="scripted", input="hi")
    includes: Any = INCLUDES
    assert client.responses.retrieve(response.id, include=includes).id == response.id
    assert list(client.responses.input_items.list(response.id, include=includes))
