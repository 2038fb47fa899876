"""The administration of projects and their limits (`/organization/projects…`), after OpenAI's administration API.

Knows nothing of keys: `admin_keys` does. A project is never deleted here, but archived; `antiphon purge` empties one.
"""

from collections.abc import Collection, Sequence
from typing import TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from antiphon.api.exchange import JSON_TYPE, Exchange
from antiphon.api.house import House
from antiphon.api.paging import Query
from antiphon.contract import administration as bodies
from antiphon.core.accounts import DEFAULT_PROJECT, Budget, Limits, Project
from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.core.wire import encode
from antiphon.runs.ids import new_id, now

T = TypeVar("T", bodies.ProjectObject, bodies.KeyObject, bodies.RateLimitObject)


async def list_projects(house: House, exchange: Exchange) -> None:
    """`GET /organization/projects`: those in use; with `include_archived=true` all."""
    query = Query(exchange.scope["query_string"])
    query.only("limit", "after", "include_archived")
    archived = query.flag("include_archived")
    projects = sorted((await house.store.roll()).projects, key=lambda one: (one.created_at, one.id))
    found = [bodies.project_object(one) for one in projects if archived or one.archived_at is None]
    await answer(exchange, listed(found, query))


async def create_project(house: House, exchange: Exchange) -> None:
    """`POST /organization/projects`."""
    body = bodies.create_project(await exchange.body(house.max_body))
    async with house.changing:
        project = _changed(Project(id=new_id("proj"), name="", created_at=now()), body, _contracts(house))
        await house.store.keep_project(project)
    await answer(exchange, bodies.project_object(project))


async def retrieve_project(house: House, exchange: Exchange, project_id: str) -> None:
    """`GET /organization/projects/{project_id}`."""
    await answer(exchange, bodies.project_object(await project_of(house, project_id)))


async def update_project(house: House, exchange: Exchange, project_id: str) -> None:
    """`POST /organization/projects/{project_id}`: what the body names becomes other."""
    body = bodies.update_project(await exchange.body(house.max_body))
    async with house.changing:
        project = _changed(await project_of(house, project_id), body, _contracts(house))
        await house.store.keep_project(project)
    await answer(exchange, bodies.project_object(project))


async def archive_project(house: House, exchange: Exchange, project_id: str) -> None:
    """`POST /organization/projects/{project_id}/archive`: from then on nobody works in it; what it keeps stays."""
    if project_id == DEFAULT_PROJECT:
        raise Problem(400, "invalid_value", "The default project can't be archived.", param="project_id")
    async with house.changing:
        project = await project_of(house, project_id)
        if project.archived_at is None:
            project = replace(project, archived_at=now())
            await house.store.keep_project(project)
    await answer(exchange, bodies.project_object(project))


async def list_rate_limits(house: House, exchange: Exchange, project_id: str) -> None:
    """`GET /organization/projects/{project_id}/rate_limits`: of every model that is served or has limits."""
    query = Query(exchange.scope["query_string"])
    query.only("limit", "after")
    models = (await project_of(house, project_id)).models
    names = sorted({info.id for info in house.models.list()} | models.keys())
    found = [bodies.rate_limit_object(name, models.get(name, Limits())) for name in names]
    await answer(exchange, listed(found, query))


async def update_rate_limit(house: House, exchange: Exchange, project_id: str, rate_limit_id: str) -> None:
    """`POST /organization/projects/{project_id}/rate_limits/{rate_limit_id}`: what the body names becomes other."""
    body = bodies.update_rate_limit(await exchange.body(house.max_body))
    model = rate_limit_id.removeprefix(bodies.RATE_LIMIT)
    async with house.changing:
        project = await project_of(house, project_id)
        before = project.models.get(model)
        if model == rate_limit_id or (before is None and all(info.id != model for info in house.models.list())):
            raise Problem(404, None, f"Rate limit with id '{rate_limit_id[:80]}' not found.")
        limits = _limits(before or Limits(), body)
        others = {name: its for name, its in project.models.items() if name != model}
        models = others if limits == Limits() else others | {model: limits}
        await house.store.keep_project(replace(project, models=models))
    await answer(exchange, bodies.rate_limit_object(model, limits))


async def project_of(house: House, project_id: str) -> Project:
    """The project of that id, as it is kept now. Raises `Problem` 404."""
    roll = await house.store.roll()
    project = next((one for one in roll.projects if one.id == project_id), None)
    if project is None:
        raise Problem(404, None, f"Project with id '{project_id[:80]}' not found.")
    return project


def listed(found: Sequence[T], query: Query) -> JSON:
    """The page of a list that a query asks for. Raises `Problem` 400 for an `after` that is not in it."""
    limit, after = query.number("limit", 20, 1, 100), query.text("after")
    ids = [one.id for one in found]
    if after is not None and after not in ids:
        raise Problem(400, "invalid_value", f"Invalid 'after': there is no '{after[:64]}' in this list.", param="after")
    start = 0 if after is None else ids.index(after) + 1
    page = found[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
        "has_more": len(found) > start + limit,
    }


async def answer(exchange: Exchange, value: JSON) -> None:
    """Send what was found or made."""
    await exchange.answer(200, [JSON_TYPE], encode(value))


def _changed(project: Project, body: bodies.ProjectBody, known: Collection[str]) -> Project:
    """The project as the body wants it; `known` are the names of contracts. Raises `Problem` 400 for any other."""
    if isinstance(body.contract, str) and body.contract not in known:
        listed = ", ".join(f"'{name}'" for name in sorted(known))
        message = f"There is no contract '{body.contract}'. There are: {listed}."
        raise Problem(400, "invalid_value", message, param="contract")
    return replace(
        project,
        name=project.name if body.name is UNSET else body.name,
        contract=project.contract if body.contract is UNSET else body.contract,
        limits=project.limits if body.limits is UNSET else body.limits or Limits(),
        budget=project.budget if body.budget is UNSET else body.budget or Budget(),
        log_content=project.log_content if body.log_content is UNSET else body.log_content,
    )


def _contracts(house: House) -> set[str]:
    return {contract.name for contract in house.contracts}


def _limits(before: Limits, body: bodies.RateLimitBody) -> Limits:
    return Limits(
        requests_per_minute=_other(before.requests_per_minute, body.requests_per_minute),
        requests_per_day=_other(before.requests_per_day, body.requests_per_day),
        tokens_per_minute=_other(before.tokens_per_minute, body.tokens_per_minute),
        concurrent_runs=_other(before.concurrent_runs, body.concurrent_runs),
    )


def _other(before: int | None, given: int | UnsetType | None) -> int | None:
    return before if given is UNSET else given
