from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon.core.ports import Store
from tests.conformance.engines import ENGINES, started
from tests.store.made import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=list(ENGINES))
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with started(request.param, tmp_path / "data", clock) as engine:
        yield engine
