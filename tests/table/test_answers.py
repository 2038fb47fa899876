"""The rows of contracts §B on what is told, each against the contracts themselves."""

import json
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from antiphon.contract.contract import load, names
from antiphon.core import wire
from antiphon.core.events import CustomInputDelta, OutputItemDone, ReasoningTextDelta, ReasoningTextDone
from antiphon.core.items import (
    CustomToolCall,
    FunctionCall,
    Message,
    OutputText,
    Passed,
    Reasoning,
    ReasoningText,
)
from antiphon.core.problems import Problem
from antiphon.core.request import JsonSchemaFormat, ReasoningOptions, Text
from antiphon.core.response import OutputTokensDetails, Response, Usage
from tests.contract.asking import asked, event, read, refused, told
from tests.openapi import check_resource
from tests.table.rows import row

STATEFUL = tuple(name for name in names() if name != "infercom")
USAGE = Usage(input_tokens=45, output_tokens=89, output_tokens_details=OutputTokensDetails(77), total_tokens=134)


def other(**fields: Any) -> Response:
    """A response that came through no contract in particular."""
    return Response(id="resp_1", created_at=1, model="m", **fields)


@row(3)
def test_a_fault_of_the_servers_own(row: int) -> None:
    fault = Problem(500, "server_error", "The server met a fault; it has been logged.")
    told_so = load("infercom").error(fault)
    assert (told_so.status, told_so.body) == (500, b"Internal Server Error")
    assert dict(told_so.headers)[b"content-type"].startswith(b"text/plain")
    for name in STATEFUL:
        status, headers, body = load(name).error(fault)
        assert (status, dict(headers)[b"content-type"]) == (500, b"application/json")
        assert json.loads(body)["error"]["type"] == "server_error"


@row(4)
def test_types_of_errors(row: int) -> None:
    types = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "invalid_request_error",
        409: "idempotency_error",
        429: "rate_limit_error",
        503: "server_error",
    }
    for name in names():
        for status, kind in types.items():
            told_so = load(name).error(Problem(status, None, "No."))
            assert (told_so.status, json.loads(told_so.body)["error"]["type"]) == (status, kind)


@row(11)
def test_whether_it_is_stored(row: int) -> None:
    for name in STATEFUL:
        assert asked(name).store is True
        assert asked(name, store=False).store is False
    for given in ({}, {"store": True}, {"store": False}):
        assert told("infercom", asked("infercom", **given))["store"] is False
    assert read("infercom", store=True).ignored == ["store"]
    assert read("infercom", store=False).ignored == []


@row(13)
def test_the_default_temperature(row: int) -> None:
    assert (read("infercom").temperature, told("infercom", asked("infercom"))["temperature"]) == (0.7, 0.7)
    for name in ("openai", "openresponses"):
        assert read(name).temperature is None
        assert told(name, asked(name))["temperature"] == 1.0
    assert told("gateway", asked("gateway"))["temperature"] is None
    assert told("gateway", asked("gateway"))["top_p"] is None
    assert told("gateway", asked("gateway", temperature=0.3))["temperature"] == 0.3
    assert told("openai", asked("gateway"))["temperature"] == 1.0, "read through another contract"


@row(17)
def test_penalties(row: int) -> None:
    for name in ("openai", "openresponses"):
        answer = told(name, asked(name, presence_penalty=0.5))
        assert (answer["presence_penalty"], answer["frequency_penalty"]) == (0.5, 0.0)
        assert refused(name, frequency_penalty=2.5)[1] == "decimal_above_max_value"
    for name in ("infercom", "gateway"):
        assert read(name, presence_penalty=0.5).ignored == ["presence_penalty"]


@row(19)
def test_the_keys_of_a_tool(row: int) -> None:
    function = {"type": "function", "name": "f"}
    for name in ("openai", "openresponses"):
        (tool,) = told(name, asked(name, tools=[function]))["tools"]
        assert tool == function | {"description": None, "parameters": None, "strict": None}
    assert told("infercom", asked("infercom", tools=[function]))["tools"] == [function]
    whole = function | {"description": "d", "parameters": {"type": "object"}, "strict": False}
    assert told("infercom", asked("infercom", tools=[whole]))["tools"] == [whole]


@row(20)
def test_tool_choices(row: int) -> None:
    function = {"type": "function", "name": "f"}
    allowed = {"type": "allowed_tools", "tools": [function]}
    for name in names():
        for choice in ("none", "auto", "required", function):
            assert asked(name, tool_choice=choice)
    for name in ("openai", "openresponses"):
        assert told(name, asked(name, tool_choice=allowed))["tool_choice"] == allowed | {"mode": "auto"}
    assert refused("infercom", tool_choice=allowed) == (400, "invalid_value", "tool_choice.type")
    assert refused("openresponses", tool_choice={"type": "mcp", "server_label": "s"})[1] == "invalid_value"
    elsewhere = asked("openai", tool_choice={"type": "mcp", "server_label": "s"})
    assert told("openresponses", elsewhere)["tool_choice"] == "required"


@row(21)
def test_schemas_of_formats(row: int) -> None:
    inner = {"name": "User", "schema": {"type": "object"}, "strict": False}
    flat = {"type": "json_schema", **inner, "description": None}
    nested = {"type": "json_schema", "json_schema": inner}
    for form in (flat, nested):
        assert told("infercom", asked("infercom", text={"format": form}))["text"] == {"format": nested}
        assert told("openai", asked("openai", text={"format": form}))["text"] == {
            "format": flat | {"description": None}
        }
    bare = {"type": "json_schema", "json_schema": {"name": "User"}}
    assert asked("infercom", text={"format": bare}).text.format == JsonSchemaFormat(name="User", schema={})
    assert refused("openai", text={"format": bare})[1] == "missing_required_parameter"


@row(22)
def test_open_responses_wants_a_null_for_a_schema(row: int) -> None:
    form = JsonSchemaFormat(name="User", schema={"type": "object"}, strict=True)
    response = other(text=Text(format=form))
    assert told("openai", response)["text"]["format"]["schema"] == {"type": "object"}
    answer = told("openresponses", response)
    assert answer["text"]["format"]["schema"] is None
    check_resource(answer)


@row(25)
def test_efforts(row: int) -> None:
    takes = {
        "openai": ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
        "openresponses": ["none", "low", "medium", "high", "xhigh"],
        "infercom": ["low", "medium", "high"],
        "gateway": ["none", "minimal", "low", "medium", "high", "xhigh"],
        "infinityblue": ["low", "medium", "high"],
    }
    for name, efforts in takes.items():
        for effort in takes["openai"]:
            if effort in efforts:
                assert told(name, asked(name, reasoning={"effort": effort}))
            elif name == "gateway":
                assert load(name).error(Problem(400, None, "", param="x")).status == 422
            else:
                assert refused(name, reasoning={"effort": effort}) == (400, "invalid_value", "reasoning.effort")
    for effort, told_as in (("minimal", "low"), ("max", "xhigh")):
        answer = told("openresponses", other(reasoning=wire.convert({"effort": effort}, ReasoningOptions)))
        assert answer["reasoning"]["effort"] == told_as
        check_resource(answer)
    assert told("gateway", other(reasoning=ReasoningOptions(effort="max")))["reasoning"]["effort"] == "xhigh"
    assert asked("infercom", reasoning={}).reasoning.effort == "medium"


@row(26)
def test_the_keys_of_reasoning(row: int) -> None:
    for name in names():
        assert told(name, asked(name))["reasoning"] == {"effort": None, "summary": None}


@row(29)
def test_statuses_of_items(row: int) -> None:
    call = FunctionCall(id="fc_1", call_id="c", name="f", arguments="{", status="incomplete")
    message = Message(id="msg_1", role="assistant", content=[OutputText("x")], status="completed")
    answer = told("infercom", other(output=[message, call], store=False))
    assert ["status" in item for item in answer["output"]] == [True, False]
    assert told("openai", other(output=[call]))["output"][0]["status"] == "incomplete"
    failed = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "failed"}
    for name in names():
        (item,) = read(name, input=[failed]).input
        assert isinstance(item, FunctionCall)
        assert item.status == "incomplete"


@row(30)
def test_thought_in_the_output(row: int) -> None:
    whole = Reasoning(id="rs_1", content=[ReasoningText("hm")])
    sealed = Reasoning(id="rs_2", content=UNSET, encrypted_content="x")
    for name in ("openai", "infercom"):
        first, second = told(name, other(output=[whole, sealed], store=name != "infercom"))["output"]
        assert (first["summary"], first["content"]) == ([], [{"type": "reasoning_text", "text": "hm"}])
        assert "encrypted_content" not in first
        assert None not in second.values()
    assert second["content"] == []


@row(31)
def test_statuses_of_a_response(row: int) -> None:
    six = ("completed", "failed", "in_progress", "incomplete", "queued", "cancelled")
    for status in six:
        for name in ("openai", "openresponses", "gateway"):
            assert told(name, other(status=status))["status"] == status
        assert told("infinityblue", other(status=status))["status"] in six[:4]
    assert told("infinityblue", other(status="queued"))["status"] == "in_progress"
    assert told("infercom", other(status="cancelled", store=False))["status"] == "incomplete"


@row(32)
def test_fields_that_are_always_there(row: int) -> None:
    check_resource(told("openai", asked("openai")))
    check_resource(told("openresponses", asked("openresponses")))
    assert told("gateway", asked("gateway"))["usage"] == {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    }
    assert "usage" not in told("infercom", asked("infercom"))


@row(33)
def test_what_is_never_null(row: int) -> None:
    fields = (
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "top_logprobs",
        "service_tier",
        "truncation",
        "text",
    )
    for name in ("openai", "openresponses"):
        nulls = dict.fromkeys(fields)
        answer = told(name, asked(name, **nulls))
        assert None not in [answer[field] for field in fields]


@row(34)
def test_usage(row: int) -> None:
    plain = told("openai", other(usage=USAGE))["usage"]
    seconds = told("infercom", other(usage=USAGE, store=False))["usage"]
    assert seconds == plain | {"time_to_first_token": 0.5, "total_latency": 2.0, "output_tokens_per_sec": 44.5}
    both = told("infinityblue", other(usage=USAGE))["usage"]
    assert both.items() >= plain.items()
    assert (both["prompt_tokens"], both["completion_tokens"], both["total_tokens"]) == (45, 89, 134)
    assert both["prompt_tokens_details"].keys() == {"cached_tokens", "text_tokens", "audio_tokens", "image_tokens"}
    assert both["completion_tokens_details"] == {"text_tokens": 12, "audio_tokens": 0, "reasoning_tokens": 77}
    assert told("gateway", other(usage=USAGE))["usage"] == plain


@row(35)
def test_times_are_integers(row: int) -> None:
    for name in names():
        answer = told(name, replace(asked(name), completed_at=2))
        assert type(answer["created_at"]) is int
        assert type(answer.get("completed_at", 2)) is int


@row(36)
def test_the_text_of_a_response(row: int) -> None:
    for name in ("openai", "openresponses", "infercom"):
        assert told(name, asked(name))["text"] == {"format": {"type": "text"}}
    assert "text" not in told("gateway", asked("gateway"))


@row(37)
def test_the_user_is_echoed(row: int) -> None:
    for name in ("openai", "infercom"):
        assert told(name, asked(name, user="u"))["user"] == "u"
        assert "user" not in told(name, asked(name))


@row(42)
def test_events_of_raw_thought(row: int) -> None:
    delta, done = ReasoningTextDelta(3, "rs_1", 0, 0, "hm"), ReasoningTextDone(4, "rs_1", 0, 0, "hm")
    for one, name in ((delta, "response.reasoning.delta"), (done, "response.reasoning.done")):
        answer = event("openresponses", one)
        assert answer is not None
        assert (answer["type"], answer["sequence_number"]) == (name, one.sequence_number)
    for contract in ("openai", "infercom", "gateway", "infinityblue"):
        assert not {ReasoningTextDelta, ReasoningTextDone} & load(contract).touched


@row(43)
def test_items_of_other_kinds(row: int) -> None:
    search = Passed({"type": "web_search_call", "id": "ws_1", "status": "completed"})
    own = Passed({"type": "acme:oracle_call", "id": "o_1"})
    custom = CustomToolCall(id="ctc_1", call_id="c", name="g", input="x")
    native = ["web_search_call", "acme:oracle_call", "custom_tool_call"]
    response = other(output=[search, own, custom])
    for name in ("openai", "gateway", "infinityblue"):
        assert [item["type"] for item in told(name, response)["output"]] == native
    slugs = ["openai:web_search_call", "acme:oracle_call", "openai:custom_tool_call"]
    assert [item["type"] for item in told("openresponses", response)["output"]] == slugs
    done = event("openresponses", OutputItemDone(1, 0, search))
    assert done is not None
    assert done["item"]["type"] == "openai:web_search_call"
    assert event("openresponses", CustomInputDelta(2, "ctc_1", 1, "x")) is None
    back = read("openresponses", input=[{"type": "openai:web_search_call", "id": "ws_1", "status": "completed"}])
    assert back.input == [search]


@row(53)
def test_truncation(row: int) -> None:
    for name in ("openai", "openresponses", "gateway", "infinityblue"):
        assert asked(name).truncation == "disabled"
        assert asked(name, truncation="auto").truncation == "auto"
    for name in ("openai", "openresponses"):
        assert told(name, asked(name))["truncation"] == "disabled"


@row(57)
def test_statuses_in_open_responses(row: int) -> None:
    items = [
        Message(id="msg_1", role="assistant", content=[OutputText("x")]),
        FunctionCall(id="fc_1", call_id="c", name="f", arguments="{}"),
        Reasoning(id="rs_1"),
    ]
    for name in ("openai", "openresponses"):
        assert [item["status"] for item in told(name, other(output=items))["output"]] == ["completed"] * 3
    compacted = {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}
    assert json.loads(json.dumps(load("openresponses").items([Passed(compacted)]))) == [compacted]
