"""A stream made again from a response that has ended (protocol §1.1)."""

import json

from hypothesis import given

from antiphon.core import events as e
from antiphon.core.replay import replay
from antiphon.core.wire import decode_response, encode
from tests.core.strategies import logs
from tests.grammar import check_stream


@given(logs())
def test_a_replay_is_in_the_grammar_and_ends_in_the_same_response(log: list[e.Event]) -> None:
    last = log[-1]
    assert isinstance(last, e.Terminal)
    stored = decode_response(encode(last.response))
    events = replay(stored)
    assert check_stream([json.loads(encode(event)) for event in events]) == json.loads(encode(last.response))
    assert type(events[-1]) is type(last)
