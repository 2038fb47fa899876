"""The page that shows what the default contract offers, made of its own OpenAPI document.

Knows nothing of the document's content. The page is whole: it fetches nothing, from here or from elsewhere.
"""

from functools import cache
from importlib.resources import files

from antiphon.api.exchange import Exchange, Header
from antiphon.api.house import House
from antiphon.contract.contract import DEFAULT, Contract
from antiphon.contract.openapi import document

HEAD: list[Header] = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"),
    (b"x-content-type-options", b"nosniff"),
]


async def show(house: House, exchange: Exchange) -> None:
    """`GET /docs`."""
    await exchange.answer(200, HEAD, page(exchange.contract))


@cache
def page(contract: Contract) -> bytes:
    """The page of a contract, with its document inside."""
    text = (files("antiphon.api") / "page.html").read_bytes()
    # In a script element nothing but `<` can end the JSON early.
    return text.replace(b"%DOCUMENT%", document(contract, DEFAULT).replace(b"<", b"\\u003c"))
