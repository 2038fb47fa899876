"""Items on their way to a Responses upstream and back: no ids but where they are needed, blobs to whose they are."""

from typing import Any

from antiphon.core.items import (
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Message,
    OutputText,
    Passed,
    Reasoning,
    ReasoningText,
    SummaryText,
)
from antiphon.models.responses_items import from_upstream, logprobs, to_upstream, wrapped


def test_the_history_goes_without_ids() -> None:
    items = [
        Message(id="msg_1", role="user", content=[InputText("hi")]),
        Message(id="msg_2", role="assistant", phase="commentary", content=[OutputText("yo")]),
        FunctionCall(id="fc_1", call_id="call_1", name="find", arguments="{}", namespace="crm"),
        FunctionCallOutput(id="fco_1", call_id="call_1", output="x"),
        Passed({"type": "shell_call", "id": "item_1", "call_id": "call_2", "action": {}}),
        Passed({"type": "web_search_call", "id": "ws_1", "status": "completed"}),
    ]
    sent = to_upstream(items, "up")
    assert sent[0] == {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    assert (sent[1]["phase"], sent[1]["status"]) == ("commentary", "completed")
    assert sent[2] == {
        "type": "function_call",
        "call_id": "call_1",
        "name": "find",
        "arguments": "{}",
        "namespace": "crm",
    }
    assert [item.get("id") for item in sent] == [None] * 5 + ["ws_1"]


def test_a_sealed_thought_goes_back_with_its_own_id_to_whose_it_is_only() -> None:
    item = Reasoning(
        id="rs_ours",
        summary=[SummaryText("s")],
        content=[ReasoningText("raw")],
        encrypted_content=wrapped("up", "rs_theirs", "BLOB"),
    )
    assert to_upstream([item], "up") == [
        {
            "type": "reasoning",
            "id": "rs_theirs",
            "summary": [{"type": "summary_text", "text": "s"}],
            "encrypted_content": "BLOB",
        }
    ]
    (elsewhere,) = to_upstream([item], "other")
    assert "encrypted_content" not in elsewhere and elsewhere["content"][0]["text"] == "raw"


def test_a_thought_that_nobody_can_go_on_from_is_left_out() -> None:
    assert to_upstream([Reasoning(id="rs_1", summary=[SummaryText("s")])], "up") == []
    assert to_upstream([Reasoning(id="rs_1", encrypted_content="no blob of ours")], "up") == []


def test_a_whole_item_loses_its_id_and_one_of_no_known_kind_is_none() -> None:
    given: dict[str, Any] = {"type": "web_search_call", "id": "ws_theirs", "status": "completed"}
    assert from_upstream(given) == Passed({"type": "web_search_call", "status": "completed"})
    assert from_upstream({"type": "acme:thing", "id": "x"}) == Passed({"type": "acme:thing"})
    for bad in ({"type": "invented"}, {}, {"type": 3}, {"type": "compaction"}):
        assert from_upstream(bad) is None


def test_log_probabilities_in_all_their_forms() -> None:
    (full,) = (
        logprobs([{"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -2}]}]) or []
    )
    assert (full.bytes, full.top_logprobs[0].bytes) == ([97], [98])
    for bad in (None, [], [{}], ["x"], "x", [{"token": "a", "logprob": "low"}]):
        assert logprobs(bad) is None
