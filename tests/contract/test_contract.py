"""Contracts: how they are found, and that the canonical form goes out untouched."""

import json

import pytest

from antiphon.contract.contract import load, names
from antiphon.core import wire
from antiphon.core.events import ResponseCreated
from antiphon.core.response import Response


def test_a_contract_is_compiled_once() -> None:
    assert load("openai") is load("openai")
    assert (load("openai").name, load("openai").base) == ("openai", "/openai/v1")


def test_an_unknown_contract_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"There is no contract 'acme'\. There are: .*openai"):
        load("acme")


@pytest.mark.parametrize("name", names())
def test_every_shipped_contract_compiles(name: str) -> None:
    assert load(name).name == name


def test_the_default_sends_the_canonical_bytes() -> None:
    contract = load("openai")
    response = Response(id="resp_1", created_at=1, model="m")
    data = wire.encode(ResponseCreated(0, response))
    assert not contract.touched
    assert json.loads(contract.response(response)) == json.loads(data)["response"]


def test_a_contract_lacks_what_it_says_of_what_another_has() -> None:
    assert load("openai").features - load("gateway").features == {"websocket", "lanes", "chat"}
    assert load("openai").features - load("openresponses").features == {"lanes", "chat"}
