"""Codecs: what a contract can choose is there by its name, and a request's id can be a UUID."""

from uuid import UUID

from antiphon.contract.codecs import ERRORS, HEADERS, ITEMS, REQUESTS, RESPONSES
from antiphon.contract.contract import names, read_law
from antiphon.contract.errors import SCHEMAS
from antiphon.contract.limits import LIMITS
from antiphon.runs.ids import new_id


def test_every_codec_is_chosen_by_a_shipped_contract() -> None:
    """One that nobody chooses is dead."""
    laws = [read_law(name).codecs for name in names()]
    assert {law.error for law in laws} == ERRORS.keys() == SCHEMAS.keys()
    assert {name for law in laws for name in law.request} == REQUESTS.keys()
    assert {name for law in laws for name in law.response} == RESPONSES.keys()
    assert {name for law in laws for name in law.items} == ITEMS.keys()
    assert {name for law in laws for name in law.headers} == HEADERS.keys()
    assert {law.limits for law in laws} == LIMITS.keys()


def test_an_inference_has_a_uuid_of_its_own() -> None:
    tell = HEADERS["inference_id"]
    first, second = new_id("req"), new_id("req")
    name, value = tell(first)
    assert name == b"inference-id"
    assert str(UUID(value.decode())).encode() == value
    assert tell(first) == (name, value) != tell(second)
