"""Prompts with variables, and the requests that are made of them."""

from typing import Any

import pytest

from antiphon.core.problems import Problem
from antiphon.core.templates import Template, filled, variables

PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,x"}


def template(**fields: Any) -> Template:
    return Template(id="pmpt_1", version=1, created_at=1, fields=fields)


def made(fields: dict[str, Any], given: dict[str, Any], **body: Any) -> dict[str, Any]:
    return filled(template(**fields), body, given, most=10_000)


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
    assert filled(kept, {}, {"a": "x"}, most=100) != filled(kept, {}, {"a": "y"}, most=100)
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
        ({"a": {"type": "input_text", "text": 5}}, "invalid_type", "a"),
        ({"a": {"type": "input_text"}}, "invalid_type", "a"),
        ({"a": "x", "b" * 70: "y"}, "invalid_value", "b" * 64 + "…"),
    ],
)
def test_variables_that_do_not_fit(given: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(Problem) as caught:
        made({"instructions": "{{a}}"}, given)
    problem = caught.value
    assert (problem.status, problem.code, problem.param) == (400, code, f"prompt.variables.{param}")


def test_a_long_name_is_a_name_whole() -> None:
    name = "n" * 70
    assert made({"instructions": f"{{{{{name}}}}}"}, {name: "x"})["instructions"] == "x"
    with pytest.raises(Problem) as caught:  # the first letters of which are one
        made({"instructions": f"{{{{{name[:64]}}}}}"}, {name[:64]: "x", name: "y"})
    assert caught.value.param == f"prompt.variables.{name[:64]}…"


def test_of_many_variables_a_refusal_names_some() -> None:
    names = [f"v{number}" for number in range(20)]
    with pytest.raises(Problem, match=r"'v15', and 4 more\.$"):
        made({"instructions": " ".join(f"{{{{{name}}}}}" for name in names)}, dict.fromkeys([*names, "w"], "x"))


LETTERS = "x" * 4000


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"instructions": "{{a}}{{a}}{{a}}"}, LETTERS),
        ({"input": "{{a}}{{a}}{{a}}"}, LETTERS),
        ({"input": "{{a}}{{a}}{{a}}"}, PICTURE | {"image_url": LETTERS}),
        (
            {
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": "{{a}} {{a}} {{a}}", "k": LETTERS}]}
                ]
            },
            PICTURE,
        ),
    ],
    ids=["instructions", "text", "pictures", "what stands beside a text"],
)
def test_a_small_prompt_does_not_become_a_huge_request(fields: dict[str, Any], value: Any) -> None:
    with pytest.raises(Problem) as caught:
        made(fields, {"a": value})
    assert (caught.value.status, caught.value.code) == (413, "request_too_large")
    assert caught.value.param == "prompt.variables"


def test_what_the_request_says_itself_is_not_filled_in() -> None:
    assert made({"instructions": "{{a}}" * 9}, {"a": LETTERS}, instructions="own")["instructions"] == "own"


def test_many_places_become_one_part() -> None:
    fields = {"input": [{"role": "user", "content": [{"type": "input_text", "text": "{{a}}-" * 30}, PICTURE]}]}
    content = made(fields, {"a": "y"})["input"][0]["content"]
    assert content == [{"type": "input_text", "text": "y-" * 30}, PICTURE]
