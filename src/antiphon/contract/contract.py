"""Contract: one service's law, compiled: requests in, responses and refusals out (DESIGN §6).

Knows nothing of the service's name: all that differs stands in a TOML file and a schema.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from antiphon.contract.codecs import ERRORS, EVENTS, RESPONSES, ErrorAnswer
from antiphon.contract.decode import Reader
from antiphon.contract.law import Law, law_from_toml
from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.response import Response

_HERE = files("antiphon.contract")


class Contract:
    """A contract, ready for use. It holds no state: one serves every request.

    name, base
        as `--contract` takes it; the path below which it is mounted (`/v1`).
    features
        what is offered beyond `POST /responses`: `retrieve`, `models` …
    schema
        the JSON Schema of a request body.
    canonical
        whether events go out as the log has them. A writer that sees True may send the log's
        bytes without asking `event` for each.
    """

    __slots__ = ("_error", "_event", "_reader", "_response", "base", "canonical", "features", "name", "schema")

    def __init__(self, law: Law, schema: dict[str, JSON]) -> None:
        self.name = law.name
        self.base = law.base
        self.features = law.features
        self.schema = schema
        self._reader = Reader(law, schema)
        self._error = ERRORS[law.codecs.error]
        self._response = RESPONSES[law.codecs.response]
        self._event = EVENTS[law.codecs.event]
        self.canonical = self._event is None

    def read(self, body: bytes) -> Request:
        """The request that a body tells. Raises `Problem` 400 (protocol §6)."""
        return self._reader.read(body)

    def take(self, body: JSON) -> Request:
        """The request that a decoded body tells, which is used up. Raises `Problem` 400."""
        return self._reader.take(body)

    def measure(self, body: bytes, model: str) -> Request:
        """The request whose tokens are to be counted; `model` where it names none. Raises `Problem` 400."""
        return self._reader.measure(body, model)

    def error(self, problem: Problem) -> ErrorAnswer:
        """A refusal in this contract's shape: status, headers, body."""
        return self._error(problem)

    def response(self, response: Response) -> bytes:
        """The JSON of a response in this contract's shape."""
        return self._response(response)

    def event(self, data: bytes) -> bytes:
        """The JSON of an event in this contract's shape, from the canonical JSON."""
        return data if self._event is None else self._event(data)


@cache
def load(name: str) -> Contract:
    """The shipped contract of that name, compiled when first asked for.

    Raises `ValueError`, with the names that there are, for one that is not shipped.
    """
    law = read_law(name)
    return Contract(law, read_schema(law.schemas))


@cache
def names() -> tuple[str, ...]:
    """The shipped contracts."""
    return tuple(sorted(entry.name[:-5] for entry in _HERE.iterdir() if entry.name.endswith(".toml")))


def read_law(name: str) -> Law:
    """The law of a shipped contract. Raises `ValueError` as `load` does."""
    if name not in names():
        raise ValueError(f"There is no contract '{name}'. There are: {', '.join(names())}.")
    return law_from_toml((_HERE / f"{name}.toml").read_text("utf-8"))


def read_schema(file_names: list[str]) -> dict[str, Any]:
    """One schema of several files below `schemas/`.

    Keys of a later file replace those before it, and so do definitions of one name in `$defs`.
    """
    schema: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    for file_name in file_names:
        part: dict[str, Any] = msgspec.json.decode((_HERE / "schemas" / file_name).read_bytes())
        definitions.update(part.get("$defs", {}))
        schema.update(part)
    schema["$defs"] = definitions
    return schema
