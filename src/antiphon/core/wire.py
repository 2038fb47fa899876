"""Wire: the JSON of events, responses and items, in and out.

Knows nothing of framing, and nothing of a contract's own shape: this is the canonical form.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from antiphon.core.events import AnyEvent
from antiphon.core.items import JSON, AnyItem, Item, Known, Passed, item_from_json
from antiphon.core.request import AnyTool, AnyToolChoice, PassedTool, tool_choice_from_json, tool_from_json
from antiphon.core.response import Response

T = TypeVar("T")


def opaque(value: object) -> JSON:
    """The JSON of the kinds that are only carried (msgspec's `enc_hook`)."""
    if isinstance(value, Passed | PassedTool):
        return value.value
    raise TypeError(f"{type(value).__name__} is not JSON")


_HOOKS: dict[Any, Callable[[JSON], object]] = {
    AnyItem: item_from_json,
    AnyTool: tool_from_json,
    AnyToolChoice: tool_choice_from_json,
}


def open_union(kind: type, value: JSON) -> Any:
    """Build a member of a union that msgspec cannot tell apart alone (its `dec_hook`)."""
    try:
        return _HOOKS[kind](value)
    except msgspec.ValidationError as fault:
        raise ValueError(str(fault)) from fault  # to this msgspec adds the path of the union


_TWO_PATHS = re.compile(r" - at `\$([^`]*)` - at `([^`]*)`$")
"""The path inside a member of an open union, then the path of the union."""

_encoder = msgspec.json.Encoder(enc_hook=opaque)
_events: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent, dec_hook=open_union)
_responses = msgspec.json.Decoder(Response, dec_hook=open_union)
_known: msgspec.json.Decoder[Known] = msgspec.json.Decoder(Known)
_json = msgspec.json.Decoder()


def encode(value: Any) -> bytes:
    """The JSON of an event, a response or an item, on one line.

    U+2028, U+2029 and U+0085 are escaped: readers built on `str.splitlines` would break
    a line there (clients §13).
    """
    data = _encoder.encode(value)
    if data.isascii():
        return data
    data = data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return data.replace(b"\xc2\x85", b"\\u0085")


def pack(value: Any) -> bytes:
    """The JSON as the store keeps it: `encode` without the escapes, which only readers of lines need."""
    return _encoder.encode(value)


def plain(value: Any) -> JSON:
    """The JSON value that `pack` would write."""
    return msgspec.to_builtins(value, enc_hook=opaque)


def unpack_item(data: bytes) -> Item:
    """The item that `pack` wrote: it was canonical, so that nothing has to be dropped or put in."""
    try:
        return _known.decode(data)
    except msgspec.ValidationError:  # its kind has no struct
        return Passed(_json.decode(data))


def decode_event(data: bytes) -> AnyEvent:
    """The event that `encode` wrote. Raises `msgspec.DecodeError` for anything else."""
    return _events.decode(data)


def decode_response(data: bytes) -> Response:
    """The response that `encode` wrote. Raises `msgspec.DecodeError` for anything else."""
    return _responses.decode(data)


def decode_item(data: bytes) -> Item:
    """The item that `encode` wrote. Raises `msgspec.DecodeError` for anything else."""
    return item_from_json(_json.decode(data))


def convert(value: JSON, kind: type[T]) -> T:
    """Build a struct from decoded JSON. Raises `msgspec.ValidationError` with the path of the fault."""
    try:
        return msgspec.convert(value, kind, dec_hook=open_union)
    except msgspec.ValidationError as fault:
        raise msgspec.ValidationError(_TWO_PATHS.sub(r" - at `\2\1`", str(fault))) from None
