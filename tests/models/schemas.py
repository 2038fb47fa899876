"""Hypothesis strategies: random JSON Schemas of every keyword that the decoder holds, and of those that it can't.

They are small, so that a weak model comes to the end of what it writes within few tokens.
"""

import json
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

NAMES = ["a", "b", "city", "näme", 'q"t', "x y", "n/m"]
FORMATS = ["date", "date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"]
PATTERNS = ["^[a-z]{1,4}$", "[0-9]{2}", "^a", "b$", r"^\d{3}-\d{2}$", "^(yes|no)$", r"^\w+ \w+$", "^[äöü]{2}$"]

names = st.sampled_from(NAMES)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-99, 99), st.sampled_from(["", "a", "zwei", 'q"t', "line\nline", "é"])
)


@st.composite
def integers(draw: st.DrawFn) -> Schema:
    low, size = draw(st.integers(-50, 50)), draw(st.integers(0, 60))
    found: Schema = {"type": "integer"}
    found |= draw(st.sampled_from([{}, {"minimum": low}, {"exclusiveMinimum": low}]))
    found |= draw(st.sampled_from([{}, {"maximum": low + size + 2}, {"exclusiveMaximum": low + size + 2}]))
    if draw(st.booleans()) and len(found) == 1:
        found["multipleOf"] = draw(st.integers(1, 9))
    return found


@st.composite
def numbers(draw: st.DrawFn) -> Schema:
    low, size = draw(st.integers(-50, 50)), draw(st.integers(1, 60))
    found: Schema = {"type": "number"}
    found |= draw(st.sampled_from([{"minimum": low}, {"exclusiveMinimum": low + 0.5}]))
    found |= draw(st.sampled_from([{"maximum": low + size + 0.25}, {"exclusiveMaximum": low + size + 1}]))
    return draw(st.sampled_from([found, {"type": "number", "multipleOf": 0.5}]))


@st.composite
def strings(draw: st.DrawFn) -> Schema:
    low = draw(st.integers(0, 3))
    return draw(
        st.sampled_from(
            [
                {"type": "string", "maxLength": low + 5},
                {"type": "string", "minLength": low, "maxLength": low + 5},
                {"type": "string", "format": draw(st.sampled_from(FORMATS))},
                {"type": "string", "pattern": draw(st.sampled_from(PATTERNS))},
                {"type": "string", "enum": draw(st.lists(st.sampled_from(["red", "green", "größe", ""]), min_size=1))},
                {"type": "string", "format": "a word of our own", "maxLength": 4},
            ]
        )
    )


constants = st.one_of(
    scalars.map(lambda value: {"const": value}),
    st.lists(scalars, min_size=1, max_size=4).map(lambda values: {"enum": values}),
    st.just({"const": {"deep": [1, {"er": None}]}}),
)
plain = st.one_of(
    integers(),
    numbers(),
    strings(),
    constants,
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.just({"type": ["string", "null"], "maxLength": 4}),
    st.just({"title": "T", "description": "D", "default": 1, "examples": [1], "type": "boolean"}),
)


@st.composite
def arrays(draw: st.DrawFn, inner: st.SearchStrategy[Schema]) -> Schema:
    low = draw(st.integers(0, 2))
    found: Schema = {"type": "array", "items": draw(inner), "maxItems": low + 1}
    if draw(st.booleans()):
        found["minItems"] = low
    if draw(st.booleans()):
        found["prefixItems"] = [draw(inner)]
    return found


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[Schema]) -> Schema:
    members = draw(st.dictionaries(names, inner, max_size=3))
    found: Schema = {"type": "object", "properties": members}
    found["required"] = draw(st.lists(st.sampled_from(sorted(members)), unique=True)) if members else []
    match draw(st.integers(0, 4)):
        case 0:
            found["additionalProperties"] = False
        case 1:
            found["additionalProperties"] = draw(inner)
        case 2:
            found["patternProperties"] = {"^z[0-9]$": draw(inner)}
            found["additionalProperties"] = False
        case 3 if not members:
            found |= {"minProperties": 1, "maxProperties": 2, "additionalProperties": draw(inner)}
        case _:
            pass
    return found


@st.composite
def several(draw: st.DrawFn, inner: st.SearchStrategy[Schema]) -> Schema:
    one, other = draw(inner), draw(inner)
    kinds = [{"kind": {"const": name}, "value": part} for name, part in (("one", one), ("other", other))]
    tagged = [{"type": "object", "properties": kind, "required": ["kind", "value"]} for kind in kinds]
    return draw(
        st.sampled_from(
            [
                {"anyOf": [one, other]},
                {"oneOf": [{"type": "string", "maxLength": 3}, {"type": "boolean"}]},
                {"oneOf": tagged},
                {"allOf": [{"type": "integer", "minimum": 1}, {"maximum": 9}]},
                {"allOf": [tagged[0], {"type": "object", "properties": {"more": {"type": "boolean"}}}]},
                {"type": "object", "properties": {"a": one}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            ]
        )
    )


nested = st.recursive(plain, lambda inner: st.one_of(arrays(inner), objects(inner), several(inner)), max_leaves=4)


@st.composite
def referring(draw: st.DrawFn) -> Schema:
    """Schemas with `$ref`, one of which is recursive."""
    leaf = draw(nested)
    chain = {"type": "object", "properties": {"value": leaf, "next": {"$ref": "#/$defs/chain"}}, "required": ["value"]}
    return draw(
        st.sampled_from(
            [
                {"$defs": {"leaf": leaf}, "type": "array", "items": {"$ref": "#/$defs/leaf"}, "maxItems": 2},
                {"$defs": {"chain": chain}, "$ref": "#/$defs/chain"},
                {"definitions": {"leaf": leaf}, "anyOf": [{"$ref": "#/definitions/leaf"}, {"type": "null"}]},
            ]
        )
    )


def short(schema: Schema) -> bool:
    """A prompt shows the schema, and a small machine reads it at 200 tokens a second."""
    return len(json.dumps(schema)) < 300


schemas = st.one_of(nested, objects(nested), referring()).filter(short)
"""Schemas that can be enforced whole."""

signatures = objects(nested).filter(lambda schema: bool(schema["properties"]) and short(schema))
"""Parameters of functions."""

EDGES: list[Schema] = [
    {"type": "number"},
    {"type": "number", "multipleOf": 0.1},
    {"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 1},
    {"type": "number", "minimum": 0},
    {"type": "number", "exclusiveMaximum": 0.3},
    {"type": "number", "exclusiveMinimum": -0.75, "maximum": 0.001},
    {"type": "integer", "multipleOf": 7, "minimum": -30, "maximum": 30},
    {"type": ["integer", "string"]},
    {"type": "string"},
    {},
    {"type": "object"},
    {"type": "array"},
    {"type": "string", "pattern": "^[A-Z]+$", "minLength": 3, "maxLength": 5},
    {"type": "string", "pattern": "\\s"},
    {"type": "string", "pattern": "-0[12]-[123]", "format": "date"},
    {"type": "string", "pattern": "^\\S+$"},
    {"type": "string", "pattern": "^.$"},
    {"type": "string", "pattern": "[^a-z]{3}"},
    {"type": "string", "pattern": "\\p{L}{2}"},
    {"type": "string", "pattern": "^\\u0041"},
    {"type": "string", "maxLength": 3},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {"type": "object", "additionalProperties": {"type": "boolean"}, "maxProperties": 1},
    {"type": "object", "properties": {"a": {"type": "string"}}, "patternProperties": {"^b": {"type": "integer"}}},
    {"type": "object", "required": ["zz"]},
    {"type": "object", "required": ["zz"], "additionalProperties": {"type": "null"}},
    {"enum": [1.0, 2, "1", [1], {"a": 1}]},
    {"const": 1.5},
    {"const": 1e20},
    {"type": "integer", "enum": [1, "a"]},
    {"allOf": [{"type": "string", "minLength": 2}, {"maxLength": 4}, {"pattern": "^x"}]},
    {"anyOf": [{"type": "integer", "minimum": 5}, {"type": "integer", "maximum": -5}]},
    {"type": "integer", "minimum": 0.5, "maximum": 3.5},
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "array",
        "items": [{"type": "integer"}, {"type": "null"}],
        "additionalItems": False,
    },
    {"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", "minimum": 3, "exclusiveMinimum": True},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "maxProperties": 2},
    {"type": "array", "prefixItems": [{"type": "integer"}], "items": False, "minItems": 1},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {
        "type": "object",
        "allOf": [{"properties": {"a": {"type": "string"}}, "additionalProperties": False}],
        "properties": {"b": {"type": "integer"}},
    },
    {
        "$ref": "#/$defs/x",
        "properties": {"b": {"type": "integer"}},
        "$defs": {
            "x": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}
        },
    },
    {"type": "string", "pattern": "a$|^b", "maxLength": 4},
    {"type": "string", "pattern": "^\\w{2}$"},
    {"type": "string", "pattern": "^\\d$"},
    {"type": "number", "enum": [0.1, 1e-07]},
    {"type": "array", "uniqueItems": False},
    {"type": "integer", "format": "int32"},
    {"format": "date"},
    {"minimum": 3},
    {"maxLength": 2},
    {"type": "string", "contentEncoding": "base64", "maxLength": 3},
    *({"type": "string", "format": name} for name in FORMATS),
    {"type": "string", "format": "uri", "pattern": "^https:", "maxLength": 20},
    {"format": "uri", "allOf": [{"minLength": 9}]},
]
"""Schemas that can be enforced whole, with what the generator does not draw: no bounds, old drafts, and the like."""

UNENFORCED: list[Schema] = [
    {"not": {"type": "string"}},
    {"type": "array", "uniqueItems": True},
    {"type": "array", "contains": {"type": "integer"}},
    {"type": "array", "minContains": 1, "contains": True},
    {"if": {"type": "string"}, "then": {"minLength": 1}},
    {"type": "object", "propertyNames": {"maxLength": 3}},
    {"type": "object", "dependentRequired": {"a": ["b"]}},
    {"type": "object", "dependentSchemas": {"a": {"required": ["b"]}}},
    {"type": "object", "unevaluatedProperties": False},
    {"oneOf": [{"type": "number"}, {"type": "integer"}]},
    {"type": "string", "pattern": "^(?!a)"},
    {"type": "string", "format": "json-pointer"},
    {"$ref": "https://example.com/schema.json"},
    {"$ref": "#/$defs/absent"},
    {"type": "object", "properties": {"a": True}, "maxProperties": 1},
    {"type": "object", "patternProperties": {"^a": True, "a$": True}},
]
"""Each constrains by something that the decoder can't hold."""


@st.composite
def unenforceable(draw: st.DrawFn) -> Schema:
    """A schema with a part that can't be enforced, at some depth."""
    part = draw(st.sampled_from(UNENFORCED))
    for _ in range(draw(st.integers(0, 3))):
        part = draw(
            st.sampled_from(
                [
                    {"type": "object", "properties": {"m": part, "n": draw(plain)}, "required": ["n"]},
                    {"type": "array", "items": part},
                    {"anyOf": [part, {"type": "null"}]},
                ]
            )
        )
    return part
