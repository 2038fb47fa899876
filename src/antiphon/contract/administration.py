"""Administration: the bodies of its endpoints, read, and the objects that it tells, after OpenAI's administration API.

Knows nothing of where keys and projects are kept. Their form is the same under every contract.
"""

from functools import cache
from typing import Literal, TypeVar

import msgspec
from jsonschema_rs import Draft202012Validator
from msgspec import UNSET, Struct, UnsetType, field

from antiphon.contract.decode import parse
from antiphon.contract.faults import refused
from antiphon.contract.schemas import read_schema
from antiphon.core.accounts import Budget, Key, Limits, Project, Scope
from antiphon.core.items import JSON

T = TypeVar("T")

RATE_LIMIT = "rl-"
"""What stands before a model's name in the id of its rate limit."""


class ProjectBody(Struct, frozen=True, kw_only=True):
    """A project to be made or changed; what is `UNSET` stays as it is."""

    name: str | UnsetType = UNSET
    contract: str | UnsetType | None = UNSET
    limits: Limits | UnsetType | None = UNSET
    budget: Budget | UnsetType | None = UNSET
    log_content: bool | UnsetType = UNSET


class KeyBody(Struct, frozen=True, kw_only=True):
    """A key to be made or changed; what is `UNSET` stays as it is. `expires_at` is unix seconds."""

    name: str | UnsetType = UNSET
    scope: Scope | UnsetType = UNSET
    expires_at: int | UnsetType | None = UNSET
    projects: tuple[str, ...] | UnsetType | None = UNSET
    limits: Limits | UnsetType | None = UNSET


class RateLimitBody(Struct, frozen=True, kw_only=True):
    """A model's limits within a project, to be changed; what is `UNSET` stays as it is."""

    requests_per_minute: int | UnsetType | None = field(default=UNSET, name="max_requests_per_1_minute")
    requests_per_day: int | UnsetType | None = field(default=UNSET, name="max_requests_per_1_day")
    tokens_per_minute: int | UnsetType | None = field(default=UNSET, name="max_tokens_per_1_minute")
    concurrent_runs: int | UnsetType | None = field(default=UNSET, name="max_concurrent_runs")


class ProjectObject(Struct, frozen=True, kw_only=True):
    """A project as it is told."""

    id: str
    object: Literal["organization.project"] = "organization.project"
    name: str
    created_at: int
    archived_at: int | None
    status: Literal["active", "archived"]
    contract: str | None
    limits: Limits
    budget: Budget
    log_content: bool


class KeyObject(Struct, frozen=True, kw_only=True):
    """A key as it is told. `value` is its text, in the answer to its making alone; owners there are none."""

    id: str
    object: Literal["organization.project.api_key"] = "organization.project.api_key"
    name: str
    redacted_value: str
    value: str | UnsetType = UNSET
    created_at: int
    last_used_at: int | None
    expires_at: int | None
    revoked_at: int | None
    scope: Scope
    project_id: str
    projects: tuple[str, ...]
    limits: Limits
    owner: dict[str, JSON] = {}
    owner_project_access: Literal["active", "inactive"]


class RateLimitObject(Struct, frozen=True, kw_only=True):
    """A model's limits within a project, as they are told."""

    id: str
    object: Literal["project.rate_limit"] = "project.rate_limit"
    model: str
    max_requests_per_1_minute: int | None
    max_requests_per_1_day: int | None
    max_tokens_per_1_minute: int | None
    max_concurrent_runs: int | None


class Amount(Struct, frozen=True):
    """A sum of money, in the currency of the configured prices, which nobody names."""

    value: float
    currency: None = None


class UsageResult(Struct, frozen=True, kw_only=True, tag_field="object", tag="organization.usage.completions.result"):
    """What one group used in one bucket; a name that is not grouped by is null."""

    input_tokens: int
    input_cached_tokens: int
    output_tokens: int
    output_reasoning_tokens: int
    num_model_requests: int
    num_estimated_requests: int
    project_id: str | None = None
    api_key_id: str | None = None
    model: str | None = None


class CostResult(Struct, frozen=True, kw_only=True, tag_field="object", tag="organization.costs.result"):
    """What one group cost in one bucket; a name that is not grouped by is null."""

    amount: Amount
    line_item: str | None = None
    project_id: str | None = None
    api_key_id: str | None = None


class Bucket(Struct, frozen=True, kw_only=True):
    """A span of time, from `start_time` to before `end_time` (unix seconds), and what was used in it."""

    object: Literal["bucket"] = "bucket"
    start_time: int
    end_time: int
    results: list[UsageResult | CostResult]


class Buckets(Struct, frozen=True, kw_only=True):
    """A page of buckets; `next_page` goes on behind it."""

    object: Literal["page"] = "page"
    data: list[Bucket]
    has_more: bool
    next_page: str | None


def create_project(body: bytes) -> ProjectBody:
    """The body of `POST /organization/projects`. Raises `Problem` 400."""
    return _read("create_project", body, ProjectBody)


def update_project(body: bytes) -> ProjectBody:
    """The body of `POST /organization/projects/{id}`. Raises `Problem` 400."""
    return _read("update_project", body, ProjectBody)


def create_key(body: bytes) -> KeyBody:
    """The body of `POST …/api_keys`. Raises `Problem` 400."""
    return _read("create_key", body, KeyBody)


def update_key(body: bytes) -> KeyBody:
    """The body of `POST …/api_keys/{key_id}`. Raises `Problem` 400."""
    return _read("update_key", body, KeyBody)


def update_rate_limit(body: bytes) -> RateLimitBody:
    """The body of `POST …/rate_limits/{rate_limit_id}`. Raises `Problem` 400."""
    return _read("update_rate_limit", body, RateLimitBody)


def project_object(project: Project) -> ProjectObject:
    """The project as it is told."""
    return ProjectObject(
        id=project.id,
        name=project.name,
        created_at=project.created_at,
        archived_at=project.archived_at,
        status="active" if project.archived_at is None else "archived",
        contract=project.contract,
        limits=project.limits,
        budget=project.budget,
        log_content=project.log_content,
    )


def key_object(key: Key, now: float, value: str | UnsetType = UNSET) -> KeyObject:
    """The key as it is told; `value` is its text, where it was made just now."""
    good = key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
    return KeyObject(
        id=key.id,
        name=key.name,
        redacted_value=key.shown,
        value=value,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        scope=key.scope,
        project_id=key.project,
        projects=key.projects,
        limits=key.limits,
        owner_project_access="active" if good else "inactive",
    )


def rate_limit_object(model: str, limits: Limits) -> RateLimitObject:
    """A model's limits as they are told."""
    return RateLimitObject(
        id=RATE_LIMIT + model,
        model=model,
        max_requests_per_1_minute=limits.requests_per_minute,
        max_requests_per_1_day=limits.requests_per_day,
        max_tokens_per_1_minute=limits.tokens_per_minute,
        max_concurrent_runs=limits.concurrent_runs,
    )


def _read(kind: str, body: bytes, struct: type[T]) -> T:
    value = parse(body)
    schema, validator = _compiled(kind)
    if not validator.is_valid(value):
        raise refused(validator, value, schema)
    return msgspec.convert(value, struct, strict=False)


@cache
def _compiled(kind: str) -> tuple[dict[str, JSON], Draft202012Validator]:
    schema = read_schema(["administration.json"])
    schema["$ref"] = f"#/$defs/{kind}"
    return schema, Draft202012Validator(schema, mask="a value")
