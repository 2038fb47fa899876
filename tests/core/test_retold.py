"""A whole item told in its grammar, as if it had been streamed."""

import json

import pytest

from antiphon.core import deltas as d
from antiphon.core.emitter import Completed
from antiphon.core.items import (
    Compaction,
    CustomToolCall,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    Logprob,
    Message,
    OutputText,
    Passed,
    Reasoning,
    ReasoningText,
    Refusal,
    SummaryText,
)
from antiphon.core.response import Response
from antiphon.core.retold import retold
from antiphon.core.wire import encode
from tests.core.strategies import play
from tests.grammar import check_stream

WHOLE: list[Item] = [
    Message(id="msg_1", role="assistant"),
    Message(
        id="msg_1", role="assistant", phase="commentary", content=[OutputText("a"), OutputText(""), OutputText("b")]
    ),
    Message(
        id="msg_1",
        role="assistant",
        content=[OutputText("a", [{"type": "url_citation"}, None], [Logprob("a", -0.5, [97])])],
    ),
    Message(id="msg_1", role="assistant", content=[Refusal("no")]),
    Message(id="msg_1", role="assistant", status="incomplete", content=[OutputText("a")]),
    Reasoning(id="rs_1"),
    Reasoning(id="rs_1", encrypted_content="sealed"),
    Reasoning(
        id="rs_1",
        summary=[SummaryText("a"), SummaryText("b")],
        content=[ReasoningText("c"), ReasoningText("d")],
        encrypted_content="sealed",
    ),
    FunctionCall(id="fc_1", call_id="call_1", name="f", arguments='{"a": 1}', namespace="n"),
    FunctionCall(id="fc_1", call_id="call_1", name="f", status="incomplete"),
    CustomToolCall(id="ctc_1", call_id="call_1", name="f", input="text"),
]


@pytest.mark.parametrize("item", WHOLE, ids=lambda item: type(item).__name__)
def test_what_is_told_is_the_item(item: Item) -> None:
    response = Response(id="resp_1", created_at=1, model="m")
    log = play(response, [d.ItemDelta(item)], Completed())
    events = [json.loads(encode(event)) for event in log]
    if '"incomplete"' in encode(item).decode():
        events[-1]["type"] = "response.incomplete"
        cut = {"reason": "max_output_tokens"}
        events[-1]["response"] |= {"status": "incomplete", "completed_at": None, "incomplete_details": cut}
    assert check_stream(events)["output"] == [json.loads(encode(item))]


@pytest.mark.parametrize(
    "item",
    [
        Compaction(encrypted_content="e"),
        FunctionCallOutput(call_id="c", output="o"),
        Message(role="user", content=[InputText("a")]),
        Passed({"type": "program"}),
    ],
    ids=lambda item: type(item).__name__,
)
def test_of_these_nothing_is_streamed(item: Item) -> None:
    assert retold(item) is None
