"""The embedded model's child process, supervised: started, heard, and started again when it is lost.

Knows nothing of prompts, of admission, or of what a call's frames mean.
"""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable

import msgspec

from antiphon.core.ports import Readiness, Telemetry
from antiphon.core.problems import Problem
from antiphon.core.signals import ModelChanged
from antiphon.models import llama_frames as f

BACKOFF = (0.1, 30.0)
"""Seconds before the child is started again: after a first loss, and at most. It doubles while loading fails."""

_PATIENCE = 5.0  # seconds that a child has to end by itself


class Lost(msgspec.Struct):
    """Stands where a call's answer should: the child is gone."""


Heard = f.ToParent | Lost


class Call:
    """A call under way: what the child says of it, in order. `ended` is called once, when it has said all."""

    def __init__(self, id: int, ended: Callable[[], None]) -> None:
        self.id = id
        self.ended = ended
        self.heard: asyncio.Queue[Heard] = asyncio.Queue()


class LlamaProcess:
    """A child that is always to be there.

    load
        what the child is told to load; its measured batch is kept for the next child.
    load_seconds
        how long `ready` waits.
    """

    def __init__(self, name: str, load: f.Load, load_seconds: float, telemetry: Telemetry) -> None:
        self._name = name
        self._load = load
        self._load_seconds = load_seconds
        self._telemetry = telemetry
        self._calls: dict[int, Call] = {}
        self._count = 0
        self._settled = asyncio.Event()
        self._detail = "not started"
        self._began = 0.0
        self._loaded: f.Loaded | None = None
        self._broken = False
        self._process: asyncio.subprocess.Process | None = None
        self._life: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def loaded(self) -> f.Loaded | None:
        """What the child said when it had loaded; None while there is none that has."""
        return self._loaded

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is none."""
        return self._process.pid if self._process is not None else None

    def readiness(self) -> Readiness:
        """Whether calls are answered now; else how far it is."""
        if self._loaded is not None:
            return Readiness(ready=True, detail=self._detail)
        if self._broken or self._process is None:
            return Readiness(ready=False, detail=self._detail)
        seconds = asyncio.get_running_loop().time() - self._began
        return Readiness(ready=False, detail=f"{self._detail} ({seconds:.0f} s so far)")

    async def start(self) -> None:
        """Begin to load, in the background."""
        self._stopping = False
        if self._life is None:
            self._life = asyncio.get_running_loop().create_task(self._live())

    async def stop(self) -> None:
        """End the child; calls under way end with `Lost`."""
        self._stopping = True
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
            self._life = None
        self._detail = "stopped"
        self._broken = True
        self._settled.set()

    async def ready(self) -> f.Loaded:
        """Wait until calls are answered. Raises `Problem` 503 where that takes too long or can't be."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), self._load_seconds)
        if self._loaded is None:
            message = f"The model '{self._name}' is not ready: {self.readiness().detail}."
            raise Problem(503, "model_loading", message, retry_after=30 if self._broken else 5)
        return self._loaded

    def call(self, make: Callable[[int], f.ToChild], ended: Callable[[], None] = lambda: None) -> Call:
        """Send a frame that is answered; `make` gives it the call's id. Where there is no child, it is lost."""
        self._count += 1
        call = Call(self._count, ended)
        self._calls[call.id] = call
        if self._loaded is None:
            self._end(call.id, Lost())
        else:
            self._send(make(call.id))
        return call

    def cancel(self, call: Call) -> None:
        """Have a run stopped; it ends by itself soon after."""
        if call.id in self._calls:
            self._send(f.Cancel(call.id))

    def _send(self, frame: f.ToChild) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(f.framed(frame))

    async def _live(self) -> None:
        """Child after child, until cancelled."""
        wait, longest = BACKOFF
        pause = wait
        while True:
            self._began = asyncio.get_running_loop().time()
            reached = False
            try:
                reached = await self._one_life()
            except (OSError, msgspec.DecodeError) as fault:
                self._tell("failed", f"its process can't be run or heard: {fault}")
            pause = wait if reached else min(pause * 2, longest)
            await asyncio.sleep(pause)

    async def _one_life(self) -> bool:
        """A child from its start to its end; whether it came as far as being loaded."""
        self._tell("loading", "starting its process")
        command = (sys.executable, "-P", "-m", "antiphon.models.llama_child")
        pipe = asyncio.subprocess.PIPE
        # A session of its own: Ctrl-C in a terminal is for the parent, which lets running answers end.
        self._process = process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        assert process.stdout is not None
        assert process.stderr is not None
        wrote: deque[str] = deque(maxlen=8)
        stderr = asyncio.get_running_loop().create_task(self._overhear(process.stderr, wrote))
        try:
            self._send(self._load)
            await self._hear(process.stdout)
            await stderr
            return self._loaded is not None
        finally:
            stderr.cancel()
            await self._bury(process)
            self._lost(process.returncode, wrote)

    async def _overhear(self, stderr: asyncio.StreamReader, wrote: deque[str]) -> None:
        """Keep what the child writes while it loads; later it could be of somebody's prompt."""
        while line := await stderr.readline():
            if self._loaded is None:
                wrote.append(line.decode(errors="replace").strip())

    async def _hear(self, stdout: asyncio.StreamReader) -> None:
        frames = f.Frames()
        while data := await stdout.read(1 << 16):
            for frame in frames.feed(data, f.to_parent):
                self._take(frame)

    def _take(self, frame: f.ToParent) -> None:
        match frame:
            case f.ThoughtPiece() | f.Piece():
                if call := self._calls.get(frame.id):
                    call.heard.put_nowait(frame)
            case f.Done() | f.Failed() | f.Prepared() | f.Surveyed():
                self._end(frame.id, frame)
            case f.Loading(detail=detail):
                self._detail = detail
            case f.Loaded():
                self._loaded, self._broken = frame, False
                self._load = msgspec.structs.replace(self._load, batch=frame.batch)
                pace = f"{frame.speed:.0f} tokens a second in batches of {frame.batch}"
                self._tell("ready", f"loaded in {frame.seconds:.1f} s; reads {pace}")
                self._settled.set()
            case f.Broken(message=message):
                self._broken = True
                self._detail = message

    def _end(self, id: int, frame: Heard) -> None:
        call = self._calls.pop(id, None)
        if call is not None:
            call.heard.put_nowait(frame)
            call.ended()

    async def _bury(self, process: asyncio.subprocess.Process) -> None:
        """See to it that the child is gone: it ends when its input does."""
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _lost(self, code: int | None, wrote: deque[str]) -> None:
        """The child is gone: every call of it ends, and later ones wait for the next child."""
        reached = self._loaded is not None
        self._loaded = None
        self._process = None
        if self._stopping:
            self._detail = "stopped"
        elif reached:
            self._settled.clear()
            self._tell("lost", f"its process ended with code {code}; it is started again")
        else:
            self._broken = True
            said = self._detail if not wrote else f"{self._detail}; {wrote[-1]}"
            self._tell("failed", f"{said} (code {code}); it is tried again")
            self._settled.set()
        for number in list(self._calls):
            self._end(number, Lost())

    def _tell(self, state: str, detail: str) -> None:
        self._detail = detail
        self._telemetry(ModelChanged(self._name, state, detail))
