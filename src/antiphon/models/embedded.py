"""The embedded model as it is asked for: found or pulled, then run.

Knows nothing of how a file is fetched (`pull`) or how the engine is driven (`llama`).
"""

import asyncio
from pathlib import Path

from msgspec import Struct

from antiphon.core.ports import ModelInfo, Readiness, Telemetry, Turn
from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt
from antiphon.core.request import Request
from antiphon.core.signals import ModelChanged
from antiphon.models import catalogue, pull
from antiphon.models.llama import LlamaModel
from antiphon.models.llama_options import LlamaOptions


class Found(Struct, frozen=True):
    """A model's file, and the name under which it is served."""

    name: str
    path: Path


class Embedded:
    """Satisfies the `Served` port. Requests that come before the model is there get a 503 that says how far it is.

    asked
        a catalogue name, `hf:ORG/REPO:FILE`, a path to a GGUF file, or None for the catalogue's default.
    folder
        where models are kept.
    """

    continues = True
    sees = False

    def __init__(self, asked: str | None, folder: Path, options: LlamaOptions, telemetry: Telemetry) -> None:
        self._asked = asked or catalogue.load().default
        self._folder = folder
        self._options = options
        self._telemetry = telemetry
        self._llama: LlamaModel | None = None
        self._detail = "looking for the model"
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._told = ""

    def info(self) -> ModelInfo:
        """What `GET /v1/models` tells; before the model is there, under the name that was asked for."""
        if self._llama is not None:
            return self._llama.info()
        return ModelInfo(served_name(self._asked), created=0, owned_by="antiphon")

    def readiness(self) -> Readiness:
        """Whether it can answer now."""
        return Readiness(ready=False, detail=self._detail) if self._llama is None else self._llama.readiness()

    async def start(self) -> None:
        """Begin to look for the file, and then to load it."""
        self._task = asyncio.get_running_loop().create_task(self._obtain())

    async def stop(self) -> None:
        """End the engine; a pull is broken off and goes on at the next start."""
        self._stopping = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._llama is not None:
            await self._llama.stop()

    def check(self, request: Request) -> list[str]:
        """As the engine says. Raises `Problem` 503 while there is none."""
        return self._engine().check(request)

    async def count(self, prompt: Prompt) -> Count:
        """As the engine counts. Raises `Problem` 503 while there is none."""
        return await self._engine().count(prompt)

    async def open(self, prompt: Prompt) -> Turn:
        """As the engine answers. Raises `Problem` 503 while there is none."""
        return await self._engine().open(prompt)

    def _engine(self) -> LlamaModel:
        if self._llama is None:
            raise Problem(503, "model_loading", f"The model is not there yet: {self._detail}.", retry_after=5)
        return self._llama

    async def _obtain(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(None, self._find)
        except pull.PullError as fault:
            self._detail = str(fault)
            self._telemetry(ModelChanged(served_name(self._asked), "failed", self._detail))
            return
        except _Stopped:
            return
        self._llama = LlamaModel(found.name, found.path, self._options, self._telemetry)
        await self._llama.start()

    def _find(self) -> Found:
        """The file, from the disk or pulled; the small model where the default can be had from nowhere."""
        asked = self._asked
        if asked.startswith("hf:"):
            return Found(served_name(asked), pull.fetch_hub(asked, self._folder, self._progress))
        entry = catalogue.find(asked)
        if entry is None:
            return Found(served_name(asked), Path(asked))
        known = catalogue.load()
        try:
            return Found(entry.name, pull.fetch(entry, self._folder, self._progress))
        except pull.PullError as fault:
            small = catalogue.find(known.small)
            if asked != known.default or small is None:
                raise
            self._telemetry(ModelChanged(asked, "failed", f"{fault} The small model {known.small} is served instead."))
            return Found(small.name, pull.fetch(small, self._folder, self._progress))

    def _progress(self, progress: pull.Progress) -> None:
        if self._stopping:
            raise _Stopped
        share = f" ({progress.done * 100 // progress.total} %)" if progress.total else ""
        self._detail = f"{progress.doing}{share}"
        self._tell(share)

    def _tell(self, share: str) -> None:
        """A line in the log for every tenth that has come."""
        tenth = share[: share.find(" %") - 1] if share else ""
        if tenth != self._told:
            self._told = tenth
            self._telemetry(ModelChanged(served_name(self._asked), "loading", self._detail))


class _Stopped(Exception):
    """The server stops, so the pull does."""


def served_name(asked: str) -> str:
    """The name under which a model is served: the catalogue's, or the file's without its ending."""
    if catalogue.find(asked) is not None:
        return asked
    return Path(asked.rpartition(":")[2]).name.removesuffix(".gguf")
