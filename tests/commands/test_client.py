"""The client of `chat`: what it makes of streams, good and bad."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.commands.client import Client, Trouble, frames
from tests.commands.speaker import BREAK, answer, event, speaking

LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20).map(str.encode)


@given(
    st.lists(st.lists(LINE, min_size=1, max_size=3), max_size=5),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([[], [b": ping", b"id: 7"]]),
)
def test_frames_give_back_the_data_of_each_event(events: list[list[bytes]], end: bytes, others: list[bytes]) -> None:
    lines: list[bytes] = []
    for data in events:
        lines += [line + end for line in (b"event: some", *others, *(b"data: " + piece for piece in data), b"")]
    assert list(frames(lines)) == [b"\n".join(data) for data in events]


def test_an_event_that_is_not_ended_is_not_given() -> None:
    assert list(frames([b"data: 1\n", b"\n", b"data: 2\n"])) == [b"1"]


def test_a_stream_is_read_to_its_end() -> None:
    with speaking(answer("Hel", "lo")) as speaker:
        told = list(Client(speaker.url).respond("one", "Be brief.", [{"role": "user", "content": "Hi"}]))
    assert "".join(one.delta for one in told if one.type == "response.output_text.delta") == "Hello"
    assert told[-1].response is not None
    assert told[-1].response.status == "completed"
    assert speaker.asked == [
        {
            "model": "one",
            "input": [{"role": "user", "content": "Hi"}],
            "stream": True,
            "store": False,
            "instructions": "Be brief.",
        }
    ]


def test_a_stream_that_breaks_off_gives_what_came() -> None:
    with speaking([event("response.output_text.delta", delta="Hel"), b"data: {", BREAK]) as speaker:
        told = list(Client(speaker.url).respond("one", None, []))
    assert [one.delta for one in told] == ["Hel"]


def test_what_is_no_event_is_told() -> None:
    with speaking([b"data: <html>\n\n"]) as speaker, pytest.raises(Trouble, match="does not speak the Responses API"):
        list(Client(speaker.url).respond("one", None, []))


def test_models_and_a_server_that_knows_no_readyz() -> None:
    with speaking() as speaker:
        client = Client(speaker.url + "/")
        assert client.models() == ["one", "two"]
        assert client.loading() is None


def test_a_refusal_is_told_in_the_servers_words() -> None:
    with speaking() as speaker, pytest.raises(Trouble, match=r"^There is no such path\.$"):
        Client(speaker.url + "/elsewhere").models()


def test_nobody_there() -> None:
    with speaking() as speaker:
        url = speaker.url
    with pytest.raises(Trouble, match="no answer from"):
        Client(url).models()


@pytest.mark.parametrize("url", ["ftp://somewhere/v1", "http://", "http://host:port/v1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(Trouble, match="no http or https address"):
        Client(url)
