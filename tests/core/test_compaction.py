"""What of a conversation stays word by word, what is summed up, and what a compaction holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.core import compaction as c
from antiphon.core.items import (
    Compaction,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Passed,
    Reasoning,
    ReasoningText,
    Role,
)
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from tests.core.strategies import ITEMS


def said(role: Role, text: str) -> Message:
    part = OutputText(text) if role == "assistant" else InputText(text)
    return Message(role=role, content=[part])


TALK: list[Item] = [
    said("developer", "Be kind."),
    said("user", "one"),
    said("assistant", "1"),
    Passed({"type": "additional_tools", "tools": []}),
    said("user", "two"),
    FunctionCall(call_id="c", name="look", arguments="{}"),
    FunctionCallOutput(call_id="c", output="found"),
    said("user", "three"),
]


def test_what_the_user_and_the_developer_said_stays() -> None:
    found = c.split(TALK, dropped=0, held=8, tail=8)
    assert found.kept == [TALK[0], TALK[1], TALK[3], TALK[4], TALK[7]]
    assert found.gone == [TALK[2], TALK[5], TALK[6]]
    assert found.tail == []


def test_the_oldest_go_first_but_not_the_question() -> None:
    found = c.split(TALK, dropped=2, held=7, tail=7)
    assert (found.kept, found.tail) == ([TALK[0], TALK[3]], [TALK[7]])
    found = c.split(TALK, dropped=3, held=7, tail=8)
    assert found.kept == [TALK[0], TALK[3], TALK[7]]


@given(st.lists(ITEMS, max_size=8), st.integers(0, 9), st.data())
def test_nothing_is_lost(items: list[Item], dropped: int, data: st.DataObject) -> None:
    tail = data.draw(st.integers(0, len(items)))
    found = c.split(items, dropped, tail, tail)
    assert sorted(map(repr, [*found.kept, *found.gone, *found.tail])) == sorted(map(repr, items))
    assert [item for item in items if item in found.tail][-len(found.tail) :] == found.tail or not found.tail


def test_a_turn_begins_with_the_last_question() -> None:
    assert c.question(TALK) == 7
    assert c.question(TALK[2:4]) == 2


def test_what_was_sealed_is_whole_again() -> None:
    compacted = c.Compacted(model="m", kept=TALK[:2], summary="1 was said", tail=TALK[4:])
    again = c.unpacked(c.packed(compacted))
    assert again == compacted
    shown = c.shown(again)
    assert [shown[0], *shown[2:]] == [*TALK[:2], *TALK[4:]]
    summary = shown[1]  # behind what the developer said, before what the user did
    assert isinstance(summary, Message) and isinstance(summary.content[0], InputText)
    assert summary.content[0].text.endswith("\n1 was said")
    assert c.shown(c.Compacted(model="m", kept=TALK[:2])) == TALK[:2]


def test_what_was_compacted_before_is_compacted_with_the_rest() -> None:
    head = c.Compacted(model="m", kept=TALK[:1], summary="s", tail=TALK[1:2])
    assert c.matter(head, TALK[2:]) == (TALK, "s")
    assert c.matter(None, TALK) == (TALK, "")


def test_a_transcript_tells_who_said_what() -> None:
    thought = Reasoning(content=[ReasoningText("hm")])
    picture = Message(role="user", content=[InputText("look"), InputImage(image_url="data:,")])
    text = c.transcript([*TALK[1:], thought, picture], "FACT a\nFACT b")
    assert text == (
        "[summary of what came before]\nFACT a\nFACT b\n\n[user]\none\n\n[assistant]\n1\n\n[user]\ntwo\n\n"
        "[the assistant calls look]\n{}\n\n[the tool answers]\nfound\n\n[user]\nthree\n\n[user]\nlook\n(input_image)"
    )


def test_a_model_knows_that_it_is_asked_for_a_summary() -> None:
    assert c.is_asked(c.asking("words"))
    assert not c.is_asked(TALK)
    assert not c.is_asked([])


def test_the_latest_counts() -> None:
    one = Compaction(encrypted_content="x")
    assert c.latest([one, *TALK, one, *TALK]) == 9
    assert c.latest(TALK) is None


def test_a_trigger_is_the_last_item() -> None:
    trigger = Passed({"type": "compaction_trigger"})
    request = Request(model="m", input=[*TALK, trigger])
    c.take_trigger(request)
    assert (request.input, request.compacts) == (TALK, "item")
    with pytest.raises(Problem) as caught:
        c.take_trigger(Request(model="m", input=[trigger, *TALK]))
    assert (caught.value.status, caught.value.param) == (400, "input[0].type")
    plain = Request(model="m", input=TALK)
    c.take_trigger(plain)
    assert (plain.input, plain.compacts) == (TALK, None)
