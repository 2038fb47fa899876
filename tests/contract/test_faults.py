"""Faults: what a refusal tells, and what it must not."""

import json

import pytest

from antiphon.contract.contract import load
from antiphon.contract.faults import FEW, MOST_FAULTS, Refused, param, shown


def refused(**fields: object) -> Refused:
    with pytest.raises(Refused) as found:
        load("openai").read(json.dumps({"model": "m", "input": "hello"} | fields).encode())
    return found.value


SECRET = "the secret of the prompt " * 4


@pytest.mark.parametrize(
    "fields",
    [
        {"input": {"text": SECRET}},
        {"input": [SECRET]},
        {"input": [{"role": SECRET, "content": SECRET}]},
        {"input": [{"role": "user", "content": [{"type": SECRET, "text": SECRET}]}]},
        {"input": [{"type": SECRET, "content": SECRET}]},
        {"input": [{"role": "user", "content": {"text": SECRET}}]},
        {"instructions": [SECRET]},
        {"tools": [{"type": "function", "name": SECRET}]},
        {"tool_choice": SECRET},
        {"metadata": {SECRET: SECRET * 10}},
        {"metadata": {SECRET: 5}},
        {"metadata": {"a": [SECRET]}},
        {"temperature": SECRET},
        {"prompt_cache_key": SECRET},
    ],
)
def test_no_long_value_is_told(fields: dict[str, object]) -> None:
    contract = load("openai")
    for fault in (problem := refused(**fields)).faults:
        assert "secret of" not in fault.message
    assert b"secret of" not in contract.error(problem).body
    assert "secret of" not in repr(problem)


def test_every_fault_is_found_the_outermost_first() -> None:
    problem = refused(
        input=[{"role": "user", "content": [{"type": "input_text", "text": 5}]}, {"role": "x", "content": "y"}],
        temperature=9,
    )
    assert [param(fault.path) for fault in problem.faults] == [
        "temperature",
        "input[1].role",
        "input[0].content[0].text",
    ]
    assert (problem.param, problem.code, problem.given) == ("temperature", "decimal_above_max_value", 9)
    assert [(fault.keyword, fault.limit) for fault in problem.faults[:1]] == [("maximum", 2)]


def test_a_value_is_told_one_fault() -> None:
    assert [fault.code for fault in refused(truncation=5).faults] == ["invalid_type"]


def test_the_number_of_faults_is_bounded() -> None:
    assert len(refused(input=[5] * 10_000).faults) <= MOST_FAULTS


def test_a_path_is_written_as_javascript_would() -> None:
    assert param(["input", 2, "content", 0, "type"]) == "input[2].content[0].type"
    assert param([]) == ""
    assert len(param(["metadata", "k" * 1000])) < 32


def test_values_are_shown_short() -> None:
    assert shown("auto") == "'auto'"
    assert shown("x" * 65) == "a string of 65 characters"
    assert shown(10**100) == "a number of 101 digits"
    values: list[object] = [True, None, 1.5, [1], {}]
    assert [shown(value) for value in values] == ["true", "null", "1.5", "an array", "an object"]


def test_what_is_wrong_all_over_is_told_of_its_first_fault() -> None:
    many = [5] * (FEW + 1)
    problem = refused(input=many)
    assert ([param(fault.path) for fault in problem.faults], problem.code) == (["input[0]"], "invalid_type")
    with pytest.raises(Refused) as found:
        load("openai").chat.take({"model": "m", "messages": many})
    assert [param(fault.path) for fault in found.value.faults] == ["messages[0]"]


def test_a_long_history_with_one_fault_is_told_of_it() -> None:
    items: list[object] = [{"role": "user", "content": "x"}] * FEW
    assert refused(input=[*items, {"role": "no", "content": "x"}]).param == f"input[{FEW}].role"
