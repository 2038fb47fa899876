"""Chains: what a connection knows, for how many responses and how many bytes."""

from msgspec.structs import replace

from antiphon.core.accounts import Principal
from antiphon.core.items import InputText, Item, Message
from antiphon.core.request import Request
from antiphon.core.response import Response, respond
from antiphon.runs.chains import MOST, Chains
from antiphon.runs.run import Run


def said(text: str) -> Item:
    return Message(role="user", content=[InputText(text)])


def turn(name: str, text: str, follows: str | None = None, before: list[Item] | None = None) -> tuple[Run, Response]:
    """A turn that says `text` and is answered with it."""
    request = Request(model="m", input=[said(text)], store=False, previous_response_id=follows)
    response = respond(request, id=name, created_at=1)
    run = Run(request, response, Principal(), "req_1")
    run.before = before or []
    return run, replace(response, output=[said(text.upper())])


def texts(items: list[Item] | None) -> list[str] | None:
    return None if items is None else [item.content[0].text for item in items]  # type: ignore[union-attr]


def test_a_chain_grows_and_forks() -> None:
    chains = Chains(10_000)
    assert chains.before(None) is None
    chains.keep(*turn("one", "a"), 10)
    assert texts(chains.before("one")) == ["a", "A"]
    for name in ("two", "three"):
        chains.keep(*turn(name, name, "one", chains.before("one")), 10)
    assert texts(chains.before("two")) == ["a", "A", "two", "TWO"]
    assert texts(chains.before("three")) == ["a", "A", "three", "THREE"]
    assert texts(chains.before("one")) == ["a", "A"]
    assert chains.before("four") is None


def test_what_is_forgotten_is_gone_and_what_went_on_from_it_stays() -> None:
    chains = Chains(10_000)
    chains.keep(*turn("one", "a"), 10)
    chains.keep(*turn("two", "b", "one", chains.before("one")), 10)
    for name in ("one", "one", None, "unknown"):
        chains.forget(name)
    assert chains.before("one") is None
    assert texts(chains.before("two")) == ["a", "A", "b", "B"]


def test_the_oldest_go_when_there_are_too_many() -> None:
    chains = Chains(1_000_000)
    for number in range(MOST + 3):
        chains.keep(*turn(f"resp_{number}", "a"), 10)
    known = [number for number in range(MOST + 3) if chains.before(f"resp_{number}") is not None]
    assert known == list(range(3, MOST + 3))


def test_the_oldest_go_when_together_they_are_too_large_and_so_does_what_is_too_large_alone() -> None:
    chains = Chains(1000)
    chains.keep(*turn("one", "a"), 400)
    chains.keep(*turn("two", "a"), 400)
    assert chains.before("one") is not None
    chains.keep(*turn("three", "a", "two", chains.before("two")), 400)
    assert (chains.before("one"), chains.before("two")) == (None, None)
    assert chains.before("three") is not None
    chains.keep(*turn("four", "a"), 1001)
    assert (chains.before("three"), chains.before("four")) == (None, None)


def test_what_came_from_a_store_counts_too() -> None:
    chains = Chains(1000)
    chains.keep(*turn("one", "a", "resp_stored", [said("x" * 1000)]), 10)
    assert chains.before("one") is None
