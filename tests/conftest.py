"""What tests share: the asyncio backend, a patient hypothesis, and the real server as a process."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from antiphon.models import catalogue
from antiphon.models.pull import fetch
from antiphon.settings import data_folder
from tests.served import Server, running, serving

settings.register_profile(
    "antiphon",
    deadline=None,  # how long an example takes is not what a test here asserts
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("antiphon")

SERVERS = ("server", "lasting_server", "small_server")
REAL = {"small_model", "small_server", "default_models"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the streams of tests/wire anew, then look at the diff"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that run a real model: of two processes, none has the longest files left at the end."""
    slow = {item.path for item in items if isinstance(item, pytest.Function) and REAL & set(item.fixturenames)}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what a server wrote beside the failure of a test that used it."""
    report = yield
    if report.failed:
        for name in SERVERS:
            server = getattr(item, "funcargs", {}).get(name)
            if isinstance(server, Server):
                report.sections.append((f"what {name} wrote last", server.wrote()[-4000:]))
    return report


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real server over the scripted model, in a process of its own, for all tests."""
    with serving("scripted", tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def lasting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As `server`, but one that keeps what it is told on disk."""
    with running("scripted", tmp_path_factory.mktemp("lasting_server")) as (server, _):
        yield server


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """The folder of real models that the tests share and keep: ANTIPHON_TEST_MODELS, else `.models` beside them."""
    return Path(os.environ.get("ANTIPHON_TEST_MODELS") or Path(__file__).parents[1] / ".models")


@pytest.fixture(scope="session")
def default_models(models_folder: Path) -> Path:
    """The folder that has the default model, which is not fetched for a test."""
    for folder in (models_folder, catalogue.folder(data_folder())):
        if catalogue.locate(catalogue.load().default, folder) is not None:
            return folder.resolve()
    pytest.skip("the default model has not been fetched; `make soak` fetches it")


@pytest.fixture(scope="session")
def small_model(models_folder: Path) -> Path:
    """The checked file of the small model, fetched where it isn't there yet."""
    small = catalogue.find(catalogue.load().small)
    assert small is not None
    models_folder.mkdir(parents=True, exist_ok=True)
    with (models_folder / "tests.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # the tests run in two processes, and one of them fetches
        return fetch(small, models_folder, lambda _progress: None)


@pytest.fixture(scope="session")
def small_server(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Iterator[Server]:
    """The real server over the small model, in a process of its own, for all tests."""
    data = tmp_path_factory.mktemp("small_server")
    (data / "models").symlink_to(small_model.parent.resolve(), target_is_directory=True)
    with serving(catalogue.load().small, data) as server:
        yield server
