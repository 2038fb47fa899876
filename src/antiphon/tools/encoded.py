"""Encoded: bytes that stand in a request as text, in base64 or in a data URL (RFC 2397).

Knows nothing of what the bytes are.
"""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from msgspec import Struct

_DATA_URL = re.compile(r"data:(?P<type>[^,;]*)(?P<parameters>(?:;[^,;]*)*),", re.IGNORECASE)
_HEAD = 512


class Blob(Struct, frozen=True):
    """Bytes, and the media type that whoever sent them gave; "" for none."""

    data: bytes
    media_type: str = ""


def is_data_url(text: str) -> bool:
    """Whether a text says of itself that it is a data URL."""
    return text[:5].lower() == "data:"


def from_data_url(text: str) -> Blob | None:
    """What a data URL holds; None where it isn't a whole one."""
    head = _DATA_URL.match(text[:_HEAD])
    if head is None:
        return None
    told = text[head.end() :]
    parameters = head["parameters"].lower().split(";")
    data = from_base64(told) if "base64" in (each.strip() for each in parameters) else unquote_to_bytes(told)
    return None if data is None else Blob(data, head["type"].strip().lower())


def from_base64(text: str) -> bytes | None:
    """The bytes of base64 in either alphabet, also without padding or in lines; None where it isn't base64."""
    if not text.isascii():
        return None
    found = _strictly(text)
    if found is None:
        told = re.sub(r"\s", "", text).replace("-", "+").replace("_", "/").rstrip("=")
        found = _strictly(told + "=" * (-len(told) % 4))
    return found


def base64_size(text: str) -> int:
    """At most how many bytes base64 holds, so that what is too large need not be decoded."""
    return len(text) * 3 // 4


def _strictly(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
