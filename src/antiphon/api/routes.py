"""Routes: what there is at which path, what a key must be good for, and of which feature of a contract it is.

Knows nothing of who asks. The first table stands below the base of every contract that has the feature.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple

from starlette.routing import Match, Route

from antiphon.api import (
    admin,
    admin_keys,
    chat_completions,
    compaction,
    conversations,
    models,
    page,
    prompts,
    responses,
    retrieval,
    status,
    usage,
    websocket,
)
from antiphon.api.exchange import Headed, Scope
from antiphon.api.gate import Need
from antiphon.contract.contract import DEFAULT, Contract
from antiphon.contract.law import Feature
from antiphon.core.problems import Problem

Endpoint = Callable[..., Awaitable[None]]

_ITEMS = "/conversations/{conversation_id}/items"

BELOW: list[tuple[str, str, Need, Feature | None, Endpoint]] = [
    ("POST", "/responses", "responses", None, responses.create),
    ("GET", "/responses", "responses", "websocket", websocket.connect),
    ("POST", "/responses/input_tokens", "responses", "state", responses.input_tokens),
    ("POST", "/responses/compact", "responses", "compaction", compaction.compact),
    ("GET", "/responses/{response_id}", "read", "retrieve", retrieval.retrieve),
    ("DELETE", "/responses/{response_id}", "responses", "retrieve", responses.delete),
    ("POST", "/responses/{response_id}/cancel", "responses", "retrieve", responses.cancel),
    ("GET", "/responses/{response_id}/input_items", "read", "state", retrieval.inputs),
    ("POST", "/conversations", "responses", "conversations", conversations.create),
    ("GET", "/conversations/{conversation_id}", "read", "conversations", conversations.retrieve),
    ("POST", "/conversations/{conversation_id}", "responses", "conversations", conversations.update),
    ("DELETE", "/conversations/{conversation_id}", "responses", "conversations", conversations.delete),
    ("POST", _ITEMS, "responses", "conversations", conversations.add_items),
    ("GET", _ITEMS, "read", "conversations", conversations.list_items),
    ("GET", f"{_ITEMS}/{{item_id}}", "read", "conversations", conversations.one_item),
    ("DELETE", f"{_ITEMS}/{{item_id}}", "responses", "conversations", conversations.delete_item),
    ("POST", "/prompts", "responses", "prompts", prompts.create),
    ("GET", "/prompts", "read", "prompts", prompts.listing),
    ("GET", "/prompts/{prompt_id}", "read", "prompts", prompts.retrieve),
    ("POST", "/prompts/{prompt_id}", "responses", "prompts", prompts.add_version),
    ("DELETE", "/prompts/{prompt_id}", "responses", "prompts", prompts.delete),
    ("GET", "/prompts/{prompt_id}/versions", "read", "prompts", prompts.versions),
    ("POST", "/chat/completions", "responses", "chat", chat_completions.create),
    ("GET", "/models", "read", "models", models.listing),
    ("GET", "/models/{name:path}", "read", "models", models.one),
    ("GET", "/openapi.json", "read", None, status.openapi),
]

_ORGANIZATION = f"{DEFAULT}/organization"
_PROJECT = f"{_ORGANIZATION}/projects/{{project_id}}"

OUTSIDE: list[tuple[str, str, Need, Endpoint]] = [
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
    ("GET", "/docs", "read", page.show),
]


class NotPossible(Headed):
    """405: the path is known, the method is not. `allow` names those that are (RFC 9110 §15.5.6)."""

    def __init__(self, method: str, allowed: set[str]) -> None:
        names = ", ".join(sorted(allowed - {"HEAD"}))
        self.headers = [(b"allow", names.encode())]
        super().__init__(405, "method_not_allowed", f"{method[:20]} is not possible here; {names} is.")


class Mount(NamedTuple):
    """A contract at a base. `inside` is its name, or None for what is of no contract but is told in its shapes."""

    base: str
    contract: Contract
    inside: str | None


class Place(NamedTuple):
    """What stands at a path."""

    mount: Mount
    need: Need
    endpoint: Endpoint


class Routes:
    """The routes of every contract, and those outside of all. The first contract is the server's default."""

    def __init__(self, contracts: Sequence[Contract]) -> None:
        default = contracts[0]
        outside = Mount("", default, None)
        mounts = [Mount(contract.base, contract, contract.name) for contract in contracts]
        mounts.append(Mount(DEFAULT, default, default.name))
        self._mounts = [*sorted(mounts, key=lambda one: -len(one.base)), outside]
        self.all = [*_listed(mounts), *((method, path, Place(outside, need, at)) for method, path, need, at in OUTSIDE)]
        self._exact = {(method, path): place for method, path, place in self.all if "{" not in path}
        self._routes: dict[str, list[tuple[Route, Place]]] = {mount.base: [] for mount in self._mounts}
        for method, path, place in self.all:
            self._routes[self.mount(path).base].append((Route(path, place.endpoint, methods=[method]), place))

    def exact(self, scope: Scope) -> Place | None:
        """What stands at a path that has no names in it."""
        return self._exact.get((scope["method"], scope["path"]))

    def mount(self, path: str) -> Mount:
        """The contract whose base a path is below."""
        return next(one for one in self._mounts if path == one.base or path.startswith(f"{one.base}/"))

    def find(self, scope: Scope) -> tuple[Place, dict[str, Any]]:
        """What stands at a path, and what the path says. Raises `Problem` 404 or 405."""
        allowed: set[str] = set()
        for route, place in self._routes[self.mount(scope["path"]).base]:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return place, child["path_params"]
            if match is Match.PARTIAL:
                allowed |= route.methods or set()
        if allowed:
            raise NotPossible(scope["method"], allowed)
        raise Problem(404, None, f"There is nothing at '{scope['path'][:200]}'.")


def _listed(mounts: Sequence[Mount]) -> Iterator[tuple[str, str, Place]]:
    for mount in mounts:
        for method, path, need, feature, endpoint in BELOW:
            if feature is None or feature in mount.contract.features:
                yield method, mount.base + path, Place(mount, need, endpoint)
