import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.models import catalogue
from antiphon.models.pull import fetch
from tests.models import hub as hubs


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """The folder of real models that the tests share and keep: ANTIPHON_TEST_MODELS, else `.models` beside them."""
    return Path(os.environ.get("ANTIPHON_TEST_MODELS") or Path(__file__).parents[2] / ".models")


@pytest.fixture(scope="session")
def small_model(models_folder: Path) -> Path:
    """The checked file of the small model, fetched where it isn't there yet."""
    small = catalogue.find(catalogue.load().small)
    assert small is not None
    return fetch(small, models_folder, lambda _: None)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[hubs.Hub]:
    with hubs.serving(monkeypatch) as hub:
        yield hub
