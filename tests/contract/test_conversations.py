"""The bodies of the conversations endpoints: items and metadata, or a 400 with its path."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from antiphon.contract import conversations as bodies
from antiphon.contract.conversations import Body
from antiphon.core.items import InputText, ItemReference, Message, Passed
from antiphon.core.problems import Problem

USER = {"role": "user", "content": "hello"}


def test_an_empty_body_begins_a_conversation() -> None:
    for body in (b"", b"{}", b'{"items": null, "metadata": null}', b'{"items": []}'):
        assert bodies.create(body) == Body([], {})


def test_items_are_read_as_those_of_a_request() -> None:
    sent = [USER, {"id": "msg_1"}, {"type": "acme:oracle_call", "id": "o_1"}]
    body = bodies.create(json.dumps({"items": sent, "metadata": {"a": "b"}}).encode())
    assert body.items == [
        Message(role="user", content=[InputText("hello")]),
        ItemReference(id="msg_1"),
        Passed(sent[2]),
    ]
    assert body.metadata == {"a": "b"}
    assert bodies.add(json.dumps({"items": [USER] * 20}).encode()).items == [body.items[0]] * 20


@pytest.mark.parametrize(
    ("read", "body", "code", "param"),
    [
        (bodies.create, {"items": [USER] * 21}, "array_above_max_length", "items"),
        (bodies.create, {"items": [USER, {"role": "wizard", "content": ""}]}, "invalid_value", "items[1].role"),
        (bodies.create, {"metadata": {"a": "x" * 513}}, "string_above_max_length", "metadata.a"),
        (bodies.create, [], "invalid_type", None),
        (bodies.update, {}, "missing_required_parameter", "metadata"),
        (bodies.update, {"metadata": {str(n): "" for n in range(17)}}, "object_above_max_properties", "metadata"),
        (bodies.add, {}, "missing_required_parameter", "items"),
        (bodies.add, {"items": None}, "missing_required_parameter", "items"),
        (bodies.add, {"items": []}, "empty_array", "items"),
        (bodies.add, {"items": [7]}, "invalid_type", "items[0]"),
    ],
)
def test_bad_bodies(read: Callable[[bytes], Body], body: Any, code: str, param: str | None) -> None:
    with pytest.raises(Problem) as found:
        read(json.dumps(body).encode())
    assert (found.value.status, found.value.code, found.value.param) == (400, code, param)
