"""The query of a list, and its envelope."""

import pytest

from antiphon.api.paging import INCLUDE, Query, envelope, listed
from antiphon.contract.contract import load
from antiphon.core.items import Message, Passed
from antiphon.core.ports import Page, PageQuery
from antiphon.core.problems import Problem


def fault(raw: bytes, name: str) -> str | None:
    query = Query(raw)
    with pytest.raises(Problem) as found:
        {"page": query.page, "include": query.include, "flag": lambda: query.flag("f")}[name]()
    assert (found.value.status, found.value.code) == (400, "invalid_value")
    return found.value.param


def test_a_page_has_defaults_and_bounds() -> None:
    assert Query(b"").page() == PageQuery(20, "desc", None)
    assert Query(b"limit=&order=&after=").page() == PageQuery(20, "desc", None)
    assert Query(b"limit=1&order=asc&after=msg_1").page() == PageQuery(1, "asc", "msg_1")
    assert Query(b"limit=1&limit=100").page().limit == 100
    for raw in (b"limit=0", b"limit=101", b"limit=1e1", b"limit=%FF", b"limit=" + b"9" * 10_000):
        assert fault(raw, "page") == "limit"
    assert fault(b"order=ASC", "page") == "order"


def test_flags() -> None:
    for raw, value in ((b"", False), (b"f=true", True), (b"f=True", True), (b"f=1", True), (b"f=false", False)):
        assert Query(raw).flag("f") is value
    assert fault(b"f=yes", "flag") == "f"


def test_include_in_every_encoding() -> None:
    one, two = sorted(INCLUDE)[:2]
    for raw in (f"include={one}&include={two}", f"include[]={one},{two}", f"include[0]={one}&include%5B1%5D={two}"):
        assert Query(raw.encode()).include() == [one, two]
    assert Query(b"include=&includes=x").include() == []
    assert fault(f"include={one}&include=x".encode(), "include") == "include[1]"


def test_an_envelope_has_five_keys() -> None:
    items = [Message(id="msg_1", role="user"), Passed({"type": "program", "id": "p_1"})]
    assert envelope(Page(list(items), True), load("openai")) == {
        "object": "list",
        "data": items,
        "first_id": "msg_1",
        "last_id": "p_1",
        "has_more": True,
    }
    assert listed([], load("openai"))["first_id"] is None
    kinds = [item["type"] for item in envelope(Page(list(items), True), load("openresponses"))["data"]]
    assert kinds == ["message", "openai:program"]
