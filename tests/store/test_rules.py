import pytest

from antiphon.core.items import Message, Passed
from antiphon.store.rules import locked, no_conversation, no_parent, outward, told
from tests.store import made


def test_refusals_say_what_is_missing_and_no_more_than_a_line() -> None:
    for refusal in (no_parent("resp_" + "x" * 500), no_conversation("conv_" + "x" * 500), locked("conv_" + "x" * 500)):
        assert 400 <= refusal.status < 500
        assert len(refusal.message) < 200


def test_every_item_that_is_kept_has_an_id() -> None:
    assert outward(Passed({"type": "web_search_call", "id": "ws_1"})) == "ws_1"
    with pytest.raises(AssertionError):
        outward(Message(role="user"))


def test_a_log_of_several_chunks_tells_one_response() -> None:
    opening = made.begun(background=True)
    chunks = [made.chunk(0, *made.beginning(opening.response)), made.chunk(2, *made.told(2, "first"))]
    found = told(opening.response, chunks)
    assert (found.status, made.texts(found.output)) == ("in_progress", ["first"])
