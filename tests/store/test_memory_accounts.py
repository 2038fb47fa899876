import pytest

from antiphon.store.memory_accounts import MemoryRoster
from tests.store.accounts import a_project

pytestmark = pytest.mark.anyio


async def test_what_is_kept_is_a_value_of_its_own() -> None:
    roster = MemoryRoster(lambda: 7.9)
    project = a_project()
    await roster.keep_project(project)
    project.models["m"] = project.limits
    default, kept = (await roster.roll()).projects
    assert (default.name, default.created_at) == ("default", 7)
    assert kept.models == {}
