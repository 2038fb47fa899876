"""The probe: what an upstream is, which models it has, and why it can't be asked.

Knows nothing of requests, nor of what is done with its answer.
"""

from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from antiphon.core.items import JSON
from antiphon.core.servers import HEADER, named
from antiphon.models.http import Http, json_of
from antiphon.models.upstream import Deadlines, Kind, Upstream, UpstreamFault

PROBING = Deadlines(connect=5.0, first=10.0, idle=10.0, total=20.0)
_NO_ROUTE = frozenset({404, 405, 501})


class Listed(Struct, frozen=True):
    """A model as an upstream lists it. `context` is in tokens, 0 where it isn't told."""

    id: str
    created: int = 0
    context: int = 0


class Finding(Struct, frozen=True):
    """What a probe found.

    state
        `ready`; `failing`, which may pass; `unusable`: it has to be set up otherwise.
    detail
        for a person, going on from the upstream's name: `can't be reached: Connection refused`.
    kind
        None where it could not be found out.
    servers
        the ids of the servers that are there, where it is one that tells (`core.servers`).
    """

    state: Literal["ready", "failing", "unusable"]
    detail: str
    kind: Kind | None = None
    models: tuple[Listed, ...] = ()
    servers: tuple[str, ...] = ()


async def probe(upstream: Upstream, http: Http) -> Finding:
    """Ask for its models. One without a list of them is ready all the same: not every server has one."""
    asked = replace(upstream, deadlines=PROBING)
    try:
        answer = await http.get(asked, "models")
        listing = await json_of(asked, answer)
    except UpstreamFault as fault:
        if 400 <= fault.status < 500 and fault.status != 429:  # a key that is refused is a 502 of ours
            return Finding("ready", "has no list of models", upstream.kind)
        detail = fault.message.removeprefix(f"The upstream '{upstream.name}' ").removesuffix(".")
        return Finding("failing" if fault.retryable else "unusable", detail)
    models = listed(listing)
    names = ", ".join(model.id for model in models[:5]) + (", …" if len(models) > 5 else "")
    servers = named(answer.headers.get(HEADER))
    return Finding("ready", f"has {names}" if models else "has no models", upstream.kind, models, servers)


async def kind_of(upstream: Upstream, http: Http) -> Kind:
    """Which of the two it speaks: Chat Completions where it has that route, or neither can be told.

    An empty request is refused by every server, with 404 where there is no such route.
    """
    asked = replace(upstream, deadlines=PROBING)
    chat = await _has(asked, "chat/completions", http)
    return "chat" if chat or not await _has(asked, "responses", http) else "responses"


async def _has(upstream: Upstream, path: str, http: Http) -> bool:
    answer = await http.post(upstream, path, b"{}")
    try:
        return answer.status not in _NO_ROUTE
    finally:
        answer.abort()


def listed(value: JSON) -> tuple[Listed, ...]:
    """The models of a listing, in any of the forms that servers give; what is none is left out."""
    data = value.get("data", value.get("models")) if isinstance(value, dict) else value
    if not isinstance(data, list):
        return ()
    found: dict[str, Listed] = {}
    for one in data:
        name = one.get("id", one.get("name")) if isinstance(one, dict) else one
        if isinstance(name, str) and name and isinstance(one, dict):
            found[name] = Listed(name, _number(one.get("created")), _context(one))
        elif isinstance(name, str) and name:
            found[name] = Listed(name)
    return tuple(found.values())


def points_to(url: str, host: str, port: int) -> bool:
    """Whether an upstream's address is the one that this server listens on."""
    parts = urlsplit(url)
    there = parts.hostname or ""
    if (parts.port or {"http": 80, "https": 443}.get(parts.scheme)) != port:
        return False
    return there == host or (_here(there) and (_here(host)))


def _here(host: str) -> bool:
    """Whether a name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _context(model: dict[str, JSON]) -> int:
    meta = model.get("meta")
    told = [model.get(name) for name in ("max_model_len", "context_length", "context_window")]
    told += [meta.get("n_ctx")] if isinstance(meta, dict) else []
    return next((number for value in told if (number := _number(value))), 0)


def _number(value: JSON) -> int:
    return value if isinstance(value, int) and value > 0 else 0
