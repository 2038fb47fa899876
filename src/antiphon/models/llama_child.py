"""The embedded model's child process: `python -m antiphon.models.llama_child`.

Knows nothing of who asks or why: it does what the frames on its standard input say, answers on its
standard output, and ends when that input does, so that it never outlives its parent.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from antiphon.models import llama_frames as f
from antiphon.models.llama_engine import Engine, Refused

_PDEATHSIG = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
_SIGKILL = 9
_HELD = 0.01
"""Seconds within which pieces go out together."""


class Child:
    """The calls that are under way. `tell` may be used from any thread."""

    def __init__(self, output: int) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._sent = 0.0
        self._cancelled: dict[int, threading.Event] = {}
        self._engine: Engine | None = None
        self._runs = ThreadPoolExecutor(1)
        self._asides = ThreadPoolExecutor(2)

    def tell(self, frame: f.ToParent) -> None:
        """Send a frame, whole, whoever else is sending.

        A piece that comes within `_HELD` of what was sent last goes with the next frame, its own run's end
        at the latest: each write wakes the parent, which takes the core from the engine.
        """
        with self._lock:
            self._unsent += f.framed(frame)
            now = time.monotonic()
            if isinstance(frame, f.ThoughtPiece | f.Piece) and now - self._sent < _HELD:
                return
            self._sent = now
            data, self._unsent = memoryview(bytes(self._unsent)), bytearray()
            while data:
                data = data[os.write(self._output, data) :]

    def obey(self, frame: f.ToChild) -> None:
        """Begin what a frame asks for; nothing here waits for the engine."""
        match frame:
            case f.Load():
                self._runs = ThreadPoolExecutor(frame.slots)
                threading.Thread(target=self._load, args=(frame,), daemon=True).start()
            case f.Run():
                self._cancelled[frame.id] = threading.Event()
                self._runs.submit(self._run, frame)
            case f.Cancel():
                if frame.id in self._cancelled:
                    self._cancelled[frame.id].set()
            case f.Prepare():
                self._asides.submit(self._answer, frame.id, lambda engine: engine.prepare(frame))
            case f.Survey():
                self._asides.submit(self._answer, frame.id, lambda engine: f.Surveyed(frame.id, engine.busy()))

    def _load(self, frame: f.Load) -> None:
        try:
            os.nice(frame.niceness)
            self._engine = Engine(frame, self.tell)
        except Exception as fault:  # noqa: BLE001  # whatever it is, the parent has to be told, and we end
            self.tell(f.Broken(f"{type(fault).__name__}: {fault}"))
            os._exit(1)
        self.tell(self._engine.loaded)

    def _run(self, frame: f.Run) -> None:
        stopped = self._cancelled[frame.id].is_set
        try:
            end = self._loaded().run(frame, stopped, self.tell)
        except Exception as fault:  # noqa: BLE001  # a pool's thread would swallow it, and the parent wait for ever
            end = f.Failed(frame.id, 500, f"{type(fault).__name__}: {fault}")
        finally:
            del self._cancelled[frame.id]
        self.tell(end)

    def _answer(self, call: int, work: Callable[[Engine], f.ToParent]) -> None:
        try:
            answer = work(self._loaded())
        except Refused as fault:
            answer = f.Failed(call, 400, str(fault))
        except Exception as fault:  # noqa: BLE001  # as above
            answer = f.Failed(call, 500, f"{type(fault).__name__}: {fault}")
        self.tell(answer)

    def _loaded(self) -> Engine:
        assert self._engine is not None, "the parent sends calls after Loaded"
        return self._engine


def _die_with_parent() -> None:
    """Have the kernel end us when the parent's thread that made us ends; elsewhere the pipe's end does it."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PDEATHSIG, _SIGKILL)


def _pipes() -> tuple[int, int]:
    """Our two pipes under other numbers; what the engine prints goes to standard error."""
    source, output = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return source, output


def main() -> None:
    """Serve until the parent's end of the pipe closes."""
    _die_with_parent()
    source, output = _pipes()
    child = Child(output)
    frames = f.Frames()
    while data := os.read(source, 1 << 16):
        for frame in frames.feed(data, f.to_child):
            child.obey(frame)
    # The engine's threads don't end by themselves, and have nothing to save.
    os._exit(0)


if __name__ == "__main__":
    main()
