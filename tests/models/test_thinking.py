"""Thought told apart from the answer, however the text is cut."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.core.deltas import CallBegun, Delta, ReasoningDelta, Stop, TextDelta, UsageDelta
from antiphon.core.items import Logprob
from antiphon.models.thinking import ThinkingSplitter, shared_out, tag_of

Told = tuple[str, str]

TAGS = ["<think>", "</think>", "<thinking>", "</thinking>", "<", "</", "think", ">"]
TEXTS = st.lists(st.sampled_from([*TAGS, " ", "\n", "\u3000", "a", "🦆"]) | st.text(max_size=5), max_size=12).map(
    "".join
)
OPENED = st.sampled_from([None, None, "<think>", "<thinking>"])


def told(deltas: Iterable[Delta]) -> Told:
    """The whole thought and the whole answer."""
    thought, answer = "", ""
    for delta in deltas:
        if isinstance(delta, ReasoningDelta):
            thought += delta.text
        elif isinstance(delta, TextDelta):
            answer += delta.text
    return thought, answer


def split(*pieces: str, opened: str | None = None) -> Told:
    splitter = ThinkingSplitter(opened)
    found: list[Delta] = []
    for piece in pieces:
        found += splitter.feed([TextDelta(piece)])
    return told([*found, *splitter.feed([Stop()])])


@st.composite
def cut(draw: st.DrawFn) -> list[str]:
    text = draw(TEXTS)
    places = sorted(draw(st.sets(st.integers(0, len(text)))))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@given(cut(), OPENED)
def test_any_cutting_of_a_text_is_told_the_same(pieces: list[str], opened: str | None) -> None:
    assert split(*pieces, opened=opened) == split("".join(pieces), opened=opened)


@given(TEXTS, TEXTS)
def test_what_was_thought_and_what_was_said_come_back_stripped(thought: str, answer: str) -> None:
    thought = thought.replace("</think>", "")
    if "</think>" not in thought:  # what is left may join to a new one
        text = f"\n<think>\n{thought}\n</think>\n\n{answer}"
        assert split(*text) == (thought.strip(), answer.lstrip())


@given(TEXTS)
def test_a_text_without_a_thought_is_untouched(text: str) -> None:
    if not text.lstrip().startswith(("<think>", "<thinking>")):
        assert split(*text) == ("", text)


@pytest.mark.parametrize(
    ("text", "opened", "expected"),
    [
        ("<think>\nSix times seven.\n</think>\n\nIt is 42.", None, ("Six times seven.", "It is 42.")),
        ("<thinking>hm</thinking>yes", None, ("hm", "yes")),
        ("<think>\n\n</think>\n\nHello", None, ("", "Hello")),
        ("Six.\n</think>\n\n42", "<think>", ("Six.", "42")),
        ("<think>\nSix.\n</think>42", "<think>", ("Six.", "42")),
        ("<think>cut in the middle </thi", None, ("cut in the middle </thi", "")),
        ("cut in the middle ", "<think>", ("cut in the middle", "")),
        ("In HTML, <think> is no tag.</think>", None, ("", "In HTML, <think> is no tag.</think>")),
        ("<think>a <think> b </thinking> c</think>d</think>e", None, ("a <think> b </thinking> c", "d</think>e")),
        ("<think>a</think>\n<think>b</think>", None, ("a", "<think>b</think>")),
        ("<thin", None, ("", "<thin")),
        (" \n", None, ("", " \n")),
        ("<thinker>", None, ("", "<thinker>")),
    ],
)
def test_each_way_in_which_models_write_it(text: str, opened: str | None, expected: Told) -> None:
    assert split(text, opened=opened) == expected
    assert split(*text, opened=opened) == expected


def test_a_thought_is_told_as_it_comes() -> None:
    splitter = ThinkingSplitter()
    assert told(splitter.feed([TextDelta("<think>Six"), TextDelta(" times")])) == ("Six times", "")
    assert told(splitter.feed([TextDelta(" seven</think>It")])) == (" seven", "It")
    later = TextDelta(" is")
    assert splitter.feed([later]) == [later]


def test_a_call_ends_a_thought_that_has_no_end_tag() -> None:
    splitter = ThinkingSplitter()
    call = CallBegun("get_weather")
    found = splitter.feed([TextDelta("<think>I call <"), call, TextDelta("<think>")])
    assert found == [ReasoningDelta("I call"), ReasoningDelta(" <"), call, TextDelta("<think>")]


def test_what_is_held_comes_out_where_the_model_ends_without_saying_why() -> None:
    splitter = ThinkingSplitter()
    assert splitter.feed([TextDelta("<thi")]) == []
    assert splitter.finish() == [TextDelta("<thi")]


def word(text: str) -> Logprob:
    return Logprob(text, -0.5, list(text.encode()))


@given(st.data())
def test_log_probabilities_stay_with_the_answers_text(data: st.DataObject) -> None:
    words = ["<think>", "\n", "Six", " 🦆", "\n", "</", "think", ">\n", "\n", "It", " is", " 4", "2"]
    places = sorted(data.draw(st.sets(st.integers(0, len(words)))))
    splitter = ThinkingSplitter()
    found: list[Delta] = []
    for a, b in zip([0, *places], [*places, len(words)], strict=True):
        found += splitter.feed([TextDelta("".join(words[a:b]), [word(each) for each in words[a:b]])])
    assert told(found) == ("Six 🦆", "It is 42")
    kept = [logprob for delta in found if isinstance(delta, TextDelta) for logprob in delta.logprobs or []]
    assert [logprob.token for logprob in kept] == ["It", " is", " 4", "2"]


def test_a_token_that_is_tag_and_answer_stays_with_the_answer() -> None:
    pieces = ["<think>", "a", "</think", ">Hi", "!"]
    (delta,) = [
        each
        for each in ThinkingSplitter().feed([TextDelta("".join(pieces), [word(piece) for piece in pieces])])
        if isinstance(each, TextDelta)
    ]
    assert delta.text == "Hi!" and [each.token for each in delta.logprobs or []] == [">Hi", "!"]


def test_a_token_that_ends_within_a_character_is_kept_too() -> None:
    duck = "🦆".encode()
    halves = [Logprob("\ufffd", -1.0, list(duck[:2])), Logprob("\ufffd", -1.0, list(duck[2:]))]
    (_, answer) = ThinkingSplitter().feed([TextDelta("<think>a</think>🦆", [word("<think>a</think>"), *halves])])
    assert answer == TextDelta("🦆", halves)


def counted(splitter: ThinkingSplitter, pieces: list[str], usage: UsageDelta) -> UsageDelta:
    (found,) = [
        delta for delta in splitter.feed([*map(TextDelta, pieces), usage, Stop()]) if isinstance(delta, UsageDelta)
    ]
    return found


PIECES = ["<", "think>", "Six", " times", " seven", "</think>", "\n\n", "It", " is", " 42"]


def test_tokens_of_thought_are_counted_where_the_engine_tells_them_apart() -> None:
    usage = counted(ThinkingSplitter(tokens_in=lambda _: 1), PIECES, UsageDelta(5, 11))
    assert usage.reasoning_tokens == 7 and not usage.estimated


def test_tokens_of_thought_are_shared_out_by_characters_elsewhere_and_that_is_said() -> None:
    usage = counted(ThinkingSplitter(), PIECES, UsageDelta(5, 11))
    text = "".join(PIECES)
    assert usage.reasoning_tokens == shared_out(11, text.index("It"), len(text)) == 9
    assert usage.estimated


@pytest.mark.parametrize("tokens_in", [None, lambda _: 1])
def test_usage_is_untouched_without_a_thought_or_where_the_engine_counted(tokens_in: None) -> None:
    plain = UsageDelta(5, 2)
    assert counted(ThinkingSplitter(tokens_in=tokens_in), ["<thi", "s>"], plain) is plain
    known = UsageDelta(5, 11, reasoning_tokens=3)
    assert counted(ThinkingSplitter(tokens_in=tokens_in), PIECES, known) is known
    held = UsageDelta(5, 1)
    assert counted(ThinkingSplitter(tokens_in=tokens_in), ["<thi"], held) is held


def test_all_is_thought_where_the_answer_never_came() -> None:
    assert counted(ThinkingSplitter(), ["<think>", "hm"], UsageDelta(5, 3)).reasoning_tokens == 3
    assert counted(ThinkingSplitter("<think>", lambda _: 1), ["hm", "hm"], UsageDelta(5, 3)).reasoning_tokens == 2


def test_a_template_tells_whether_its_model_thinks() -> None:
    assert tag_of("{%- if '</think>' in content %}") == "<think>" and tag_of("{{ messages }}") is None
    assert tag_of("…</thinking>") == "<thinking>"
