"""What `configuration_update` items set: of each setting the latest, unless the request gives it itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.core.configuration import SETTINGS, configure, is_update
from antiphon.core.items import InputText, Item, Message, Passed
from antiphon.core.request import JsonSchemaFormat, ReasoningOptions, Request, Text, TextFormat

FORM = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "description": None}
SCHEMA = JsonSchemaFormat(name="n", schema={"type": "object"})


def update(**said: Any) -> Item:
    return Passed({"type": "configuration_update", **said})


def said(text: str) -> Item:
    return Message(role="user", content=[InputText(text)])


EFFORTS = st.sampled_from(["none", "low", "high", None])
FORMATS = st.sampled_from([FORM, {"type": "text"}, None])
UPDATES = st.builds(lambda effort, form: update(reasoning={"effort": effort}, text={"format": form}), EFFORTS, FORMATS)
ITEMS = st.lists(UPDATES | st.builds(said, st.just("x")), max_size=8)


@given(ITEMS, st.lists(st.sampled_from(SETTINGS), max_size=2, unique=True))
def test_the_latest_of_each_counts(items: list[Item], settled: list[str]) -> None:
    request = Request(model="m", reasoning=ReasoningOptions(summary="auto"), settled=tuple(settled))
    changed = configure(request, items)
    found: dict[str, Any] = {}
    for item in items:
        if isinstance(item, Passed):
            found["reasoning.effort"] = item.value["reasoning"]["effort"] or found.get("reasoning.effort")
            found["text.format"] = item.value["text"]["format"] or found.get("text.format")
    for name in settled:
        found.pop(name, None)
    assert request.reasoning == ReasoningOptions(effort=found.get("reasoning.effort"), summary="auto")
    assert request.text.format == (SCHEMA if found.get("text.format") == FORM else TextFormat())
    assert changed == (request.reasoning.effort is not None or request.text != Text())
    assert not configure(request, items), "twice is as once"


@pytest.mark.parametrize("nothing", [{}, {"reasoning": None, "text": None}, {"reasoning": {"summary": "auto"}}])
def test_an_update_that_says_nothing_changes_nothing(nothing: Any) -> None:
    request = Request(model="m")
    assert not configure(request, [update(**nothing)])
    assert request == Request(model="m")


def test_text_again_is_a_setting_too() -> None:
    request = Request(model="m")
    assert not configure(request, [update(text={"format": FORM}), update(text={"format": {"type": "text"}})])


def test_what_an_older_version_kept_unread_is_passed_over() -> None:
    request = Request(model="m")
    assert not configure(request, [update(reasoning={"effort": "a lot"}), update(text={"format": {"type": "soul"}})])


def test_which_items_set_something() -> None:
    assert is_update(update())
    assert not is_update(said("x")) and not is_update(Passed({"type": "mcp_call"}))
