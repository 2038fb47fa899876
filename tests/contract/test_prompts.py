"""The bodies of `/prompts`: legal as a create request would be, and kept as they were given."""

import json
from typing import Any

import pytest

from antiphon.contract.contract import load
from antiphon.contract.prompts import Draft, read, told
from antiphon.core.problems import Problem
from antiphon.core.templates import Template


def draft(body: Any) -> Draft:
    return read(json.dumps(body).encode(), load("openai"), "m")


def test_it_is_kept_as_it_was_given() -> None:
    fields = {
        "input": [{"role": "user", "content": "{{a}}"}],
        "text": {"format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}},
        "tools": [{"type": "function", "name": "f"}],
    }
    assert draft({"name": "n", "model": None, **fields}) == Draft("n", fields)


def test_it_tells_its_variables() -> None:
    version = Template(id="pmpt_1", version=2, created_at=3, fields={"instructions": "{{a}} {{b}}"})
    assert told(version) == {
        "id": "pmpt_1",
        "object": "prompt",
        "version": "2",
        "created_at": 3,
        "name": None,
        "variables": ["a", "b"],
        "instructions": "{{a}} {{b}}",
    }


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_type", None),
        ({}, "missing_required_parameter", "input"),
        ({"name": "n"}, "missing_required_parameter", "input"),
        ({"input": "x", "stream": True}, "unknown_parameter", "stream"),
        ({"input": "x", "previous_response_id": "resp_1"}, "unknown_parameter", "previous_response_id"),
        ({"input": "x", "name": ""}, "invalid_value", "name"),
        ({"input": "x", "name": "n" * 257}, "invalid_value", "name"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "invalid_value", "input[0].role"),
        ({"temperature": 3}, "decimal_above_max_value", "temperature"),
        (
            {"tools": [{"type": "mcp", "server_label": "s", "server_url": "https://a.b", "authorization": "secret"}]},
            "invalid_value",
            "tools",
        ),
    ],
)
def test_what_is_refused(body: Any, code: str, param: str | None) -> None:
    with pytest.raises(Problem) as caught:
        draft(body)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, param)
