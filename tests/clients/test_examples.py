"""The programs in `examples/`, run as a reader would, against the real default model where it has been fetched."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.models import catalogue
from tests.served import Server, serving

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def default_server(tmp_path_factory: pytest.TempPathFactory, default_models: Path) -> Iterator[Server]:
    """The real server over the default model, where that has been fetched."""
    data = tmp_path_factory.mktemp("default_server")
    (data / "models").symlink_to(default_models, target_is_directory=True)
    with serving(catalogue.load().default, data) as server:
        yield server


@pytest.mark.default_model
def test_the_weather(default_server: Server) -> None:
    """Two round trips and a schema: the call, the text that uses its result, a value of a class."""
    command = [sys.executable, str(EXAMPLES / "weather.py"), default_server.url, default_server.model]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    call, text, person = ran.stdout.splitlines()
    assert call == 'get_weather({"city": "Berlin"})'
    assert "18" in text and "Berlin" in text
    assert person == "name='Ada Lovelace' age=36"
