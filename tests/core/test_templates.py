"""Prompts with variables, and the requests that are made of them."""

from typing import Any

import pytest

from antiphon.core.problems import Problem
from antiphon.core.templates import Template, filled, variables

PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,x"}


def template(**fields: Any) -> Template:
    return Template(id="pmpt_1", version=1, created_at=1, fields=fields)


def made(fields: dict[str, Any], given: dict[str, Any], **body: Any) -> dict[str, Any]:
    return filled(template(**fields), body, given)


def test_texts_are_filled_in_wherever_they_stand() -> None:
    fields = {"instructions": "Speak {{tongue}} to {{ name }}.", "input": "I am {{name}}, {{name}}!"}
    assert variables(fields) == ["tongue", "name"]
    given = {"tongue": "German", "name": {"type": "input_text", "text": "Ada"}}
    assert made(fields, given) == {
        "instructions": "Speak German to Ada.",
        "input": [{"role": "user", "content": "I am Ada, Ada!"}],
    }


def test_a_picture_or_a_file_becomes_a_part() -> None:
    assert made({"input": "See {{it}} here"}, {"it": PICTURE})["input"][0]["content"] == [
        {"type": "input_text", "text": "See "},
        PICTURE,
        {"type": "input_text", "text": " here"},
    ]
    parts = [{"type": "input_text", "text": "{{it}}{{it}}{{word}}"}, PICTURE]
    item = made({"input": [{"role": "user", "content": parts}]}, {"it": PICTURE, "word": "w"})["input"][0]
    assert item["content"] == [PICTURE, PICTURE, {"type": "input_text", "text": "w"}, PICTURE]


def test_what_a_variable_says_is_no_place_for_another() -> None:
    assert made({"input": "{{a}} {{b}}"}, {"a": "{{b}}", "b": "x"})["input"][0]["content"] == "{{b}} x"


def test_the_request_s_own_fields_count_more_and_its_input_comes_behind() -> None:
    fields = {
        "model": "m",
        "temperature": 0.5,
        "instructions": "{{a}}",
        "input": [{"role": "developer", "content": "d"}],
    }
    found = made(fields, {"a": "x"}, model="n", temperature=None, instructions="own", input="hi", stream=True)
    assert found == {
        "model": "n",
        "temperature": 0.5,
        "instructions": "own",
        "input": [{"role": "developer", "content": "d"}, {"role": "user", "content": "hi"}],
        "stream": True,
    }
    assert made({"model": "m"}, {}, input=[]) == {"model": "m", "input": []}


def test_what_is_kept_does_not_change() -> None:
    kept = template(input=[{"role": "user", "content": [{"type": "input_text", "text": "{{a}}"}]}])
    assert filled(kept, {}, {"a": "x"}) != filled(kept, {}, {"a": "y"})
    assert variables(kept.fields) == ["a"]


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({}, "missing_required_parameter", "a"),
        ({"a": None}, "missing_required_parameter", "a"),
        ({"a": "x", "b": "y"}, "invalid_value", "b"),
        ({"a": 3}, "invalid_type", "a"),
        ({"a": {"type": "refusal"}}, "invalid_type", "a"),
        ({"a": PICTURE}, "invalid_type", "a"),
    ],
)
def test_variables_that_do_not_fit(given: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(Problem) as caught:
        made({"instructions": "{{a}}"}, given)
    problem = caught.value
    assert (problem.status, problem.code, problem.param) == (400, code, f"prompt.variables.{param}")
