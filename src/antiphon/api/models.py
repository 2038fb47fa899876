"""`/models`: what is served (protocol §1, rows 17 and 18).

Knows nothing of where a model runs.
"""

from antiphon.api.exchange import JSON_TYPE, Exchange
from antiphon.api.house import House
from antiphon.core.ports import ModelInfo
from antiphon.core.wire import encode


async def listing(house: House, exchange: Exchange) -> None:
    """`GET /models`."""
    data = [_model(info) for info in house.models.list()]
    await exchange.answer(200, [JSON_TYPE], encode({"object": "list", "data": data}))


async def one(house: House, exchange: Exchange, name: str) -> None:
    """`GET /models/{model}`. Raises `Problem` 404 `model_not_found`."""
    house.models.get(name)
    info = next(info for info in house.models.list() if info.id == name)
    await exchange.answer(200, [JSON_TYPE], encode(_model(info)))


def _model(info: ModelInfo) -> dict[str, object]:
    return {"id": info.id, "object": "model", "created": info.created, "owned_by": info.owned_by, "shutdown_date": None}
