"""One call, every listener."""

from antiphon.core.signals import Note, Signal
from antiphon.observe.telemetry import Fanout


def test_every_listener_hears_every_signal_in_turn() -> None:
    heard: list[tuple[str, Signal]] = []
    fanout = Fanout([lambda signal: heard.append(("a", signal)), lambda signal: heard.append(("b", signal))])
    one, two = Note("one"), Note("two")
    fanout(one)
    fanout(two)
    assert heard == [("a", one), ("b", one), ("a", two), ("b", two)]
    Fanout([])(one)
