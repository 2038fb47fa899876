"""What an answer was asked to be, and whether it is: looked at when the model says that it is done."""

from collections.abc import Sequence
from typing import Any

import pytest

from antiphon.core import deltas as d
from antiphon.core.offers import Choice, Grammar, Offer
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt, Sampling
from antiphon.core.request import JsonObjectFormat, JsonSchemaFormat, Text, TextFormat
from antiphon.models.answer_check import AnswerCheck, matches
from antiphon.models.llama_schema import validator

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
STRICT = Text(format=JsonSchemaFormat(name="n", schema=SCHEMA, strict=True))
ANY_JSON = Text(format=JsonObjectFormat())
DIGITS = Grammar("regex", "[0-9]+")
CUSTOM = Offer(name="calc", tool_name="calc", kind="custom", grammar=DIGITS)


def prompt(**fields: Any) -> Prompt:
    return Prompt(model="m", items=[], sampling=Sampling(max_output_tokens=9), **fields)


def checked(asked: Prompt, *batches: Sequence[d.Delta]) -> str | None:
    """Why an answer is not what was asked; None where it is."""
    check = AnswerCheck(asked)
    try:
        for batch in batches:
            check.feed(batch)
    except Problem as problem:
        return f"{problem.status} {problem.code}: {problem.message}"
    return None


def says(*texts: str, reason: str = "stop") -> list[list[d.Delta]]:
    return [*([d.TextDelta(text)] for text in texts), [d.Stop(reason)]]


def calls(name: str, *pieces: str) -> list[list[d.Delta]]:
    return [[d.CallBegun(name)], *([d.CallDelta(piece)] for piece in pieces), [d.Stop()]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (TextFormat(), False),
        (JsonObjectFormat(), True),
        (JsonSchemaFormat(name="n", schema=SCHEMA), False),
        (JsonSchemaFormat(name="n", schema=SCHEMA, strict=False), False),
        (JsonSchemaFormat(name="n", schema=SCHEMA, strict=True), True),
    ],
)
def test_only_a_promise_is_looked_at(text: Any, *, wanted: bool) -> None:
    assert AnswerCheck.wanted(prompt(text=Text(format=text))) == wanted


def test_a_call_that_is_required_and_a_grammar_are_promises_too() -> None:
    assert AnswerCheck.wanted(prompt(choice=Choice(mode="required", names=frozenset({"f"}))))
    assert AnswerCheck.wanted(prompt(offers=[CUSTOM]))
    assert not AnswerCheck.wanted(prompt(offers=[Offer(name="f", tool_name="f")]))


@pytest.mark.parametrize("text", ['{"a": 1}', ' {"a":1}\n', '{"a": 123456789012345678901234567890}'])
def test_a_text_that_fits(text: str) -> None:
    assert checked(prompt(text=STRICT), *says(text)) is None
    assert checked(prompt(text=STRICT), *says(*text)) is None
    assert checked(prompt(text=ANY_JSON), *says(text)) is None


@pytest.mark.parametrize(
    "text", ['{"a": "1"}', "{}", '{"a": 1, "b": 2}', '{"a": 1', "Sure! {}", '```json\n{"a": 1}\n```', "[" * 9000]
)
def test_a_text_that_does_not_fit(text: str) -> None:
    why = checked(prompt(text=STRICT), *says(text)) or ""
    assert why.startswith("500 model_error: ") and "does not fit 'text.format'" in why


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "null", "x"])
def test_what_is_no_object_does_not_fit_any_object(text: str) -> None:
    assert checked(prompt(text=ANY_JSON), *says(text)) is not None


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_what_a_limit_cut_is_not_looked_at(reason: str) -> None:
    assert checked(prompt(text=STRICT), *says('{"a"', reason=reason)) is None


def test_a_refusal_and_an_answer_in_calls_alone_are_no_text() -> None:
    assert checked(prompt(text=STRICT), [d.RefusalDelta("No."), d.Stop()]) is None
    assert checked(prompt(text=STRICT), *calls("f", "{}")) is None


def test_a_call_that_is_required() -> None:
    required = prompt(choice=Choice(mode="required", names=frozenset({"f"})))
    assert "calls no tool" in (checked(required, *says("No.")) or "")
    assert checked(required, *calls("f", "{}")) is None
    assert checked(required, [d.RefusalDelta("No."), d.Stop()]) is None
    assert checked(required, *says("cut", reason="length")) is None


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        (['{"input": "12', '34"}'], True),
        (['{"input": "12x"}'], False),
        (['{"input": ""}'], False),
        (['{"input": 12}'], False),
        (["12"], False),
        (["{"], False),
        ([], False),
    ],
)
def test_the_input_of_a_custom_tool_matches_its_grammar(given: list[str], *, fits: bool) -> None:
    assert (checked(prompt(offers=[CUSTOM]), *calls("calc", *given)) is None) == fits


def test_another_tools_call_is_not_held_to_it_and_one_that_is_wrong_is_found_before_the_next() -> None:
    both = prompt(offers=[CUSTOM, Offer(name="f", tool_name="f")])
    assert checked(both, *calls("f", '{"input": "x"}')) is None
    check = AnswerCheck(both)
    check.feed([d.CallBegun("calc"), d.CallDelta('{"input": "x"}')])
    with pytest.raises(Problem):
        check.feed([d.CallBegun("f")])


def test_a_native_free_form_call_is_its_servers_promise() -> None:
    assert checked(prompt(offers=[CUSTOM]), [d.CustomBegun("calc"), d.CustomDelta("x"), d.Stop()]) is None


@pytest.mark.parametrize(
    ("grammar", "text", "fits"),
    [
        (DIGITS, "12", True),
        (DIGITS, "12 ", False),
        (Grammar("lark", 'start: "ab"+'), "abab", True),
        (Grammar("lark", 'start: "ab"+'), "aba", False),
        (Grammar("lark", 'start: "é"'), "é", True),
        (Grammar("lark", "start: nowhere"), "x", False),
    ],
)
def test_texts_and_grammars(grammar: Grammar, text: str, *, fits: bool) -> None:
    assert matches(text, grammar) == fits


def test_a_schema_that_leans_on_another_document_is_refused_and_nothing_is_fetched() -> None:
    with pytest.raises(ValueError, match="another document"):
        validator({"$ref": "http://127.0.0.1:1/schema.json"})
    assert validator({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}).is_valid(3)
