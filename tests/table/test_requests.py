"""The rows of contracts §B on what is taken, each against the contracts themselves."""

import json
from typing import Any

import pytest

from antiphon.contract.contract import load, names
from antiphon.core.items import InputText, Message, OutputText, Reasoning
from antiphon.core.request import CustomTool, FunctionTool, JsonSchemaFormat, PassedTool
from antiphon.core.response import respond
from tests.contract.asking import read, refusal, refused, told
from tests.table.rows import row

OTHERS = ("openai", "openresponses", "infinityblue")
"""The contracts that refuse in OpenAI's shape, Infercom's codes apart."""


def kind(**fields: Any) -> str:
    """The kind of the one fault that the gateway tells."""
    status, answer = refusal("gateway", **fields)
    (entry,) = answer["detail"]
    assert status == 422
    return str(entry["type"])


@row(1)
def test_validation_errors(row: int) -> None:
    for name in (*OTHERS, "infercom"):
        assert refused(name, temperature=3) == (400, "decimal_above_max_value", "temperature")
    status, answer = refusal("gateway", temperature=3, input=[{"role": "user"}])
    assert status == 422
    assert answer == {
        "detail": [
            {
                "type": "less_than_equal",
                "loc": ["body", "temperature"],
                "msg": "Input should be less than or equal to 2",
                "input": 3,
                "ctx": {"le": 2},
            },
            {"type": "missing", "loc": ["body", "input", 0, "content"], "msg": "Field required"},
        ]
    }


@row(5)
def test_error_codes(row: int) -> None:
    assert refusal("infercom", input=...)[1]["error"] == {
        "message": "Missing required field: 'input'.",
        "type": "invalid_request_error",
        "param": "input",
        "code": "missing_required_field",
    }
    error = refusal("infercom", tools=[{"type": "web_search"}])[1]["error"]
    assert error["code"] == "unsupported_tool_type"
    told_so = 'built-in/server-side tools are not supported; only "function" type tools are accepted'
    assert error["message"] == told_so
    assert refused("openai", input=...)[1] == "missing_required_parameter"


@row(8)
def test_the_model_is_required(row: int) -> None:
    for name in OTHERS:
        assert refused(name, model=...) == (400, "missing_required_parameter", "model")
    assert refused("infercom", model=...) == (400, "missing_required_field", "model")
    assert kind(model=...) == "missing"


@row(9)
def test_the_input(row: int) -> None:
    for name, beside in (
        ("openai", ("previous_response_id", "conversation")),
        ("openresponses", ("previous_response_id", "conversation")),
        ("infinityblue", ("previous_response_id",)),
    ):
        assert refused(name, input=...) == (400, "missing_required_parameter", "input")
        for field in beside:
            assert read(name, input=..., **{field: "x_1"}).input == []
    assert refused("infercom", input=...) == (400, "missing_required_field", "input")
    assert read("gateway", input=...).input == [Message(role="user", content=[InputText("")])]
    assert read("gateway", input=..., previous_response_id="resp_1").input == []


@row(10)
def test_unknown_fields(row: int) -> None:
    for name in (*OTHERS, "infercom"):
        request = read(name, flavour={"a": 1})
        assert request.ignored == ["flavour"]
        assert "flavour" not in json.dumps(told(name, respond(request, id="resp_1", created_at=1)))
    request = read("gateway", flavour={"a": 1}, reasoning={"effort": "low", "speed": 9})
    assert request.asked["flavour"] == {"a": 1}
    assert request.asked["reasoning.speed"] == 9
    assert respond(request, id="resp_1", created_at=1).asked == request.asked


@row(12)
def test_state(row: int) -> None:
    state: dict[str, Any] = {"previous_response_id": "resp_1", "conversation": "conv_1", "background": True}
    for field, value in state.items():
        assert refused("infercom", **{field: value}) == (400, "unsupported_parameter", field)
        for name in ("openai", "openresponses", "gateway"):
            assert getattr(read(name, **{field: value}), field) == value
    assert read("infinityblue", previous_response_id="resp_1").previous_response_id == "resp_1"
    for field in ("conversation", "background"):
        assert refused("infinityblue", **{field: state[field]}) == (400, "unsupported_parameter", field)
    assert read("infercom", background=False, previous_response_id=None).ignored == []


@row(14)
def test_the_ranges_of_sampling(row: int) -> None:
    for name in names():
        for field, most in (("temperature", 2), ("top_p", 1)):
            for value in (0, most):
                assert getattr(read(name, **{field: value}), field) == value
            for value in (-0.01, most + 0.01):
                assert refusal(name, **{field: value})[0] == (422 if name == "gateway" else 400)


@row(15)
def test_the_bound_on_output(row: int) -> None:
    for name, least in (("openai", 1), ("infercom", 1), ("infinityblue", 1), ("openresponses", 16)):
        assert read(name, max_output_tokens=least).max_output_tokens == least
        assert refused(name, max_output_tokens=least - 1) == (400, "integer_below_min_value", "max_output_tokens")
    for value in (1, 8000):
        assert read("gateway", max_output_tokens=value).max_output_tokens == value
    assert kind(max_output_tokens=0) == "greater_than_equal"
    assert kind(max_output_tokens=8001) == "less_than_equal"


@row(16)
def test_top_k(row: int) -> None:
    for name in ("infercom", "openai"):
        assert read(name, top_k=100).top_k == 100
        assert refused(name, top_k=101) == (400, "integer_above_max_value", "top_k")
    for name in ("openresponses", "gateway", "infinityblue"):
        request = read(name, top_k=40)
        assert (request.top_k, request.ignored) == (None, ["top_k"])


@row(18)
def test_which_tools(row: int) -> None:
    function = {"type": "function", "name": "f"}
    many = [function] * 129
    for name in (*OTHERS, "infercom"):
        assert read(name, tools=[function]).tools == [FunctionTool(name="f")]
        assert refused(name, tools=many) == (400, "array_above_max_length", "tools")
    assert kind(tools=many) == "too_long"
    assert isinstance(read("openai", tools=[{"type": "web_search"}]).tools[0], PassedTool)
    assert refused("openai", tools=[{"type": "hammer"}])[1] == "invalid_value"
    assert refused("openresponses", tools=[{"type": "web_search"}])[1] == "invalid_value"
    assert refused("infercom", tools=[{"type": "mcp", "name": "m"}])[1] == "unsupported_tool_type"
    for name in ("gateway", "infinityblue"):
        request = read(name, tools=[{"any": "thing"}, {"type": "hammer"}, function])
        assert [tool.type if isinstance(tool, PassedTool) else tool for tool in request.tools] == [
            "hammer",
            FunctionTool(name="f"),
        ]
        assert request.ignored == ["tools[0]", "tools[1]"]


@row(23)
def test_json_objects(row: int) -> None:
    for name in names():
        form = read(name, text={"format": {"type": "json_object"}}).text.format
        assert type(form).__name__ == "JsonObjectFormat"


@row(24)
def test_the_effort_at_the_top(row: int) -> None:
    assert read("gateway", reasoning_effort="low").reasoning.effort == "low"
    for order in (("reasoning_effort", "reasoning"), ("reasoning", "reasoning_effort")):
        both = {"reasoning_effort": "low", "reasoning": {"effort": "low", "summary": "auto"}}
        request = read("gateway", **{name: both[name] for name in order})
        assert (request.reasoning.effort, request.reasoning.summary) == ("low", "auto")
        both["reasoning"] = {"effort": "high"}
        status, answer = refusal("gateway", **{name: both[name] for name in order})
        assert (status, answer["detail"][0]["loc"]) == (422, ["body", "reasoning_effort"])
    for name in OTHERS:
        assert read(name, reasoning_effort="low").ignored == ["reasoning_effort"]


@row(27)
def test_thought_comes_back(row: int) -> None:
    thought = {
        "type": "reasoning",
        "id": "rs_xyz",
        "status": "completed",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }
    for name in names():
        (found,) = read(name, input=[thought]).input
        assert isinstance(found, Reasoning)
        assert found.content


@row(28)
def test_the_parts_of_a_message(row: int) -> None:
    def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"role": "user", "content": list(parts)}]

    texts = [{"type": kind, "text": "x"} for kind in ("output_text", "reasoning_text", "input_text")]
    assert read("infercom", input=user(*texts)).input == [Message(role="user", content=[InputText("x")] * 3)]
    assistant = [{"role": "assistant", "content": texts}]
    assert read("infercom", input=assistant).input == [Message(role="assistant", content=[OutputText("x")] * 3)]
    image = {"type": "input_image", "image_url": "https://example.com/a.png"}
    file = {"type": "input_file", "file_data": "eA=="}
    for part in (image, file):
        assert refused("infercom", input=user(part)) == (400, "invalid_value", "input[0].content[0].type")
        for name in (*OTHERS, "gateway"):
            assert read(name, input=user(part)).input


@row(38)
def test_metadata(row: int) -> None:
    metadata = {"n": 1, "deep": {"list": [None, True]}, "text": "t"}
    request = read("gateway", metadata=metadata)
    answer = respond(request, id="resp_1", created_at=1)
    assert told("gateway", answer)["metadata"] == metadata
    for name in ("openai", "openresponses", "infinityblue"):
        assert told(name, answer)["metadata"] == {"n": "1", "deep": '{"list":[null,true]}', "text": "t"}
        assert refused(name, metadata=metadata)[1] == "invalid_type"
    assert told("gateway", respond(read("gateway"), id="resp_1", created_at=1))["metadata"] == {}


@row(39)
def test_service_tiers(row: int) -> None:
    request = read("gateway", service_tier="gold")
    assert (request.service_tier, request.ignored) == (None, ["service_tier"])
    assert read("gateway", service_tier="flex").service_tier == "flex"
    assert kind(service_tier="") == "string_too_short"
    assert kind(service_tier="x" * 65) == "string_too_long"
    assert "service_tier" not in told("gateway", respond(request, id="resp_1", created_at=1))
    for name in ("openai", "openresponses"):
        assert refused(name, service_tier="gold")[1] == "invalid_value"
    assert refused("openresponses", service_tier="scale")[1] == "invalid_value"


@row(46)
def test_safety_identifiers(row: int) -> None:
    assert read("openai", safety_identifier="s" * 128).safety_identifier == "s" * 128
    assert refused("openai", safety_identifier="s" * 129)[1] == "string_above_max_length"
    assert read("openresponses", safety_identifier="s" * 64)
    assert refused("openresponses", safety_identifier="s" * 65)[1] == "string_above_max_length"


@row(47)
def test_names_of_functions(row: int) -> None:
    def function(length: int) -> list[dict[str, Any]]:
        return [{"type": "function", "name": "f" * length}]

    assert read("openai", tools=function(128))
    assert refused("openai", tools=function(129)) == (400, "string_above_max_length", "tools[0].name")
    assert read("openresponses", tools=function(64))
    assert refused("openresponses", tools=function(65)) == (400, "string_above_max_length", "tools[0].name")
    call = {"type": "function_call", "call_id": "c", "name": "f" * 65, "arguments": "{}"}
    assert refused("openresponses", input=[call]) == (400, "string_above_max_length", "input[0].name")
    assert read("infercom", tools=function(1000)).tools == [FunctionTool(name="f" * 1000)]
    assert refused("infercom", tools=function(0)) == (400, "empty_string", "tools[0].name")  # it could not be called


@row(50)
def test_strictness_of_tools(row: int) -> None:
    for name in names():
        for strict in (True, False, None):
            (tool,) = read(name, tools=[{"type": "function", "name": "f", "strict": strict}]).tools
            assert isinstance(tool, FunctionTool)
            assert tool.strict is strict
        (tool,) = read(name, tools=[{"type": "function", "name": "f"}]).tools
        assert isinstance(tool, FunctionTool)
        assert tool.strict is None


@row(52)
def test_limits_of_pictures_and_files(row: int) -> None:
    def user(**part: Any) -> list[dict[str, Any]]:
        return [{"role": "user", "content": [part]}]

    for name in (*OTHERS, "gateway"):
        schema = load(name).schema["$defs"]["part"]
        assert read(name, input=user(type="input_image", image_url="x" * 1000))
        assert '"maxLength": 20971520' in json.dumps(schema)
        assert '"maxLength": 33554432' in json.dumps(schema)
    long = user(type="input_image", image_url="x" * 20_971_521)
    assert refused("openresponses", input=long) == (
        400,
        "string_above_max_length",
        "input[0].content[0].image_url",
    )


@row(54)
def test_conversations(row: int) -> None:
    for name in ("openai", "openresponses", "gateway"):
        for given in ("conv_1", {"id": "conv_1"}):
            assert read(name, conversation=given).conversation == "conv_1"


@row(55)
def test_includes(row: int) -> None:
    sealed = "reasoning.encrypted_content"
    for name in ("openai", "openresponses"):
        assert refused(name, include=[sealed, "soul"]) == (400, "invalid_value", "include[1]")
    assert refused("openresponses", include=["web_search_call.results"])[1] == "invalid_value"
    request = read("gateway", include=["soul", sealed])
    assert (request.include, request.ignored) == ([sealed], ["include[0]"])


@pytest.mark.parametrize("name", names())
def test_both_forms_of_a_schema_are_read(name: str) -> None:
    """Row 21, whose test stands with the answers: what is taken."""
    inner = {"name": "User", "schema": {"type": "object"}, "strict": False}
    flat = read(name, text={"format": {"type": "json_schema", **inner}}).text.format
    nested = read(name, text={"format": {"type": "json_schema", "json_schema": inner}}).text.format
    assert flat == nested == JsonSchemaFormat(name="User", schema={"type": "object"}, strict=False)


def test_a_slug_is_a_native_tool() -> None:
    """Row 43, whose test stands with the answers: what is taken."""
    tools = [{"type": "openai:custom", "name": "g"}, {"type": "openai:web_search"}]
    custom, search = read("openresponses", tools=tools).tools
    assert custom == CustomTool(name="g")
    assert isinstance(search, PassedTool)
    assert search.type == "web_search"
