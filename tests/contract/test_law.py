"""Laws: a contract's file is read strictly."""

import msgspec
import pytest
from msgspec.structs import replace

from antiphon.contract.contract import Contract, read_law, read_schema
from antiphon.contract.law import InputRule, law_from_toml
from antiphon.core.problems import Problem

LAW = """
name = "acme"
base = "/acme/v1"
schemas = []
features = []
[codecs]
error = "envelope"
response = "canonical"
event = "canonical"
"""


def test_a_law_needs_little() -> None:
    assert law_from_toml(LAW).base == "/acme/v1"


@pytest.mark.parametrize("line", ["[latr]\n", '[[moves]]\nfrom = "a"\nto = "b"\nvia = "c"\n', "[input]\nunles = []\n"])
def test_a_misspelt_key_is_told(line: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        law_from_toml(LAW + line)


def test_a_law_can_default_force_refuse_and_allow_nothing() -> None:
    """What the other contracts of contracts §B need of the loader (rows 9, 11, 12, 13)."""
    law = replace(
        read_law("openai"),
        defaults={"temperature": 0.7},
        forced={"store": False},
        refused={"user": []},
        input=InputRule(may_be_empty=True),
    )
    contract = Contract(law, read_schema(law.schemas))
    assert contract.read(b'{"model": "m"}').input == []
    request = contract.read(b'{"model": "m", "input": "x", "store": true, "temperature": null}')
    assert (request.store, request.temperature) == (False, 0.7)
    assert contract.read(b'{"model": "m", "temperature": 0}').temperature == 0
    with pytest.raises(Problem, match="'user' is not supported"):
        contract.read(b'{"model": "m", "user": "u"}')
