from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from antiphon.core import deltas as d
from antiphon.core.items import Logprob
from antiphon.core.problems import Problem
from antiphon.core.request import CustomTool, FunctionTool, PassedTool
from antiphon.models.llama_grammar import Plan
from antiphon.models.llama_speech import Speech
from tests.models.test_llama_grammar import CLOCK, FORCED, FREE, LARK, THING, WEATHER, planned

SPACE = PassedTool(
    {
        "type": "namespace",
        "name": "crm",
        "tools": [{"type": "function", "name": "find"}, {"type": "custom", "name": "note"}],
    }
)
UNION = planned(WEATHER, CLOCK, LARK, FREE, SPACE)
ROME: Any = '{"place": "Rö\\nme \\"{}"}'


def heard(plan: Plan, *texts: str, cut: bool = False) -> list[d.Delta]:
    """All deltas, those of one text put together."""
    speech = Speech(plan)
    found = speech.begin()
    for text in texts:
        found += speech.feed(text)
    speech.finish(cut=cut)
    return joined(found)


def joined(found: list[d.Delta]) -> list[d.Delta]:
    whole: list[d.Delta] = []
    for delta in found:
        last = whole[-1] if whole else None
        if isinstance(delta, d.TextDelta | d.CallDelta | d.CustomDelta):
            assert delta.text, "a delta says something"
            if isinstance(last, type(delta)):
                whole[-1] = type(delta)(last.text + delta.text)
                continue
        whole.append(delta)
    return whole


ANSWERS: list[tuple[Plan, str, list[d.Delta]]] = [
    (planned(), "Hello.\nreply\n", [d.TextDelta("Hello.\nreply\n")]),
    (planned(form=THING), '{"n": 3}', [d.TextDelta('{"n": 3}')]),
    (UNION, "reply\n\nIt is\nclock\n{}", [d.TextDelta("\nIt is\nclock\n{}")]),
    (UNION, "clock\n{}", [d.CallBegun("clock"), d.CallDelta("{}")]),
    (
        UNION,
        f"weather\n{ROME}\ncrm__find\n{{}}\n",
        [d.CallBegun("weather"), d.CallDelta(ROME), d.CallBegun("crm__find"), d.CallDelta("{}")],
    ),
    (
        UNION,
        "clock\n{}\nsql\nSELECT {ab}",
        [d.CallBegun("clock"), d.CallDelta("{}"), d.CustomBegun("sql"), d.CustomDelta("SELECT {ab}")],
    ),
    (UNION, "free\nclock\n{}", [d.CustomBegun("free"), d.CustomDelta("clock\n{}")]),
    (UNION, "crm__note\nx", [d.CustomBegun("note", UNSET, "crm"), d.CustomDelta("x")]),
    (planned(WEATHER, CLOCK, choice=FORCED), ROME, [d.CallBegun("weather"), d.CallDelta(ROME)]),
    (planned(WEATHER, choice="none"), "weather\n{}", [d.TextDelta("weather\n{}")]),
    (planned(WEATHER, form=THING), 'reply\n{"n": 3}', [d.TextDelta('{"n": 3}')]),
    (
        planned(LARK, choice={"type": "custom", "name": "sql"}),
        "SELECT a",
        [d.CustomBegun("sql"), d.CustomDelta("SELECT a")],
    ),
]


@given(st.sampled_from(ANSWERS), st.data())
def test_however_it_is_cut_the_deltas_are_the_same(
    answer: tuple[Plan, str, list[d.Delta]], data: st.DataObject
) -> None:
    plan, text, deltas = answer
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    pieces = [text[one:other] for one, other in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert heard(plan, *(piece for piece in pieces if piece)) == deltas


@given(st.sampled_from(ANSWERS), st.data())
def test_what_a_limit_cuts_off_stays_as_far_as_it_came(
    answer: tuple[Plan, str, list[d.Delta]], data: st.DataObject
) -> None:
    plan, text, deltas = answer
    came = heard(plan, text[: data.draw(st.integers(0, len(text)))], cut=True)
    for was, whole in zip(came[:-1], deltas, strict=False):
        assert was == whole
    if came:
        last, whole = came[-1], deltas[len(came) - 1]
        assert type(last) is type(whole) and getattr(whole, "text", "").startswith(getattr(last, "text", ""))


def test_text_streams_as_it_comes() -> None:
    speech = Speech(UNION)
    assert speech.begin() == speech.feed("rep") == []
    assert speech.feed("ly\nIt") == [d.TextDelta("It")] and speech.feed(" is") == [d.TextDelta(" is")]
    speech = Speech(UNION)
    assert speech.feed("weather\n") == [d.CallBegun("weather")]
    assert speech.feed('{"pl') == [d.CallDelta('{"pl')]


def test_a_forced_call_begins_at_once() -> None:
    assert Speech(planned(WEATHER, choice=FORCED)).begin() == [d.CallBegun("weather")]


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (planned(form=THING), "Sure! Here"),
        (planned(form=THING), '{"n": "x"}'),
        (planned(form=THING), '{"n": 3'),
        (UNION, "Hello"),
        (UNION, "weather\n{}"),
        (UNION, "weather\n"),
        (UNION, "wea"),
        (UNION, ""),
        (UNION, "sql\nDROP"),
        (UNION, "sql\nSELECT"),
        (planned(WEATHER, choice="required"), "reply\nNo."),
    ],
)
def test_an_engine_that_does_not_enforce_its_grammar_is_found_out(plan: Plan, text: str) -> None:
    with pytest.raises(Problem) as broken:
        heard(plan, text)
    assert (broken.value.status, broken.value.code) == (500, "model_error")


def test_whole_arguments_are_validated_even_where_no_grammar_held_them() -> None:
    open_plan = Plan(reply="reply", callable=UNION.callable)
    with pytest.raises(Problem):
        heard(open_plan, 'weather\n{"place": 3}')
    with pytest.raises(Problem):
        heard(open_plan, 'weather\n{"place": \nclock\n{}')
    with pytest.raises(Problem):
        heard(open_plan, "nobody\n{}")
    with pytest.raises(Problem):
        heard(Plan(text={"type": "object"}), "[]")


def test_log_probabilities_go_with_their_text() -> None:
    def told(*tokens: str) -> list[Logprob]:
        return [Logprob(token, -0.5, list(token.encode())) for token in tokens]

    speech = Speech(planned(WEATHER))
    assert speech.feed("reply", told("reply")) == []
    assert speech.feed("\nIt is", told("\n", "It", " is")) == [d.TextDelta("It is", told("It", " is"))]
    assert speech.feed(" warm", told(" warm")) == [d.TextDelta(" warm", told(" warm"))]


def test_a_tool_that_only_the_history_knows_is_not_called() -> None:
    tools = [FunctionTool(name="a"), CustomTool(name="b")]
    allowed = planned(*tools, choice={"type": "allowed_tools", "tools": [{"type": "function", "name": "a"}]})
    with pytest.raises(Problem):
        heard(allowed, "b\nx")
