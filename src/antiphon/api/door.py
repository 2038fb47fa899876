"""The door: every request comes in here, and every refusal goes out here (DESIGN §3, §9).

Knows nothing of what a route does. Plain ASGI, so that nothing wraps the body of a stream;
Starlette matches the paths.
"""

import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.routing import Match, Route

from antiphon.api import admin, admin_keys, conversations, limits, models, responses, retrieval, status, usage
from antiphon.api.exchange import Exchange, Header, Receive, Scope, Send
from antiphon.api.gate import Need
from antiphon.api.house import House
from antiphon.core.problems import Problem
from antiphon.core.signals import Fault, RequestEnded

Endpoint = Callable[..., Awaitable[None]]

_ORGANIZATION = "/v1/organization"
_PROJECT = f"{_ORGANIZATION}/projects/{{project_id}}"

ROUTES: list[tuple[str, str, Need, Endpoint]] = [
    ("POST", "/v1/responses", "responses", responses.create),
    ("POST", "/v1/responses/input_tokens", "responses", responses.input_tokens),
    ("GET", "/v1/responses/{response_id}", "read", retrieval.retrieve),
    ("DELETE", "/v1/responses/{response_id}", "responses", responses.delete),
    ("POST", "/v1/responses/{response_id}/cancel", "responses", responses.cancel),
    ("GET", "/v1/responses/{response_id}/input_items", "read", retrieval.inputs),
    ("POST", "/v1/conversations", "responses", conversations.create),
    ("GET", "/v1/conversations/{conversation_id}", "read", conversations.retrieve),
    ("POST", "/v1/conversations/{conversation_id}", "responses", conversations.update),
    ("DELETE", "/v1/conversations/{conversation_id}", "responses", conversations.delete),
    ("POST", "/v1/conversations/{conversation_id}/items", "responses", conversations.add_items),
    ("GET", "/v1/conversations/{conversation_id}/items", "read", conversations.list_items),
    ("GET", "/v1/conversations/{conversation_id}/items/{item_id}", "read", conversations.one_item),
    ("DELETE", "/v1/conversations/{conversation_id}/items/{item_id}", "responses", conversations.delete_item),
    ("GET", "/v1/models", "read", models.listing),
    ("GET", "/v1/models/{name:path}", "read", models.one),
    ("GET", f"{_ORGANIZATION}/projects", "admin", admin.list_projects),
    ("POST", f"{_ORGANIZATION}/projects", "admin", admin.create_project),
    ("GET", _PROJECT, "admin", admin.retrieve_project),
    ("POST", _PROJECT, "admin", admin.update_project),
    ("POST", f"{_PROJECT}/archive", "admin", admin.archive_project),
    ("GET", f"{_PROJECT}/api_keys", "admin", admin_keys.list_keys),
    ("POST", f"{_PROJECT}/api_keys", "admin", admin_keys.create_key),
    ("GET", f"{_PROJECT}/api_keys/{{key_id}}", "admin", admin_keys.retrieve_key),
    ("POST", f"{_PROJECT}/api_keys/{{key_id}}", "admin", admin_keys.update_key),
    ("DELETE", f"{_PROJECT}/api_keys/{{key_id}}", "admin", admin_keys.revoke_key),
    ("POST", f"{_PROJECT}/api_keys/{{key_id}}/rotate", "admin", admin_keys.rotate_key),
    ("GET", f"{_PROJECT}/rate_limits", "admin", admin.list_rate_limits),
    ("POST", f"{_PROJECT}/rate_limits/{{rate_limit_id:path}}", "admin", admin.update_rate_limit),
    ("GET", f"{_ORGANIZATION}/usage/completions", "admin", usage.completions),
    ("GET", f"{_ORGANIZATION}/costs", "admin", usage.costs),
    ("GET", "/healthz", "open", status.health),
    ("GET", "/readyz", "open", status.ready),
    ("GET", "/metrics", "admin", status.metrics),
    ("GET", "/openapi.json", "read", status.openapi),
    ("GET", "/v1/openapi.json", "read", status.openapi),
]


class NotPossible(Problem):
    """405: the path is known, the method is not. `allowed` names those that are (RFC 9110 §15.5.6)."""

    def __init__(self, method: str, allowed: set[str]) -> None:
        self.allowed = ", ".join(sorted(allowed - {"HEAD"}))
        super().__init__(405, "method_not_allowed", f"{method[:20]} is not possible here; {self.allowed} is.")


class Door:
    """The ASGI application. `opening` and `closing` are awaited with the server's own life."""

    def __init__(
        self, house: House, *, opening: Callable[[], Awaitable[None]], closing: Callable[[], Awaitable[None]]
    ) -> None:
        self._house = house
        self._base = f"{house.contract.base}/"
        self._opening = opening
        self._closing = closing
        self._exact = {(method, path): (need, endpoint) for method, path, need, endpoint in ROUTES if "{" not in path}
        self._routes = [(Route(path, endpoint, methods=[method]), need) for method, path, need, endpoint in ROUTES]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(Exchange(scope, receive, send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, exchange: Exchange) -> None:
        code: str | None = None
        try:
            self._house.gate.screen(exchange)
            if exchange.scope["method"] == "OPTIONS" and exchange.origin is not None:
                await exchange.answer(204, _PREFLIGHT, b"")
                return
            need, endpoint, values = self._find(exchange.scope)
            await self._house.gate.admit(exchange, need, self._contract(exchange, need))
            if need != "open":
                await limits.tell(self._house, exchange)
            await endpoint(self._house, exchange, **values)
        except Problem as problem:
            code = problem.code or str(problem.status)
            await self._refuse(exchange, problem)
        except Exception as fault:  # noqa: BLE001  whatever it is, it is told, and the client gets an answer
            code = "server_error"
            self._report(exchange, fault)
            await self._refuse(exchange, Problem(500, "server_error", "The server met a fault; it has been logged."))
        finally:
            self._house.telemetry(_ended(exchange, code))

    def _contract(self, exchange: Exchange, need: Need) -> str | None:
        """The name of the contract that is asked through. The administration, and what is no API, is of none."""
        inside = need != "admin" and exchange.scope["path"].startswith(self._base)
        return self._house.contract.name if inside else None

    def _find(self, scope: Scope) -> tuple[Need, Endpoint, dict[str, Any]]:
        """What a path needs, its endpoint, and what the path says. Raises `Problem` 404 or 405."""
        found = self._exact.get((scope["method"], scope["path"]))
        if found is not None:
            return *found, {}
        allowed: set[str] = set()
        for route, need in self._routes:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return need, route.endpoint, child["path_params"]
            if match is Match.PARTIAL:
                allowed |= route.methods or set()
        if allowed:
            raise NotPossible(scope["method"], allowed)
        raise Problem(404, None, f"There is nothing at '{scope['path'][:200]}'.")

    async def _refuse(self, exchange: Exchange, problem: Problem) -> None:
        if exchange.begun or problem.status == 499:
            return
        status, headers, body = self._house.contract.error(problem)
        if isinstance(problem, NotPossible):
            headers = [*headers, (b"allow", problem.allowed.encode())]
        await exchange.answer(status, headers, body)

    def _report(self, exchange: Exchange, fault: Exception) -> None:
        trace = "".join(traceback.format_tb(fault.__traceback__))
        self._house.telemetry(Fault("api.door", type(fault).__name__, trace, exchange.id))

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._opening()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._closing()
        await send({"type": "lifespan.shutdown.complete"})


_PREFLIGHT: list[Header] = [
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"*, Authorization"),
    (b"access-control-max-age", b"600"),
]


def _ended(exchange: Exchange, code: str | None) -> RequestEnded:
    return RequestEnded(
        request_id=exchange.id,
        method=exchange.scope["method"],
        path=exchange.scope["path"],
        status=exchange.status or 499,
        seconds=time.perf_counter() - exchange.started,
        code=code,
    )
