"""Status: whether the server lives, whether it can answer, what it counts, what it speaks.

Knows nothing of requests.
"""

from antiphon.api.exchange import JSON_TYPE, Exchange
from antiphon.api.house import House
from antiphon.contract.contract import DEFAULT
from antiphon.contract.openapi import document
from antiphon.core.wire import encode


async def health(house: House, exchange: Exchange) -> None:
    """`GET /healthz`: the process lives."""
    await exchange.answer(200, [JSON_TYPE], encode({"status": "ok"}))


async def ready(house: House, exchange: Exchange) -> None:
    """`GET /readyz`: 200 when requests can be answered, else 503 with how far it is."""
    state = house.models.readiness()
    body = encode({"status": "ready" if state.ready else "loading", "detail": state.detail})
    await exchange.answer(200 if state.ready else 503, [JSON_TYPE], body)


async def metrics(house: House, exchange: Exchange) -> None:
    """`GET /metrics`, in Prometheus' text format."""
    await exchange.answer(200, [(b"content-type", house.metrics_type.encode())], house.metrics())


async def openapi(house: House, exchange: Exchange) -> None:
    """`GET /openapi.json`, of the contract below whose base it is asked for; outside of all, of the default one."""
    base = exchange.scope["path"].removesuffix("/openapi.json") or DEFAULT
    await exchange.answer(200, [JSON_TYPE], document(exchange.contract, base))
