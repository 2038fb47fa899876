"""`/models`: what is served (protocol §1, rows 17 and 18).

Knows nothing of where a model runs.
"""

from antiphon.api.exchange import JSON_TYPE, Exchange, Header
from antiphon.api.house import House
from antiphon.core.ports import ModelInfo
from antiphon.core.problems import Problem
from antiphon.core.servers import HEADER, told
from antiphon.core.wire import encode


async def listing(house: House, exchange: Exchange) -> None:
    """`GET /models`. Its head names this server and those behind it, for a server that has this one as upstream."""
    data = [_model(info) for info in house.models.list() if offered(info, exchange)]
    servers: Header = (HEADER.encode(), told([house.server, *house.behind()]).encode())
    await exchange.answer(200, [JSON_TYPE, servers], encode({"object": "list", "data": data}))


async def one(house: House, exchange: Exchange, name: str) -> None:
    """`GET /models/{model}`. Raises `Problem` 404 `model_not_found`."""
    house.models.get(name)
    info = next(info for info in house.models.list() if info.id == name)
    if not offered(info, exchange):
        raise Problem(404, "model_not_found", f"The model '{name[:100]}' is not offered here.", param="model")
    await exchange.answer(200, [JSON_TYPE], encode(_model(info)))


def offered(info: ModelInfo, exchange: Exchange) -> bool:
    """Whether the contract that is asked through offers a model."""
    return not info.contracts or exchange.contract.name in info.contracts


def _model(info: ModelInfo) -> dict[str, object]:
    return {"id": info.id, "object": "model", "created": info.created, "owned_by": info.owned_by, "shutdown_date": None}
