"""Details: pydantic's kinds and words, as FastAPI's clients read them."""

import json
from typing import Any

import pytest

from antiphon.contract.contract import load
from antiphon.contract.details import masked
from antiphon.contract.errors import detail
from antiphon.core.problems import BadQuery, Problem

LONG = "the secret of the prompt " * 4


def details(**fields: Any) -> list[dict[str, Any]]:
    contract = load("gateway")
    with pytest.raises(Problem) as found:
        contract.read(json.dumps({"model": "m", "input": "x"} | fields).encode())
    told = contract.error(found.value)
    assert told.status == 422
    body = json.loads(told.body)
    assert body.keys() == {"detail"}
    entries: list[dict[str, Any]] = body["detail"]
    return entries


@pytest.mark.parametrize(
    ("fields", "kind", "loc", "msg", "ctx"),
    [
        ({"model": 5}, "string_type", ["model"], "Input should be a valid string", None),
        ({"max_output_tokens": "many"}, "int_type", ["max_output_tokens"], "Input should be a valid integer", None),
        (
            {"max_output_tokens": 1.5},
            "int_from_float",
            ["max_output_tokens"],
            "Input should be a valid integer, got a number with a fractional part",
            None,
        ),
        ({"temperature": "hot"}, "float_type", ["temperature"], "Input should be a valid number", None),
        ({"stream": "yes"}, "bool_type", ["stream"], "Input should be a valid boolean", None),
        ({"tools": {}}, "list_type", ["tools"], "Input should be a valid list", None),
        ({"metadata": "a"}, "dict_type", ["metadata"], "Input should be a valid dictionary", None),
        (
            {"max_output_tokens": 8001},
            "less_than_equal",
            ["max_output_tokens"],
            "Input should be less than or equal to 8000",
            {"le": 8000},
        ),
        (
            {"max_output_tokens": 0},
            "greater_than_equal",
            ["max_output_tokens"],
            "Input should be greater than or equal to 1",
            {"ge": 1},
        ),
        (
            {"user": "u" * 201},
            "string_too_long",
            ["user"],
            "String should have at most 200 characters",
            {"max_length": 200},
        ),
        ({"user": ""}, "string_too_short", ["user"], "String should have at least 1 character", {"min_length": 1}),
        (
            {"truncation": "some"},
            "literal_error",
            ["truncation"],
            "Input should be 'disabled' or 'auto'",
            {"expected": "'disabled' or 'auto'"},
        ),
        (
            {"tools": [{}] * 129},
            "too_long",
            ["tools"],
            "List should have at most 128 items after validation, not 129",
            {"field_type": "List", "max_length": 128, "actual_length": 129},
        ),
        (
            {"tool_choice": {"type": "allowed_tools", "tools": []}},
            "too_short",
            ["tool_choice", "tools"],
            "List should have at least 1 item after validation, not 0",
            {"field_type": "List", "min_length": 1, "actual_length": 0},
        ),
        (
            {"tools": [{"type": "function", "name": "a b"}]},
            "string_pattern_mismatch",
            ["tools", 0, "name"],
            "String should match pattern '^[a-zA-Z0-9_-]+$'",
            {"pattern": "^[a-zA-Z0-9_-]+$"},
        ),
        ({"input": [{"role": "user"}]}, "missing", ["input", 0, "content"], "Field required", None),
    ],
)
def test_each_kind_of_fault(
    fields: dict[str, Any], kind: str, loc: list[Any], msg: str, ctx: dict[str, Any] | None
) -> None:
    (entry,) = details(**fields)
    assert (entry["type"], entry["loc"], entry["msg"]) == (kind, ["body", *loc], msg)
    assert entry.get("ctx") == ctx


def test_all_faults_come_at_once_with_what_was_sent() -> None:
    found = details(temperature=3, truncation="some", reasoning={"effort": "heroic"}, max_output_tokens=9000)
    assert {(*entry["loc"], entry["input"]) for entry in found} == {
        ("body", "temperature", 3),
        ("body", "truncation", "some"),
        ("body", "reasoning", "effort", "heroic"),
        ("body", "max_output_tokens", 9000),
    }


def test_a_value_of_several_types_is_told_all_of_them() -> None:
    assert [entry["type"] for entry in details(input=5)] == ["string_type", "list_type"]


def test_a_null_where_there_must_be_something() -> None:
    (entry,) = details(model=None)
    assert (entry["type"], entry["input"]) == ("string_type", None)


@pytest.mark.parametrize("field", ["truncation", "user", "tool_choice", "stream"])
def test_no_long_value_is_told(field: str) -> None:
    assert "secret of" not in json.dumps(details(**{field: LONG * 10}))


def test_values_are_masked_by_their_length() -> None:
    assert [masked(given) for given in ("auto", 5, None, [1], {"a": 1})] == ["auto", 5, None, [1], {"a": 1}]
    assert masked(LONG) == "a string of 100 characters"
    assert masked([LONG]) == "an array"
    assert masked(10**100) == "a number of 101 digits"
    assert masked(2**64) == 2**64


def test_what_is_no_json_is_told_as_fastapi_does() -> None:
    with pytest.raises(Problem) as found:
        load("gateway").read(b"{")
    (entry,) = json.loads(detail(found.value).body)["detail"]
    assert (entry["type"], entry["loc"], entry["msg"], entry["input"]) == (
        "json_invalid",
        ["body"],
        "JSON decode error",
        {},
    )
    assert entry["ctx"]["error"]


def test_a_value_of_the_query_is_told_as_one() -> None:
    (entry,) = json.loads(detail(BadQuery("Invalid 'limit'.", "limit")).body)["detail"]
    assert entry["loc"] == ["query", "limit"]


def test_a_refusal_without_a_place_is_no_list() -> None:
    told = detail(Problem(400, None, "Cannot cancel a synchronous response."))
    assert told.status == 400
    assert json.loads(told.body)["detail"] == "Cannot cancel a synchronous response."
