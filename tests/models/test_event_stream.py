"""Server-sent events as they arrive from an upstream, however they are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.models.event_stream import EventStream, form_of

RAW = (
    b'\xef\xbb\xbf: hello\n\ndata: {"a":1}\n\nevent: x\nid: 7\ndata: one\ndata: two\n\n'
    b"retry: 5\n\ndata:tight\n\ndata: [DONE]\n\n"
)
TOLD = [b'{"a":1}', b"one\ntwo", b"tight", b"[DONE]"]


@given(st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(0, 200)))
def test_any_cutting_and_any_end_of_line_tell_the_same(end: bytes, cuts: list[int]) -> None:
    raw = RAW.replace(b"\n", end)
    places = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    stream = EventStream()
    found = [data for a, b in itertools.pairwise(places) for data in stream.feed(raw[a:b])]
    assert found + stream.finish() == TOLD


def test_an_event_that_the_end_cut_off_is_told() -> None:
    stream = EventStream()
    assert stream.feed(b"data: half") == []
    assert stream.held == 10
    assert stream.finish() == [b"half"]
    assert stream.finish() == []


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b'data: {"a":1}\n\n', "events"),
        (b": ping\n\n", "events"),
        (b'\r\n {"a":1}', "json"),
        (b"[1]", "json"),
        (b"\n<!DOCTYPE html>", "page"),
        (b" \n", "blank"),
    ],
)
def test_a_body_that_does_not_say_what_it_is_is_known_by_how_it_begins(data: bytes, form: str) -> None:
    assert form_of(data) == form
