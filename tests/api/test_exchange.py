"""One request and its answer: bodies within bounds, headers that every answer has."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from antiphon.api.exchange import Exchange
from antiphon.core.problems import Problem

pytestmark = pytest.mark.anyio


def exchange_of(*messages: dict[str, Any], headers: dict[str, str] | None = None) -> tuple[Exchange, list[Any]]:
    coming, sent = list(messages), list[Any]()

    async def receive() -> MutableMapping[str, Any]:
        return coming.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Exchange({"headers": pairs}, receive, send), sent


def piece(data: bytes, more: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002  as ASGI has it
    return {"type": "http.request", "body": data, "more_body": more}


async def test_a_body_comes_in_pieces_up_to_its_bound() -> None:
    exchange, _ = exchange_of(piece(b"ab"), piece(b""), piece(b"cd", more=False))
    assert await exchange.body(4) == b"abcd"
    exchange, _ = exchange_of({"type": "http.request"})
    assert await exchange.body(0) == b""


@pytest.mark.parametrize(
    ("messages", "headers"),
    [
        ([piece(b"ab"), piece(b"cde")], {}),
        ([], {"content-length": "5"}),
        ([piece(b"abcde", more=False)], {"content-length": "one"}),
    ],
)
async def test_a_body_that_is_too_large_is_read_no_further(
    messages: list[dict[str, Any]], headers: dict[str, str]
) -> None:
    exchange, _ = exchange_of(*messages, headers=headers)
    with pytest.raises(Problem) as found:
        await exchange.body(4)
    assert (found.value.status, found.value.code) == (413, "request_too_large")


async def test_a_client_that_leaves_amid_its_body() -> None:
    exchange, _ = exchange_of(piece(b"ab"), {"type": "http.disconnect"})
    with pytest.raises(Problem) as found:
        await exchange.body(4)
    assert found.value.status == 499


async def test_every_answer_has_its_id_and_echoes_the_clients() -> None:
    exchange, sent = exchange_of(headers={"x-client-request-id": "mine"})
    assert not exchange.begun
    await exchange.answer(200, [(b"content-type", b"text/plain")], b"hello")
    head = dict(sent[0]["headers"])
    assert (head[b"content-length"], head[b"x-client-request-id"]) == (b"5", b"mine")
    assert head[b"x-request-id"] == exchange.id.encode() and exchange.id.startswith("req_")
    assert head[b"openai-processing-ms"].isdigit() and head[b"openai-version"]
    assert sent[1] == {"type": "http.response.body", "body": b"hello"}
    assert (exchange.begun, exchange.status) == (True, 200)


async def test_a_stream_is_pieces_and_a_last_one() -> None:
    exchange, sent = exchange_of()
    await exchange.chunk(b"a")
    await exchange.last(b"b")
    assert [(one["body"], one.get("more_body", False)) for one in sent] == [(b"a", True), (b"b", False)]
