"""The page: whole, with the document inside, and nothing fetched from anywhere."""

import json
import re

import pytest

from antiphon.contract.contract import DEFAULT, load
from antiphon.contract.openapi import document
from tests.asgi import serving

pytestmark = pytest.mark.anyio


async def test_the_page_holds_the_document() -> None:
    async with serving() as server:
        answer = await server.ask("GET", "/docs")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    text = answer.body.decode()
    (held,) = re.findall(r'<script id="document" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert json.loads(held) == json.loads(document(load("openai"), DEFAULT))
    assert not re.findall(r"(?:src|href)=|https?://|@import|url\(", text.replace(held, ""))
