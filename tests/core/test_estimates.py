"""Estimates: a token is four characters, whatever says them."""

import pytest

from antiphon.core import estimates
from antiphon.core.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    ItemReference,
    Message,
    OutputText,
    Passed,
    Reasoning,
    ReasoningText,
    Refusal,
    SummaryText,
)
from antiphon.core.request import FunctionTool


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_a_token_that_is_begun_counts(characters: int, tokens: int) -> None:
    assert estimates.tokens(characters) == tokens


@pytest.mark.parametrize(
    ("item", "tokens"),
    [
        (Message(role="user", content=[InputText("w" * 8), OutputText("w" * 8), Refusal("w" * 4)]), 5),
        (Message(role="user", content=[InputImage(image_url="data:" + "A" * 4000)]), 0),
        (FunctionCall(call_id="c", name="four", arguments="w" * 8), 3),
        (CustomToolCall(call_id="c", name="four", input="w" * 8), 3),
        (FunctionCallOutput(call_id="c", output="w" * 8), 2),
        (CustomToolCallOutput(call_id="c", output=[InputText("w" * 8)]), 2),
        (Reasoning(summary=[SummaryText("w" * 4)], content=[ReasoningText("w" * 400)]), 100),
        (Reasoning(summary=[SummaryText("w" * 4)]), 1),
        (Passed({"type": "web_search_call"}), 7),
        (ItemReference(id="msg_1"), 0),
    ],
)
def test_what_items_say(item: Item, tokens: int) -> None:
    assert estimates.of_items([item]) == tokens
    assert estimates.of_items([item, item]) in (2 * tokens, 2 * tokens - 1)  # rounded once


def test_a_prompt_has_tools_beside_its_items() -> None:
    seen = [Message(role="user", content=[InputText("w" * 40)])]
    assert estimates.of_prompt([], seen) == 10
    assert estimates.of_prompt([FunctionTool(name="f")], seen) > 10 + len('{"type":"function","name":"f"}') // 4
