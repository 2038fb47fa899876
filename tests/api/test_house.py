"""The house: every reading has the server's own heartbeat."""

import pytest

from antiphon.api.sse import Projection
from antiphon.contract.contract import load
from tests.asgi import rooms


@pytest.mark.parametrize("heartbeat", [0.5, 15.0])
def test_a_reading_beats_as_the_settings_say(heartbeat: float) -> None:
    house = rooms(heartbeat=heartbeat).door._house  # noqa: SLF001  it is what is tested
    reading = house.reading([(b"a", b"b")], Projection(load("openai"), obfuscated=True))
    assert (reading.heartbeat, reading.head, reading.projection.obfuscated) == (heartbeat, [(b"a", b"b")], True)
