"""How tests ask a contract: a body in, a request or its refusal out; a response in, its JSON out.

Knows nothing of any contract.
"""

import json
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from antiphon.contract.contract import Contract, load
from antiphon.core.events import Event
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.response import Response, Timing, respond

TIMING = Timing(0.5, 2.0)


def body(**fields: Any) -> bytes:
    """A body with a model and an input, unless they are given (`...`: left out)."""
    whole = {"model": "m", "input": "hello"} | fields
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


def read(contract: str, **fields: Any) -> Request:
    """The request that a contract makes of a body."""
    return load(contract).read(body(**fields))


def refusal(contract: str, **fields: Any) -> tuple[int, Any]:
    """Status and JSON of the refusal of a body."""
    with pytest.raises(Problem) as found:
        read(contract, **fields)
    told = load(contract).error(found.value)
    return told.status, json.loads(told.body)


def refused(contract: str, **fields: Any) -> tuple[int, str | None, str | None]:
    """Status, code and param of the refusal of a body, where it has OpenAI's shape."""
    status, told = refusal(contract, **fields)
    return status, told["error"]["code"], told["error"]["param"]


def asked(contract: str, **fields: Any) -> Response:
    """The response, before anything was said, to what a contract reads."""
    return respond(read(contract, **fields), id="resp_1", created_at=1)


def told(contract: str | Contract, response: Response, timing: Timing = TIMING) -> dict[str, Any]:
    """The JSON of a response, which is legal by the contract's own schema."""
    found = load(contract) if isinstance(contract, str) else contract
    answer: dict[str, Any] = json.loads(found.response(response, timing))
    Draft202012Validator(found.answer).validate(answer)
    return answer


def event(contract: str, of: Event) -> dict[str, Any] | None:
    """The JSON of an event, None where it is not told."""
    found = load(contract)
    assert type(of) in found.touched
    told = found.event(of, TIMING)
    if told is None:
        return None
    answer: dict[str, Any] = json.loads(told[1])
    assert answer["type"] == told[0]
    return answer
