"""Validators of the Open Responses document of 2026-04-24, which stands in `data/`.

Knows nothing of this server. The document knows fewer kinds of items and events than the
default contract speaks (contracts §C): text answers are what it can judge.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.documents import check

JSON = Any

DOCUMENT = Path(__file__).parent / "data" / "openresponses.2026-04-24.openapi.json"


@cache
def document() -> dict[str, JSON]:
    """The document, as it was published."""
    read: dict[str, JSON] = json.loads(DOCUMENT.read_bytes())
    return read


@cache
def events() -> dict[str, str]:
    """The type of every event that may stand in a stream → the name of its schema."""
    content = document()["paths"]["/responses"]["post"]["responses"]["200"]["content"]
    names = [ref["$ref"].rpartition("/")[2] for ref in content["text/event-stream"]["schema"]["oneOf"]]
    schemas = document()["components"]["schemas"]
    return {schemas[name]["properties"]["type"]["enum"][0]: name for name in names}


def check_resource(response: JSON) -> None:
    """Hold a response against `ResponseResource`. Raises `AssertionError` with every fault and its path."""
    check(document, response, "ResponseResource")


def check_compaction(window: JSON) -> None:
    """Hold the answer of `POST /responses/compact` against `CompactResource`. Raises `AssertionError` likewise."""
    check(document, window, "CompactResource")


def check_event(event: JSON) -> None:
    """Hold an event against its schema. Raises `AssertionError` for an unknown type, and for every fault."""
    name = events().get(event.get("type"))
    assert name is not None, f"{event.get('type')!r} is not among the document's events"
    check(document, event, name)


def check_request(body: JSON) -> None:
    """Hold a create request against `CreateResponseBody`."""
    check(document, body, "CreateResponseBody")


def check_socket_error(event: JSON) -> None:
    """Hold an error over a WebSocket against `WebSocketErrorEvent`."""
    check(document, event, "WebSocketErrorEvent")
