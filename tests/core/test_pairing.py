"""Calls and outputs: what goes together, at random and at the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.core.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Message,
    Passed,
)
from antiphon.core.pairing import check_pairs
from antiphon.core.problems import Problem


def call(call_id: str) -> Item:
    return FunctionCall(call_id=call_id, name="f")


def output(call_id: str) -> Item:
    return FunctionCallOutput(call_id=call_id, output="x")


_ids = st.sampled_from("abc")
_items = st.lists(
    st.builds(call, _ids) | st.builds(output, _ids) | st.builds(lambda: Message(role="user")), max_size=10
)


@given(_items)
def test_it_accepts_what_is_paired_and_nothing_else(items: list[Item]) -> None:
    calls, fine = dict[str, bool](), True
    for item in items:
        if isinstance(item, FunctionCall):
            calls[item.call_id] = False
        elif isinstance(item, FunctionCallOutput):
            fine = fine and item.call_id in calls
            calls[item.call_id] = True
    if fine and all(calls.values()):
        check_pairs(items)
    else:
        with pytest.raises(Problem) as found:
            check_pairs(items)
        assert (found.value.status, found.value.code, found.value.param) == (400, None, "input")


def test_free_form_tools_and_parallel_calls() -> None:
    custom = [CustomToolCall(call_id="d", name="g"), CustomToolCallOutput(call_id="d", output="y")]
    check_pairs([call("a"), call("b"), *custom, output("b"), output("a")])
    check_pairs([call("a"), output("a"), output("a")])  # given twice, as some clients do
    with pytest.raises(Problem, match="No tool output found for function call a"):
        check_pairs([call("a"), call("b"), output("b")])
    with pytest.raises(Problem, match="call_id z"):
        check_pairs([output("z")])


def test_what_is_only_carried_is_not_looked_at() -> None:
    check_pairs([Passed({"type": "shell_call", "call_id": "s"}), Passed({"type": "shell_call_output", "call_id": "t"})])


def test_an_approval_follows_what_asks_for_it() -> None:
    asks = Passed({"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "s", "name": "n", "arguments": "{}"})
    approval = Passed({"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True})
    check_pairs([asks, approval])
    check_pairs([asks])  # nobody has to answer it
    for items in ([approval], [approval, asks], [asks, Passed(approval.value | {"approval_request_id": "mcpr_2"})]):
        with pytest.raises(Problem, match="No approval request found"):
            check_pairs(items)
