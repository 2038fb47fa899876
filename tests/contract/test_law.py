"""Laws: a contract's file is read strictly."""

import pytest
from msgspec.structs import replace

from antiphon.contract.contract import Contract, read_law
from antiphon.contract.law import InputRule, LawError, law_of, tables
from antiphon.core.items import InputText, Message
from antiphon.core.problems import Problem

LAW = """
name = "acme"
base = "/acme/v1"
schemas = []
features = []
[codecs]
error = "envelope"
"""


def test_a_law_needs_little() -> None:
    assert law_of(tables(LAW, "acme.toml"), "acme.toml").base == "/acme/v1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LAW + "[latr]\n", r"^acme\.toml: object contains unknown field `latr`"),
        (LAW + '[[moves]]\nfrom = "a"\nto = "b"\nvia = "c"\n', r"^acme\.toml: moves\[0\]: .*unknown field `via`"),
        (LAW + "[input]\nunles = []\n", r"^acme\.toml: input: .*unknown field `unles`"),
        (LAW + "response = 5\n", r"^acme\.toml: codecs\.response: expected `array`, got `int`"),
        (LAW.replace("name", "# name", 1), r"^acme\.toml: object missing required field `name`"),
        (LAW + "[", r"^acme\.toml: this is not TOML: .*at end of document"),
    ],
)
def test_what_is_wrong_is_told_with_its_file_and_key(text: str, told: str) -> None:
    with pytest.raises(LawError, match=told):
        law_of(tables(text, "acme.toml"), "acme.toml")


def test_a_law_can_default_force_refuse_and_allow_nothing() -> None:
    """What the other contracts of contracts §B need of the loader (rows 9, 11, 12, 13)."""
    law = replace(
        read_law("openai"),
        defaults={"temperature": 0.7},
        forced={"store": False},
        refused={"user": []},
        input=InputRule(may_be_empty=True),
    )
    contract = Contract(law)
    assert contract.read(b'{"model": "m"}').input == [Message(role="user", content=[InputText("")])]
    request = contract.read(b'{"model": "m", "input": "x", "store": true, "temperature": null}')
    assert (request.store, request.temperature, request.ignored) == (False, 0.7, ["store"])
    assert contract.read(b'{"model": "m", "temperature": 0}').temperature == 0
    with pytest.raises(Problem, match="'user' is not supported"):
        contract.read(b'{"model": "m", "user": "u"}')
