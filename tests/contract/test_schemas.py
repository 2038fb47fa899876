"""Schemas: how files become one, and what the server says of itself."""

import json
from pathlib import Path

import pytest
from jsonschema_rs import Draft202012Validator

from antiphon.contract.law import LawError
from antiphon.contract.schemas import answer_schema, read_schema
from antiphon.core import wire
from antiphon.core.response import Response


def test_what_stands_later_counts_property_by_property() -> None:
    schema = read_schema(
        ["items.json", "fields.json", "openai.request.json"], {"properties": {"user": {"type": "null"}}}
    )
    assert schema["title"] == "CreateResponse"
    assert {"item", "tool"} <= schema["$defs"].keys()
    assert schema["properties"]["user"] == {"type": "null"}
    assert "model" in schema["properties"]


def test_a_property_that_is_false_is_taken_out() -> None:
    assert "user" not in read_schema(["openai.request.json"], {"properties": {"user": False}})["properties"]


def test_a_schema_may_stand_beside_the_law(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps({"properties": {"a": {}}}))
    assert read_schema(["mine.json"], folder=tmp_path)["properties"] == {"a": {}}
    (tmp_path / "broken.json").write_text("{")
    for name in ("broken.json", "nowhere.json"):
        with pytest.raises(LawError, match=name):
            read_schema([name], folder=tmp_path)


def test_the_canonical_response_is_legal_by_its_schema() -> None:
    response = json.loads(wire.encode(Response(id="resp_1", created_at=1, model="m")))
    validator = Draft202012Validator(answer_schema([]))
    assert validator.is_valid(response)
    assert not validator.is_valid(response | {"status": "odd"})
