"""Law: a contract as its TOML file writes it down.

Knows nothing of how a request is read: `decode` compiles a law, `contract` loads one.
"""

from typing import Any

import msgspec
from msgspec import Struct, field

from antiphon.core.items import JSON


class Move(Struct, frozen=True, forbid_unknown_fields=True):
    """A field stands at one path on the wire and belongs at another. Paths are dotted."""

    source: str = field(name="from")
    target: str = field(name="to")


class Codecs(Struct, frozen=True, forbid_unknown_fields=True):
    """The named codecs that a contract chooses (`codecs`)."""

    error: str
    response: str
    event: str


class InputRule(Struct, frozen=True, forbid_unknown_fields=True):
    """When `input` may be missing or empty: beside one of the fields in `unless`, or always."""

    unless: list[str] = []
    may_be_empty: bool = False


class LaterItems(Struct, frozen=True, forbid_unknown_fields=True):
    """Kinds of input items that are refused."""

    types: list[str] = []


class Law(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One contract.

    schemas
        files below `schemas/`; their `$defs` become one, the later replacing the earlier.
    features
        what of the API the contract offers beyond `POST /responses`.
    defaults, forced
        values of top-level fields that the client did not give, or whatever it gave.
    neutral
        dotted path of an ignored field → values that ask for nothing.
    refused, later
        dotted path → values that are accepted; any other that asks for something is a 400.
        `refused` is the contract's will, `later` is what the server does not do yet.
    """

    name: str
    base: str
    schemas: list[str]
    features: frozenset[str]
    codecs: Codecs
    input: InputRule = InputRule()
    moves: list[Move] = []
    defaults: dict[str, JSON] = {}
    forced: dict[str, JSON] = {}
    neutral: dict[str, list[Any]] = {}
    refused: dict[str, list[Any]] = {}
    later: dict[str, list[Any]] = {}
    later_items: LaterItems = LaterItems()


def law_from_toml(text: str) -> Law:
    """The law that a TOML file tells. Raises `msgspec.ValidationError` with the path of what is wrong."""
    return msgspec.toml.decode(text, type=Law)
