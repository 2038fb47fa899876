import contextlib
import json
import random
import re
import socket
import subprocess
import sys
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher

from antiphon.models.llama_schema import Unusable, byte_tokens, enforceable, frame, valid
from tests.models.schemas import EDGES, UNENFORCED, schemas, unenforceable


@given(schemas)
def test_what_is_enforced_is_never_wider_than_what_was_asked(schema: Any) -> None:
    found = enforceable(schema)
    assert found.left_out == []
    assert enforceable(found.schema).left_out == []


def written(schema: Any, chance: random.Random) -> str | None:
    """What a decoder without a model writes along the schema; None where it comes to no end."""
    grammar = "%llguidance {}\nstart: %json " + json.dumps(frame(schema))
    matcher = LLMatcher(byte_tokens(), grammar, log_level=0)
    text = bytearray()
    while len(text) < 160 and not matcher.is_stopped():
        mask = matcher.compute_bitmask()
        legal = [byte for byte in range(256) if mask[byte >> 3] >> (byte & 7) & 1]
        if not legal or (matcher.is_accepting() and chance.random() < 0.7):
            break
        usual = [byte for byte in legal if byte in b'"}],:{["0123456789-abtrue ']
        byte = chance.choice(usual if usual and chance.random() < 0.95 else legal)
        assert matcher.try_consume_tokens([byte]) == 1
        text.append(byte)
    return text.decode() if matcher.is_accepting() else None


def every_text_fits(schema: Any, chance: random.Random) -> None:
    text = written(enforceable(schema).schema, chance)
    if text is None:
        return
    assert valid(text, schema), text
    if abs(float(max(re.findall(r"e(\d+)", text), default="0", key=int))) < 300:
        assert jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(json.loads(text)), text


def may_be_written(schema: Any, value: Any) -> bool:
    """Whether a decoder that is held to the schema can write this."""
    grammar = "%llguidance {}\nstart: %json " + json.dumps(frame(enforceable(schema).schema))
    matcher = LLMatcher(byte_tokens(), grammar, log_level=0)
    return all(matcher.try_consume_tokens([byte]) for byte in json.dumps(value).encode()) and matcher.is_accepting()


@pytest.mark.parametrize("pattern", [{}, {"pattern": "^[0-9]"}], ids=["alone", "beside a pattern"])
@pytest.mark.parametrize(("form", "rest"), [("date", ""), ("date-time", "T10:00:00Z")])
def test_february_has_29_days_in_leap_years_only(form: str, rest: str, pattern: dict[str, str]) -> None:
    schema = {"type": "string", "format": form} | pattern
    for day in ("2024-02-29", "2000-02-29", "2023-02-28", "2023-12-31", "2023-03-29"):
        assert may_be_written(schema, day + rest), day
    for day in ("2023-02-29", "1900-02-29", "0001-02-29", "2024-02-30", "2024-04-31", "2024-13-01"):
        assert not may_be_written(schema, day + rest), day


@settings(max_examples=200)
@given(st.one_of(schemas, st.sampled_from(EDGES)), st.randoms(use_true_random=False))
def test_whatever_the_decoder_may_write_fits_the_schema(schema: Any, chance: random.Random) -> None:
    every_text_fits(schema, chance)


@pytest.mark.soak
@settings(max_examples=20_000)
@given(st.one_of(schemas, st.sampled_from(EDGES)), st.randoms(use_true_random=False))
def test_twenty_thousand_schemas(schema: Any, chance: random.Random) -> None:
    every_text_fits(schema, chance)


@given(unenforceable())
def test_what_is_left_out_is_named_where_it_stands_and_the_rest_can_be_enforced(schema: Any) -> None:
    found = enforceable(schema)
    assert found.left_out
    for one in found.left_out:
        at: Any = schema
        for step in one.pointer.removeprefix("#/").split("/"):
            at = at[int(step)] if isinstance(at, list) else at[step.replace("~1", "/").replace("~0", "~")]
    jsonschema_rs.meta.validate(found.schema)
    assert enforceable(found.schema).left_out == []


@pytest.mark.parametrize("part", UNENFORCED)
def test_every_one_of_two_faults_is_named(part: Any) -> None:
    found = enforceable({"type": "object", "properties": {"a": part, "b/c": part, "d": {"type": "string"}}})
    pointers = [one.pointer for one in found.left_out]
    assert any(place.startswith("#/properties/a/") for place in pointers)
    assert any(place.startswith("#/properties/b~1c/") for place in pointers)
    assert not any(place.startswith("#/properties/d") for place in pointers)
    assert found.schema["properties"]["d"] == {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        (False, "#"),
        (3, "#"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "#"),
        ({"properties": {"a": {"type": "x"}}}, "#/properties/a/type"),
        (
            {"properties": {"a": {"minItems": 2, "maxItems": 1, "type": "array"}}, "required": ["a"], "type": "object"},
            "#",
        ),
        ({"$defs": {"n": {"$ref": "#/$defs/n"}}, "$ref": "#/$defs/n"}, "#"),
        ({"$schema": "https://example.com/a-language-of-our-own"}, "#/$schema"),
    ],
)
def test_what_nothing_satisfies_is_unusable(schema: Any, place: str) -> None:
    with pytest.raises(Unusable) as fault:
        enforceable(schema)
    assert fault.value.pointer.startswith(place) and str(fault.value)


def test_an_integer_and_an_object_end_where_the_schema_has_no_end() -> None:
    found = enforceable({"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}}).schema
    assert found["additionalProperties"] is False and found["properties"]["n"]["maximum"] > 10**12
    assert enforceable({"type": "integer", "minimum": 10**17}).schema == {"type": "integer", "minimum": 10**17}


def test_members_of_which_several_parts_speak_stay_open() -> None:
    parts = [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "string"}}, "required": ["b"]}]
    assert "additionalProperties" not in str(enforceable({"type": "object", "allOf": parts}).schema)
    either = {"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": parts}
    assert "additionalProperties" not in str(enforceable(either).schema)


def test_a_schema_does_not_steer_the_engine() -> None:
    assert "x-guidance" not in enforceable({"type": "object", "x-guidance": {"lenient": True}}).schema


def test_formats_of_older_drafts_are_read_as_they_were_meant() -> None:
    old = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "items": [{"type": "string"}]}
    assert enforceable(old).left_out == []


def test_text_is_valid_where_it_is_json_that_fits() -> None:
    assert valid('{"a": 1.0}', {"properties": {"a": {"type": "integer"}}})
    assert not valid('{"a": "1"}', {"properties": {"a": {"type": "integer"}}})
    assert valid("-1e999999999999", {"type": "number"}) and not valid("1e999", {"maximum": 5})
    assert not valid('{"a": ', {}) and not valid("", {})


def test_no_address_in_a_schema_is_asked() -> None:
    """In a process of its own: the validator holds every thread while it waits for an answer."""
    program = (
        "import json, sys\n"
        "from antiphon.models.llama_schema import Unusable, enforceable, valid\n"
        "for schema in json.loads(sys.argv[1]):\n"
        "    try:\n"
        "        valid('{}', enforceable(schema).schema)\n"
        "        valid('{}', schema)\n"
        "    except (Unusable, ValueError):\n"
        "        pass\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        schemas = [{"$schema": address}, {"$ref": address}, {"properties": {"a": {"$id": address, "$ref": "b"}}}]
        command = [sys.executable, "-c", program, json.dumps(schemas)]
        process = subprocess.Popen(command)
        listening.settimeout(0.1)
        asked = False
        while process.poll() is None and not asked:
            with contextlib.suppress(TimeoutError):
                listening.accept()[0].close()
                asked = True
        if asked:
            process.kill()  # it would wait for an answer
        assert (process.wait(), asked) == (0, False)
