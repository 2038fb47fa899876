"""`/prompts`, prompts that are kept in versions, and the requests that are made of them.

Knows nothing of runs. OpenAI has no public form of this; ours has the fields of a create request.
"""

import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from antiphon.api.exchange import JSON_TYPE, Exchange
from antiphon.api.house import House
from antiphon.api.idempotent import once
from antiphon.api.paging import Query
from antiphon.contract import prompts as bodies
from antiphon.contract.decode import parse
from antiphon.core.items import JSON
from antiphon.core.problems import Problem
from antiphon.core.templates import MOST, Template, filled
from antiphon.core.wire import encode
from antiphon.runs.ids import new_id, now

_ESCAPED = re.compile(rb"\\u00[67]")
"""A small letter that is written as an escape, which may hide a key."""


class Reference(Struct):
    """The `prompt` of a request."""

    id: str
    version: str | None = None
    variables: dict[str, JSON] | None = None


async def create(house: House, exchange: Exchange) -> None:
    """`POST /prompts`: the first version."""
    raw = await exchange.body(house.max_body)

    async def work() -> bytes:
        template = _made(house, exchange, raw, new_id("pmpt"), 1)
        await house.store.keep_prompt(exchange.project, template)
        return encode(bodies.told(template))

    await once(house, exchange, raw, work)


async def add_version(house: House, exchange: Exchange, prompt_id: str) -> None:
    """`POST /prompts/{prompt_id}`: another version, whole; those before it stay as they are."""
    raw = await exchange.body(house.max_body)

    async def work() -> bytes:
        while True:
            newest = await _found(house, exchange, prompt_id, None)
            template = _made(house, exchange, raw, prompt_id, newest.version + 1)
            if await house.store.keep_prompt(exchange.project, template):  # else somebody was faster
                return encode(bodies.told(template))

    await once(house, exchange, raw, work)


async def retrieve(house: House, exchange: Exchange, prompt_id: str) -> None:
    """`GET /prompts/{prompt_id}`: the newest version, or the one that `version` names."""
    query = Query(exchange.scope["query_string"])
    query.only("version")
    await _answer(exchange, bodies.told(await _found(house, exchange, prompt_id, query.text("version"), "version")))


async def listing(house: House, exchange: Exchange) -> None:
    """`GET /prompts`: the newest version of each, the newest prompt first."""
    found = await house.store.prompts(exchange.project)
    await _answer(exchange, _page([one.id for one in found], found, Query(exchange.scope["query_string"])))


async def versions(house: House, exchange: Exchange, prompt_id: str) -> None:
    """`GET /prompts/{prompt_id}/versions`: the newest first; `after` is a version."""
    found = await house.store.prompt_versions(exchange.project, prompt_id)
    if not found:
        raise _missing(prompt_id)
    names = [str(one.version) for one in found]
    await _answer(exchange, _page(names, found, Query(exchange.scope["query_string"])))


async def delete(house: House, exchange: Exchange, prompt_id: str) -> None:
    """`DELETE /prompts/{prompt_id}`: every version."""
    if not await house.store.forget_prompt(exchange.project, prompt_id):
        raise _missing(prompt_id)
    await _answer(exchange, {"id": prompt_id, "object": "prompt.deleted", "deleted": True})


async def resolved(house: House, exchange: Exchange, raw: bytes) -> bytes:
    """The body of a create request with what its prompt says; the same bytes where it names none, or no legal one.

    Raises `Problem` 404 for a prompt that is not there, 400 for variables that don't fit it.
    """
    if b'prompt"' not in raw and not (b"\\u00" in raw and _ESCAPED.search(raw)):
        return raw  # nearly every one, and nothing was decoded for it
    body = parse(raw)
    whole = await with_prompt(house, exchange, body)
    return raw if whole is body else msgspec.json.encode(whole)


async def with_prompt(house: House, exchange: Exchange, body: JSON) -> JSON:
    """The same of a body that was decoded; itself where it names no prompt, or no legal one."""
    if "prompt" not in exchange.contract.schema["properties"]:
        return body
    try:
        named = msgspec.convert(body.get("prompt") if isinstance(body, dict) else None, Reference)
    except msgspec.ValidationError:
        return body  # none, or one that the contract refuses
    template = await _found(house, exchange, named.id, named.version, "prompt.version")
    whole = filled(template, body, named.variables or {}, most=house.max_body)
    whole["prompt"] = {"id": template.id, "version": str(template.version), "variables": named.variables or {}}
    return whole


def _made(house: House, exchange: Exchange, raw: bytes, prompt_id: str, version: int) -> Template:
    model = next((info.id for info in house.models.list()), "any")
    draft = bodies.read(raw, exchange.contract, model)
    return Template(id=prompt_id, version=version, created_at=now(), name=draft.name, fields=draft.fields)


async def _found(
    house: House, exchange: Exchange, prompt_id: str, version: str | None, param: str | None = None
) -> Template:
    number = None
    if version is not None:
        number = int(version) if version.isascii() and version.isdigit() and len(version) < len(str(MOST)) else 0
    template = await house.store.prompt(exchange.project, prompt_id, number)
    if template is None and number is not None and await house.store.prompt(exchange.project, prompt_id, None):
        message = f"Prompt '{prompt_id[:80]}' has no version '{str(version)[:20]}'."
        raise Problem(404, None, message, param=param)
    if template is None:
        raise _missing(prompt_id, None if param in (None, "version") else "prompt.id")
    return template


def _page(names: list[str], found: Sequence[Template], query: Query) -> JSON:
    query.only("limit", "after")
    limit, after = query.number("limit", 20, 1, 100), query.text("after")
    if after is not None and after not in names:
        raise Problem(400, "invalid_value", f"Invalid 'after': there is no '{after[:64]}' in this list.", param="after")
    start = 0 if after is None else names.index(after) + 1
    page = names[start : start + limit]
    return {
        "object": "list",
        "data": [bodies.told(one) for one in found[start : start + limit]],
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
        "has_more": len(names) > start + limit,
    }


async def _answer(exchange: Exchange, value: JSON) -> None:
    await exchange.answer(200, [JSON_TYPE], encode(value))


def _missing(prompt_id: str, param: str | None = None) -> Problem:
    return Problem(404, None, f"Prompt with id '{prompt_id[:80]}' not found.", param=param)
