"""Telemetry: hands every signal to whoever listens.

Knows nothing of what a listener does with it.
"""

from collections.abc import Callable, Sequence

from antiphon.core.signals import Signal

Listener = Callable[[Signal], None]


class Fanout:
    """Satisfies the `Telemetry` port."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def __call__(self, signal: Signal) -> None:
        """Give the signal to each listener in turn."""
        for listener in self._listeners:
            listener(signal)
