"""Law: a contract as its TOML file writes it down.

Knows nothing of how a request is read: `decode` compiles a law, `contract` loads one.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from antiphon.core.items import JSON


class LawError(ValueError):
    """A law that can't be used: one sentence that names the file and the key."""

    def __init__(self, file: str, key: str, fault: str) -> None:
        super().__init__(f"{file}: {key}: {fault}" if key else f"{file}: {fault}")


class Move(Struct, frozen=True, forbid_unknown_fields=True):
    """A field stands at one path on the wire and belongs at another. Paths are dotted."""

    source: str = field(name="from")
    target: str = field(name="to")


class Codecs(Struct, frozen=True, forbid_unknown_fields=True):
    """The named codecs that a contract chooses (`codecs`).

    error
        how a refusal is told.
    request, response, items
        steps, one after the other: on a body before its fields are read, on a response and on each item before
        they go out. Without any the canonical form stands.
    headers
        headers of an answer to `POST /responses`, beside those that every answer has.
    limits
        the headers that tell how limits stand.
    """

    error: str
    request: tuple[str, ...] = ()
    response: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    limits: str = "durations"


class InputRule(Struct, frozen=True, forbid_unknown_fields=True):
    """When `input` may be missing or empty: beside one of the fields in `unless`, or always.

    Where it always may, and nothing stands in its place, it is an empty text.
    """

    unless: list[str] = []
    may_be_empty: bool = False


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """A fault of a request in the service's own words.

    instead_of, path
        which faults: those that have that code elsewhere, at that path (`tools[].type`); no path fits any.
    message
        `{param}` stands for the path. None leaves the message as it is.
    """

    code: str
    instead_of: str
    path: str | None = None
    message: str | None = None


class EventRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Events that have another name here, by the canonical one; and those that are not told at all."""

    renamed: dict[str, str] = {}
    dropped: list[str] = []


Feature = Literal[
    "retrieve",
    "state",
    "conversations",
    "models",
    "compaction",
    "prompts",
    "administration",
    "websocket",
    "lanes",
    "chat",
]
"""`retrieve`: a response by its id, as it stands or as a stream, and its end. `state`: what it was made from.
`compaction`: a window to go on from. `prompts`: requests that are kept, in versions. `lanes`: turns beside one another
on one WebSocket (`stream_id`). `chat`: `POST /chat/completions`, of which nothing is kept."""


class Law(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One contract.

    base
        the path below which it is mounted.
    schemas, answer
        files below `schemas/` or beside the law: of a request, and of a response (none: the canonical one).
        Their `$defs` and `properties` become one, the later replacing the earlier.
    schema
        what stands otherwise in the request's schema than in those files. A property that is false is taken out.
    features, lacks
        what of the API the contract offers beyond `POST /responses`; what it does not though the one that it is like
        does.
    unknown
        what becomes of fields that the schema does not name: `ignored`, or `kept` beside the response as well.
        Both ways they are named in `x-ignored-parameters`.
    beyond
        dotted paths of such fields that a model may honour all the same: they are kept for it as they are.
    defaults
        values of fields that the client did not give; a dotted path counts where its parent is given.
    forced
        values of top-level fields, whatever the client gave.
    understood
        dotted path → values that mean something; another one, or such an entry of a list, counts as unknown.
    neutral
        dotted path of an ignored field → values that ask for nothing.
    refused
        dotted path → values that are accepted; any other that asks for something is a 400.
    keep
        the only top-level fields of a response that go out; none: all.
    values
        dotted path within a response → value → the value that it is told as.
    """

    name: str
    base: str
    schemas: list[str]
    answer: list[str] = []
    schema: dict[str, JSON] = {}
    features: frozenset[Feature]
    lacks: frozenset[Feature] = frozenset()
    codecs: Codecs
    unknown: Literal["ignored", "kept"] = "ignored"
    beyond: list[str] = []
    input: InputRule = InputRule()
    moves: list[Move] = []
    defaults: dict[str, JSON] = {}
    forced: dict[str, JSON] = {}
    understood: dict[str, list[JSON]] = {}
    neutral: dict[str, list[JSON]] = {}
    refused: dict[str, list[JSON]] = {}
    words: list[Words] = []
    keep: list[str] = []
    values: dict[str, dict[str, str]] = {}
    events: EventRule = EventRule()


def tables(text: str, file: str) -> dict[str, Any]:
    """What a TOML file says. Raises `LawError` where it is not TOML."""
    try:
        found = msgspec.toml.decode(text)
    except msgspec.DecodeError as fault:
        raise LawError(file, "", f"this is not TOML: {fault}") from None
    assert isinstance(found, dict), "a TOML file is a table"
    return found


def law_of(said: dict[str, Any], file: str) -> Law:
    """The law that a file's tables tell. Raises `LawError` with the key of what is wrong."""
    try:
        return msgspec.convert(said, Law)
    except msgspec.ValidationError as fault:
        told, _, place = str(fault).partition(" - at `")
        key = place.removesuffix("`").removeprefix("$").removeprefix(".")
        raise LawError(file, key, told[:1].lower() + told[1:]) from None
