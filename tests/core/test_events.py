"""Events: their names and the order of their keys (protocol §5.1)."""

import json
from typing import get_args

from antiphon.core import events as e
from antiphon.core.fold import _APPLY
from antiphon.core.wire import encode

NAMES = [
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_text.annotation.added",
    "response.refusal.delta",
    "response.refusal.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta",
    "response.custom_tool_call_input.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_text.delta",
    "response.reasoning_text.done",
]


def test_the_names_are_the_standards() -> None:
    assert sorted(kind.__struct_config__.tag for kind in get_args(e.AnyEvent)) == sorted(NAMES)


def test_the_fold_knows_every_event() -> None:
    assert set(get_args(e.AnyEvent)) == _APPLY.keys()


def test_type_and_number_stand_first() -> None:
    event = json.loads(encode(e.OutputTextDelta(7, "msg_1", 0, 0, "a")))
    assert list(event.items()) == [
        ("type", "response.output_text.delta"),
        ("sequence_number", 7),
        ("item_id", "msg_1"),
        ("output_index", 0),
        ("content_index", 0),
        ("delta", "a"),
        ("logprobs", []),
    ]


def test_the_name_of_an_event() -> None:
    assert e.event_type(e.CustomInputDone(0, "ctc_1", 0, "a")) == "response.custom_tool_call_input.done"
