"""The fold of a log: the response, at every point of it (DESIGN §3)."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.core import deltas as d
from antiphon.core import events as e
from antiphon.core.emitter import Completed
from antiphon.core.fold import Fold
from antiphon.core.items import Message, OutputText
from antiphon.core.response import Response
from antiphon.core.wire import decode_event, decode_response, encode
from tests.core.strategies import logs, play

BARE = Response(id="resp_1", created_at=1_800_000_000, model="scripted")


def folded(log: list[e.Event]) -> Fold:
    fold = Fold(BARE)
    for event in log:
        fold.apply(event)
    return fold


@given(logs())
def test_the_fold_of_the_log_is_the_response_of_its_end(log: list[e.Event]) -> None:
    last = log[-1]
    assert isinstance(last, e.Terminal)
    assert encode(folded(log).snapshot()) == encode(last.response)


@given(logs())
def test_the_log_without_its_end_has_the_same_output(log: list[e.Event]) -> None:
    last = log[-1]
    assert isinstance(last, e.Terminal)
    assert encode(folded(log[:-1]).snapshot().output) == encode(last.response.output)


@given(logs(), st.data())
def test_a_prefix_and_then_the_rest_is_the_whole(log: list[e.Event], data: st.DataObject) -> None:
    """Looking at a fold, or taking it up again from stored bytes, changes nothing."""
    cut = data.draw(st.integers(0, len(log)))
    fold = folded([decode_event(encode(event)) for event in log[:cut]])
    seen = fold.snapshot()
    before = encode(seen)
    for event in log[cut:]:
        fold.apply(event)
    assert encode(fold.snapshot()) == encode(folded(log).snapshot())
    assert encode(seen) == before


@given(logs())
def test_between_items_a_stored_snapshot_is_enough(log: list[e.Event]) -> None:
    for cut in range(1, len(log)):
        fold = folded(log[:cut])
        if not fold.open:
            again = Fold(decode_response(encode(fold.snapshot())))
            for event in log[cut:]:
                again.apply(event)
            assert encode(again.snapshot()) == encode(folded(log).snapshot())


@given(logs())
def test_the_log_is_not_touched_by_its_fold(log: list[e.Event]) -> None:
    before = [encode(event) for event in log]
    for cut in range(len(log)):
        folded(log[:cut]).snapshot()
    assert [encode(event) for event in log] == before


def test_a_snapshot_in_the_middle_tells_what_was_said() -> None:
    log = play(BARE, [d.TextDelta("Hel"), d.TextDelta("lo")], Completed())
    texts = []
    for cut in range(4, 7):
        item = folded(log[:cut]).snapshot().output[0]
        assert isinstance(item, Message) and item.status == "in_progress"
        part = item.content[0]
        assert isinstance(part, OutputText)
        texts.append(part.text)
    assert texts == ["", "Hel", "Hello"]
