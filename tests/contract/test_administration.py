"""The bodies of the administration endpoints, or a 400 with its path; and the objects that are told."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from antiphon.contract import administration as bodies
from antiphon.core.accounts import Budget, Key, Limits, Project
from antiphon.core.problems import Problem

KEY = Key(id="key_1", digest=b"digest", shown="sk-12345…", name="k", project="proj_1", created_at=1)


def read(reader: Callable[[bytes], Any], body: Any) -> Any:
    return reader(json.dumps(body).encode())


def test_a_project() -> None:
    body = read(bodies.create_project, {"name": "a", "limits": {"tokens_per_minute": 5}, "budget": {"hard": 2}})
    assert (body.name, body.limits, body.budget) == ("a", Limits(tokens_per_minute=5), Budget(hard=2.0))
    assert body.contract is UNSET
    assert body.log_content is UNSET
    assert read(bodies.update_project, {"contract": None}).contract is None
    assert read(bodies.update_project, {"contract": "openai", "limits": None}).contract == "openai"
    assert read(bodies.update_project, {"limits": {"requests_per_day": 7.0}}).limits == Limits(requests_per_day=7)


def test_a_key_and_a_rate_limit() -> None:
    body = read(bodies.create_key, {"name": "a", "scope": "read", "projects": ["b"], "expires_at": None})
    assert (body.scope, body.projects, body.expires_at) == ("read", ("b",), None)
    limit = read(bodies.update_rate_limit, {"max_requests_per_1_minute": 5, "max_requests_per_1_day": None})
    assert (limit.requests_per_minute, limit.requests_per_day, limit.tokens_per_minute) == (5, None, UNSET)


@pytest.mark.parametrize(
    ("reader", "body", "code", "param"),
    [
        (bodies.create_project, {}, "missing_required_parameter", "name"),
        (bodies.create_project, {"name": ""}, "empty_string", "name"),
        (bodies.create_project, {"name": "a", "limit": {}}, "unknown_parameter", "limit"),
        (bodies.update_project, {"limits": {"per_hour": 1}}, "unknown_parameter", "limits.per_hour"),
        (bodies.update_project, {"budget": {"soft": -1}}, "decimal_below_min_value", "budget.soft"),
        (bodies.update_project, {"log_content": "yes"}, "invalid_type", "log_content"),
        (bodies.update_project, [], "invalid_type", None),
        (bodies.create_key, {"name": "a", "scope": "all"}, "invalid_value", "scope"),
        (bodies.create_key, {"name": "a", "projects": "b"}, "invalid_type", "projects"),
        (bodies.update_key, {"expires_at": -1}, "integer_below_min_value", "expires_at"),
        (bodies.update_rate_limit, {"max_images_per_1_minute": 1}, "unknown_parameter", "max_images_per_1_minute"),
        (bodies.update_rate_limit, {"max_requests_per_1_day": 0.5}, "invalid_type", "max_requests_per_1_day"),
    ],
)
def test_bad_bodies(reader: Callable[[bytes], Any], body: Any, code: str, param: str | None) -> None:
    with pytest.raises(Problem) as found:
        read(reader, body)
    assert (found.value.status, found.value.code, found.value.param) == (400, code, param)


def test_a_key_is_told_without_its_digest_and_its_text_only_when_made() -> None:
    told = msgspec.json.decode(msgspec.json.encode(bodies.key_object(KEY, 5)))
    assert "value" not in told
    assert "digest" not in str(told)
    assert (told["redacted_value"], told["owner_project_access"]) == ("sk-12345…", "active")
    assert msgspec.to_builtins(bodies.key_object(KEY, 5, "sk-text"))["value"] == "sk-text"


@pytest.mark.parametrize(
    ("field", "active"), [({"revoked_at": 3}, False), ({"expires_at": 5}, False), ({"expires_at": 6}, True)]
)
def test_whether_a_key_is_good(field: dict[str, int], active: bool) -> None:  # noqa: FBT001  a row
    told = bodies.key_object(msgspec.structs.replace(KEY, **field), 5)
    assert told.owner_project_access == ("active" if active else "inactive")


def test_a_project_and_a_rate_limit_are_told() -> None:
    project = Project(id="proj_1", name="a", created_at=1, archived_at=2, budget=Budget(soft=1.5))
    told = msgspec.to_builtins(bodies.project_object(project))
    assert (told["status"], told["budget"]) == ("archived", {"soft": 1.5, "hard": None})
    limit = bodies.rate_limit_object("m", Limits(requests_per_minute=3))
    assert (limit.id, limit.max_requests_per_1_minute, limit.max_tokens_per_1_minute) == ("rl-m", 3, None)
