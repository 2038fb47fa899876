"""A string member read while its JSON comes."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from antiphon.core.json_text import StringReader


def read(raw: str, cuts: list[int]) -> tuple[str, bool]:
    """What a reader gives for text that is cut at some places."""
    reader = StringReader("text")
    places = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    given_back = "".join(reader.feed(raw[a:b]) for a, b in itertools.pairwise(places))
    return given_back, reader.done


@given(st.text(), st.lists(st.integers(0, 1000)), st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_however_it_is_cut_the_value_is_the_same(
    text: str, cuts: list[int], ascii_only: object, separators: tuple[str, str]
) -> None:
    raw = json.dumps({"a": 1, "text": text, "b": "no"}, ensure_ascii=bool(ascii_only), separators=separators)
    assert read(raw, cuts) == (text, True)


@given(st.text(min_size=1), st.integers(0, 200))
def test_what_has_come_is_a_beginning(text: str, cut: int) -> None:
    raw = json.dumps({"text": text})[: 9 + cut]
    got, _ = read(raw, [])
    assert text.startswith(got)


def test_half_a_pair_waits_and_a_lone_one_is_replaced() -> None:
    reader = StringReader("text")
    assert reader.feed('{"text":"a\\ud83d') == "a"
    assert reader.feed("\\ude00") == "\U0001f600"
    assert read('{"text":"\\ud83d!"}', [])[0] == "\ufffd!"


def test_another_member_is_passed_over() -> None:
    assert read('{"other":"x"}', []) == ("", False)
