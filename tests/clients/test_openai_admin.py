"""OpenAI's own client at the administration: projects, limits, usage and costs, as its types have them."""

import time
from collections.abc import Iterator

import openai
import pytest

from tests.asking import JSON_TYPE, ask
from tests.served import Server, serving

ADMIN = "the-key-of-the-settings"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving("scripted", tmp_path_factory.mktemp("admin"), "--admin-key", ADMIN) as server:
        yield server


@pytest.fixture
def client(keyed: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=keyed.url, api_key="unused", admin_api_key=ADMIN, max_retries=0) as client:
        yield client


def test_a_project_its_keys_and_what_they_used(keyed: Server, client: openai.OpenAI) -> None:
    organization = client.admin.organization
    project = organization.projects.create(name="ducks")
    assert (project.object, project.status, project.name) == ("organization.project", "active", "ducks")
    assert organization.projects.update(project.id, name="geese").name == "geese"
    assert project.id in [one.id for one in organization.projects.list(limit=1)]

    path = f"/v1/organization/projects/{project.id}/api_keys"
    made = ask(keyed, "POST", path, b'{"name": "k"}', JSON_TYPE | {"Authorization": f"Bearer {ADMIN}"}).json()
    (key,) = organization.projects.api_keys.list(project.id)
    assert (key.id, key.redacted_value) == (made["id"], made["redacted_value"])
    assert organization.projects.api_keys.retrieve(key.id, project_id=project.id).name == "k"

    with openai.OpenAI(base_url=keyed.url, api_key=made["value"], max_retries=0) as user:
        usage = user.responses.create(model="scripted", input="three words back").usage
        limit = organization.projects.rate_limits.update_rate_limit(
            "rl-scripted", project_id=project.id, max_requests_per_1_minute=1
        )
        assert (limit.model, limit.max_requests_per_1_minute) == ("scripted", 1)
        user.responses.create(model="scripted", input="the last one")
        with pytest.raises(openai.RateLimitError) as limited:
            user.responses.create(model="scripted", input="too many")
        assert limited.value.code == "rate_limit_exceeded"
        with pytest.raises(openai.PermissionDeniedError):
            client.with_options(admin_api_key=made["value"]).admin.organization.projects.list()

        start = int(time.time()) - 60
        buckets = organization.usage.completions(start_time=start, project_ids=[project.id], group_by=["model"]).data
        (result,) = [one for bucket in buckets for one in bucket.results]
        assert (result.model, result.num_model_requests) == ("scripted", 2)  # type: ignore[union-attr]  # of completions
        assert usage is not None
        assert result.input_tokens >= usage.input_tokens  # type: ignore[union-attr]  # as above
        assert organization.usage.costs(start_time=start).object == "page"

        deleted = organization.projects.api_keys.delete(key.id, project_id=project.id)
        assert deleted.deleted
        with pytest.raises(openai.AuthenticationError):
            user.models.list()
    assert organization.projects.archive(project.id).status == "archived"
