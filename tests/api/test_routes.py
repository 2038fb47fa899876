"""Routes: what each contract serves is what it describes, and a path belongs to the longest base."""

import json

import pytest
from starlette.routing import compile_path

from antiphon.api.routes import Routes
from antiphon.contract.contract import DEFAULT, load, names
from antiphon.contract.openapi import document
from antiphon.core.problems import Problem

ROUTES = Routes([load("openai"), *(load(name) for name in names() if name != "openai")])


@pytest.mark.parametrize(("name", "base"), [("openai", DEFAULT), *((name, load(name).base) for name in names())])
def test_what_is_served_is_what_is_described(name: str, base: str) -> None:
    described = set()
    for path, entry in json.loads(document(load(name), base))["paths"].items():
        root = entry.get("servers", [{"url": base}])[0]["url"].rstrip("/")
        described |= {(method.upper(), root + path) for method in entry if method in ("get", "post", "delete")}
    served = {
        (method, path.replace("{name:path}", "{model}").replace(":path", ""))
        for method, path, _ in ROUTES.all
        if path.startswith(f"{base}/") or path in ("/healthz", "/readyz", "/metrics")
    }
    assert described == served - {("GET", f"{base}/openapi.json")}


def test_every_path_can_be_matched() -> None:
    assert all(compile_path(path) for _, path, _ in ROUTES.all)
    assert len({(method, path) for method, path, _ in ROUTES.all}) == len(ROUTES.all)


@pytest.mark.parametrize(
    ("path", "name", "inside"),
    [
        ("/v1/responses", "openai", "openai"),
        ("/infercom/v1/responses", "infercom", "infercom"),
        ("/infercom/v1", "infercom", "infercom"),
        ("/infercom/v11", "openai", None),
        ("/nowhere", "openai", None),
        ("/healthz", "openai", None),
    ],
)
def test_a_path_belongs_to_the_contract_whose_base_it_is_below(path: str, name: str, inside: str | None) -> None:
    mount = ROUTES.mount(path)
    assert (mount.contract.name, mount.inside) == (name, inside)


def test_the_default_contract_is_the_first() -> None:
    routes = Routes([load("gateway"), load("openai")])
    assert routes.mount("/v1/models").contract.name == "gateway"
    assert routes.mount("/openai/v1/models").contract.name == "openai"


def test_what_a_contract_lacks_is_not_there() -> None:
    scope = {"type": "http", "method": "GET", "path": "/infercom/v1/responses/resp_1"}
    with pytest.raises(Problem) as found:
        ROUTES.find(scope)
    assert found.value.status == 404
    place, values = ROUTES.find(scope | {"path": "/gateway/v1/responses/resp_1"})
    assert (place.mount.inside, values) == ("gateway", {"response_id": "resp_1"})
