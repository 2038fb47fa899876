"""Outputs: items as services tell them."""

from typing import Any

from antiphon.contract import outputs
from antiphon.core.events import AnnotationAdded, ContentPartDone, RefusalDelta, RefusalDone


def after(step: Any, **item: Any) -> dict[str, Any]:
    step(item)
    return item


def test_of_statuses_two_are_told() -> None:
    for status in ("completed", "in_progress"):
        assert after(outputs.two_statuses, type="message", status=status)["status"] == status
    for status in ("incomplete", "failed"):
        assert after(outputs.two_statuses, type="message", status=status) == {"type": "message"}


def test_a_thought_has_content() -> None:
    assert after(outputs.reasoning_content, type="reasoning", summary=[])["content"] == []
    assert "content" not in after(outputs.reasoning_content, type="function_call")


def test_a_refusal_is_text() -> None:
    parts = [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}]
    text = {"type": "output_text", "text": "no", "annotations": [], "logprobs": []}
    assert after(outputs.refusal_as_text, type="message", content=parts)["content"] == [parts[0], text]


def test_events_of_a_refusal_are_those_of_a_text() -> None:
    steps = outputs.EVENT_STEPS[outputs.refusal_as_text]
    delta = {"type": "response.refusal.delta", "delta": "n"}
    assert steps[RefusalDelta](delta)
    assert delta == {"type": "response.output_text.delta", "delta": "n", "logprobs": []}
    done = {"type": "response.refusal.done", "refusal": "no"}
    assert steps[RefusalDone](done)
    assert done == {"type": "response.output_text.done", "text": "no", "logprobs": []}
    part = {"part": {"type": "refusal", "refusal": "no"}}
    assert steps[ContentPartDone](part)
    assert part["part"]["type"] == "output_text"


def test_kinds_and_citations_of_others_are_not_told_as_ones_own() -> None:
    url = {"type": "url_citation", "url": "u"}
    part = {"type": "output_text", "text": "a", "annotations": [url, {"type": "file_citation"}, 5]}
    item = after(outputs.own_kinds, type="message", status="completed", content=[part])
    assert item["content"][0]["annotations"] == [url]
    assert after(outputs.own_kinds, type="mcp_call")["type"] == "openai:mcp_call"
    assert after(outputs.own_kinds, type="function_call", status="failed")["status"] == "incomplete"
    steps = outputs.EVENT_STEPS[outputs.own_kinds]
    assert steps[AnnotationAdded]({"annotation": url})
    assert not steps[AnnotationAdded]({"annotation": {"type": "file_path"}})
    part_done = {"part": {"type": "output_text", "annotations": [5]}}
    assert steps[ContentPartDone](part_done)
    assert part_done["part"]["annotations"] == []
