"""Contract: one service's law, compiled: requests in, responses and refusals out (DESIGN §6).

Knows nothing of the service's name: all that differs stands in a TOML file and a schema.
"""

from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

from antiphon.contract.chat_request import ChatReader, schema_of
from antiphon.contract.codecs import ERRORS, HEADERS, REQUESTS, Header
from antiphon.contract.decode import Reader
from antiphon.contract.errors import ErrorAnswer
from antiphon.contract.law import Law, law_of, tables
from antiphon.contract.limits import LIMITS
from antiphon.contract.schemas import answer_schema, read_schema
from antiphon.contract.telling import NO_TIMING, Teller
from antiphon.core.accounts import Standing
from antiphon.core.events import Event
from antiphon.core.items import JSON, Item
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.response import Response, Timing

_HERE = files("antiphon.contract")

DEFAULT = "/v1"
"""Where the server's default contract stands, whatever its own base; and the administration."""


class Contract:
    """A contract, compiled when it is first used. It holds no state: one serves every request.

    name, base
        as `--contract` takes it; the path below which it is mounted (`/v1`).
    features
        what is offered beyond `POST /responses`: `retrieve`, `models` …
    law, folder
        what all of it is made of; where schemas stand that are not shipped.
    """

    def __init__(self, law: Law, folder: Path | None = None) -> None:
        self.law = law
        self.name = law.name
        self.base = law.base
        self.features = law.features - law.lacks
        self._folder = folder
        self._teller = Teller(law)
        self._error = ERRORS[law.codecs.error]
        self._limits = LIMITS[law.codecs.limits]
        self._headers = [HEADERS[name] for name in law.codecs.headers]

    @cached_property
    def schema(self) -> dict[str, JSON]:
        """The JSON Schema of a request body. Raises `LawError` where a file of it is not there."""
        return read_schema(self.law.schemas, self.law.schema, self._folder)

    @cached_property
    def answer(self) -> dict[str, JSON]:
        """The JSON Schema of a response. Raises `LawError` as `schema` does."""
        return answer_schema(self.law.answer, self._folder)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.law, self.schema, [REQUESTS[name] for name in self.law.codecs.request])

    @cached_property
    def chat_schema(self) -> dict[str, JSON]:
        """The JSON Schema of the body of `POST /chat/completions`. Raises `LawError` as `schema` does."""
        return schema_of(self.schema)

    @cached_property
    def chat(self) -> ChatReader:
        """What reads the bodies of `POST /chat/completions`. Raises `LawError` as `schema` does."""
        return ChatReader(self.law, self.chat_schema, self._reader)

    @cached_property
    def touched(self) -> frozenset[type[Event]]:
        """The kinds of events that do not go out as the log has them: `event` tells how. Of every other kind a
        writer sends the log's bytes, without asking."""
        return self._teller.touched

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

    def headers(self, request_id: str) -> list[Header]:
        """The headers that an answer to `POST /responses` has here, beside those that every answer has."""
        return [tell(request_id) for tell in self._headers]

    def limits(self, standing: Standing) -> list[Header]:
        """The headers that tell how limits stand, in this contract's shape."""
        return self._limits(standing)

    def response(self, response: Response, timing: Timing = NO_TIMING) -> bytes:
        """The JSON of a response in this contract's shape."""
        return self._teller.response(response, timing)

    def items(self, items: list[Item]) -> JSON:
        """Items in this contract's shape, to be encoded with what lists them."""
        return self._teller.items(items)

    def event(self, event: Event, timing: Timing = NO_TIMING) -> tuple[str, bytes] | None:
        """The name and the JSON of an event that is `touched`; None where this contract does not tell it."""
        return self._teller.event(event, timing)


@cache
def load(name: str) -> Contract:
    """The shipped contract of that name.

    Raises `ValueError`, with the names that there are, for one that is not shipped.
    """
    return Contract(read_law(name))


@cache
def names() -> tuple[str, ...]:
    """The shipped contracts."""
    return tuple(sorted(entry.name[:-5] for entry in _HERE.iterdir() if entry.name.endswith(".toml")))


def read_law(name: str) -> Law:
    """The law of a shipped contract. Raises `ValueError` as `load` does."""
    return law_of(shipped(name), f"{name}.toml")


def shipped(name: str) -> dict[str, JSON]:
    """What the file of a shipped contract says, with what it takes from the one that it is `like`.

    Raises `ValueError` as `load` does.
    """
    if name not in names():
        raise ValueError(f"There is no contract '{name}'. There are: {', '.join(names())}.")
    file = f"{name}.toml"
    said = tables((_HERE / file).read_text("utf-8"), file)
    like = said.pop("like", None)
    return said if like is None else shipped(like) | said
