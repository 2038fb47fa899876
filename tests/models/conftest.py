from collections.abc import Iterator

import pytest

from tests.models import hub as hubs


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[hubs.Hub]:
    with hubs.serving(monkeypatch) as hub:
        yield hub
