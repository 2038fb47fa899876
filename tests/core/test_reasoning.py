"""Reasoning items as they are sealed and sent back, in every shape of clients §5-7."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from antiphon.core import deltas as d
from antiphon.core.emitter import Completed, Emitter, Incomplete
from antiphon.core.items import (
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    Reasoning,
    ReasoningText,
    SummaryText,
    item_from_json,
)
from antiphon.core.problems import Problem
from antiphon.core.reasoning import (
    Sealing,
    is_bare,
    of_this_turn,
    opened,
    opened_reasoning,
    remembered,
    sealed_reasoning,
    thought,
)
from antiphon.core.response import Response
from tests.core.strategies import TEXT


def seal(data: bytes) -> str:
    """A sealer that hides nothing: who may open is access's affair."""
    return "ours:" + base64.b64encode(data).decode()


def unseal(text: str, param: str) -> bytes:
    if not text.startswith("ours:"):
        raise Problem(400, "invalid_encrypted_content", "not ours", param=param)
    return base64.b64decode(text[5:])


BLOB = seal(sealed_reasoning(Reasoning(content=[ReasoningText("Six times seven.")])))
FOREIGN = "gAAAAABpXkT1m3Vw0rIYc7m0pZ3v2a"

THOUGHTS = st.builds(
    Reasoning,
    summary=st.lists(st.builds(SummaryText, TEXT), max_size=3),
    content=st.just(UNSET) | st.lists(st.builds(ReasoningText, TEXT), min_size=1, max_size=3),
    encrypted_content=st.just(UNSET) | TEXT,
)


@given(THOUGHTS)
def test_what_is_sealed_is_what_is_opened(item: Reasoning) -> None:
    assert opened_reasoning(sealed_reasoning(item)) == item


def sent(**members: Any) -> Reasoning:
    """A reasoning item as a client sends it."""
    item = item_from_json({"type": "reasoning", "summary": [], **members})
    assert isinstance(item, Reasoning)
    return item


TEXT_PART = {"type": "reasoning_text", "text": "I think."}
SUMMARY_PART = {"type": "summary_text", "text": "Thought about it."}


@pytest.mark.parametrize(
    ("item", "seen"),
    [
        (sent(id="rs_1", content=[TEXT_PART], encrypted_content=None), "I think."),
        (sent(id="rs_elsewhere", content=[TEXT_PART], status=None), "I think."),
        (sent(content=[TEXT_PART]), "I think."),
        (sent(id="rs_1", content=[TEXT_PART], summary=[SUMMARY_PART]), "I think."),
        (sent(id="rs_1", encrypted_content=BLOB), "Six times seven."),
        (sent(id="rs_elsewhere", encrypted_content=BLOB, content=None), "Six times seven."),
        (sent(encrypted_content=BLOB, content=[TEXT_PART], summary=[SUMMARY_PART]), "Six times seven."),
        (sent(id="rs_1", summary=[SUMMARY_PART]), "Thought about it."),
        (sent(id="rs_1", summary=[SUMMARY_PART], content=[]), "Thought about it."),
        (sent(id="rs_1", summary=[SUMMARY_PART, SUMMARY_PART]), "Thought about it.\n\nThought about it."),
        (sent(id="rs_1"), ""),
        (sent(id="rs_1", content=None, encrypted_content=None), ""),
    ],
)
def test_every_shape_that_clients_send_is_seen_as_one_thought(item: Reasoning, seen: str) -> None:
    question: Item = Message(role="user", content=[InputText("6*7?")])
    before = sealed_reasoning(item)
    (same, found) = opened([question, item], unseal)
    assert same is question and isinstance(found, Reasoning)
    assert thought(found) == seen and found.id == item.id
    assert sealed_reasoning(item) == before  # what is stored stays as it was sent


@pytest.mark.parametrize("content", [None, [TEXT_PART]])
def test_another_servers_blob_is_refused_at_its_place(content: Any) -> None:
    items: list[Item] = [Message(role="user"), sent(id="rs_1", encrypted_content=FOREIGN, content=content)]
    with pytest.raises(Problem) as caught:
        opened(items, unseal)
    assert caught.value.code == "invalid_encrypted_content"
    assert caught.value.param == "input[1].encrypted_content"


def test_a_blob_of_another_version_is_refused_too() -> None:
    with pytest.raises(Problem) as caught:
        opened([sent(encrypted_content=seal(b"not what we write"))], unseal)
    assert (caught.value.status, caught.value.code) == (400, "invalid_encrypted_content")


def test_an_upstreams_own_blob_comes_back_to_it_inside_ours() -> None:
    (given,) = Sealing(seal).feed([d.ItemDelta(sent(id="rs_1", encrypted_content=FOREIGN, summary=[SUMMARY_PART]))])
    assert isinstance(given, d.ItemDelta) and isinstance(given.item, Reasoning)
    assert given.item.encrypted_content != FOREIGN
    (found,) = opened([given.item], unseal)
    assert found == Reasoning(id="rs_1", summary=[SummaryText("Thought about it.")], encrypted_content=FOREIGN)


def test_what_is_stored_is_opened_where_it_can_be_and_read_in_plain_text_where_not() -> None:
    known = sent(id="rs_1", encrypted_content=BLOB, content=[TEXT_PART])
    lost = sent(id="rs_2", encrypted_content=FOREIGN, content=[TEXT_PART])
    gone = sent(id="rs_3", encrypted_content=FOREIGN)
    call = FunctionCall(call_id="call_1", name="f")
    found = remembered([known, lost, gone, call], unseal)
    assert [thought(item) if isinstance(item, Reasoning) else item for item in found] == [
        "Six times seven.",
        "I think.",
        "",
        call,
    ]
    assert [item.encrypted_content for item in found if isinstance(item, Reasoning)] == [UNSET] * 3


def test_an_item_that_says_nothing_but_its_id_stands_for_a_stored_one() -> None:
    assert is_bare(sent(id="rs_1", content=None, encrypted_content=None))
    assert is_bare(sent(id="rs_1", summary=[{"type": "summary_text", "text": ""}]))
    assert not is_bare(sent(id="rs_1", encrypted_content=BLOB))
    assert not is_bare(sent(id="rs_1", summary=[SUMMARY_PART]))
    assert not is_bare(Message(id="msg_1", role="user"))


def test_a_model_sees_the_thoughts_since_the_last_question() -> None:
    old, new, empty = sent(content=[TEXT_PART]), sent(content=[TEXT_PART]), sent(id="rs_1")
    asked, answered = Message(role="user"), Message(role="assistant")
    call, output = FunctionCall(call_id="c", name="f"), FunctionCallOutput(call_id="c", output="18")
    items: list[Item] = [asked, old, answered, asked, new, empty, call, output]
    assert of_this_turn(items) == [asked, answered, asked, new, call, output]
    assert of_this_turn([old, call, output]) == [old, call, output]


def sealed_items(deltas: list[list[d.Delta]], *, cut: str | None = None) -> list[Item]:
    """The output of a run whose deltas come in these batches."""
    names = iter(f"x{n}" for n in range(100))
    emitter = Emitter(Response(id="resp_1", created_at=0, model="m"), new_id=lambda _: next(names), now=lambda: 0)
    emitter.start()
    sealing = Sealing(seal)
    for batch in deltas:
        emitter.feed(sealing.feed(batch))
    emitter.feed(sealing.finish())
    emitter.finish(Completed() if cut is None else Incomplete(cut))
    return emitter.said()


def unsealed(item: Item) -> Reasoning:
    assert isinstance(item, Reasoning) and isinstance(item.encrypted_content, str)
    return opened_reasoning(unseal(item.encrypted_content, ""))


def test_each_thought_of_a_run_is_followed_by_its_sealed_form() -> None:
    said = sealed_items(
        [
            [d.ReasoningDelta("Six"), d.ReasoningDelta(" times")],
            [d.ReasoningDelta(" seven."), d.CallBegun("f"), d.CallDelta("{}")],
            [d.SummaryDelta("a"), d.SummaryDelta("b", begins=True), d.SummaryDelta("c")],
            [d.ReasoningDelta("raw"), d.UsageDelta(1, 1), d.TextDelta("42"), d.Stop()],
        ]
    )
    assert [type(item).__name__ for item in said] == ["Reasoning", "FunctionCall", "Reasoning", "Message"]
    assert unsealed(said[0]) == Reasoning(content=[ReasoningText("Six times seven.")])
    assert unsealed(said[2]) == Reasoning(summary=[SummaryText("a"), SummaryText("bc")], content=[ReasoningText("raw")])


def test_a_thought_at_the_very_end_is_sealed_too() -> None:
    for end in ([d.Stop()], []):
        (item,) = sealed_items([[d.ReasoningDelta("hm"), d.UsageDelta(1, 1), *end]])
        assert thought(unsealed(item)) == "hm"


def test_a_thought_that_a_limit_cut_is_incomplete_and_not_sealed() -> None:
    (item,) = sealed_items([[d.ReasoningDelta("hm"), d.Stop("length")]], cut="max_output_tokens")
    assert isinstance(item, Reasoning) and item.status == "incomplete" and item.encrypted_content is UNSET


def test_an_upstreams_sealed_thought_is_sealed_once_more_with_its_text() -> None:
    (item, _) = sealed_items([[d.SummaryDelta("a"), d.ReasoningSealed(FOREIGN), d.TextDelta("42"), d.Stop()]])
    assert unsealed(item) == Reasoning(summary=[SummaryText("a")], encrypted_content=FOREIGN)


PIECES = st.lists(
    st.builds(d.ReasoningDelta, TEXT)
    | st.builds(d.SummaryDelta, TEXT, st.booleans())
    | st.builds(d.TextDelta, TEXT)
    | st.just(d.CallBegun("f"))
    | st.just(d.UsageDelta(1, 1)),
    max_size=10,
)


@given(PIECES)
def test_whatever_is_thought_is_what_is_sealed(pieces: list[d.Delta]) -> None:
    for item in sealed_items([[piece] for piece in pieces]):
        if isinstance(item, Reasoning):
            told = unsealed(item)
            kept = [] if told.content is UNSET else told.content
            assert (told.summary, kept) == (item.summary, [] if item.content is UNSET else item.content)
