"""The router: a model's name, and who stands behind it.

Knows nothing of what a model does with a prompt.
"""

from collections.abc import Sequence
from typing import Protocol

from antiphon.core.ports import ModelInfo, Readiness, Served
from antiphon.core.problems import Problem


class Source(Protocol):
    """Models that come and go while the server runs."""

    def find(self, name: str) -> Served | None:
        """The model of that name or alias, or None."""
        ...

    def list(self) -> Sequence[ModelInfo]:
        """Every name that `find` knows now."""
        ...

    def readiness(self) -> Readiness:
        """Whether it knows its models."""
        ...

    def behind(self) -> Sequence[str]:
        """The ids of the servers that they come from."""
        ...

    async def start(self) -> None:
        """Begin to look for them; returns at once."""
        ...

    async def stop(self) -> None:
        """End whatever it runs."""
        ...


class Router:
    """Satisfies the `Models` port. The first model is the server's default.

    `served` are there from start to end; `sources` come behind them, and give way where a name is taken.
    """

    def __init__(self, served: Sequence[Served], sources: Sequence[Source] = ()) -> None:
        self._served = tuple(served)
        self._sources = tuple(sources)
        self._living: tuple[Served | Source, ...] = (*self._served, *self._sources)

    def get(self, name: str) -> Served:
        """The model of that name. Raises `Problem` 404 `model_not_found`, or 503 while sources still look."""
        for model in self._served:
            if model.info().id == name:
                return model
        for source in self._sources:
            found = source.find(name)
            if found is not None:
                return found
        state = self.readiness()
        if self._sources and not state.ready:
            raise Problem(503, "model_loading", f"The models are not known yet: {state.detail}.", retry_after=1)
        listed = [f"'{info.id}'" for info in self.list()]
        names = ", ".join(listed[:20]) + (", …" if len(listed) > 20 else "")
        raise Problem(
            404,
            "model_not_found",
            f"The model '{name[:100]}' does not exist here. Served: {names or 'none'}.",
            param="model",
        )

    def info(self, name: str) -> ModelInfo:
        """What is told of the model of that name or alias. Raises as `get`."""
        return self.get(name).info()

    def list(self) -> Sequence[ModelInfo]:
        """Every model that is served, the default first."""
        found = {info.id: info for info in (model.info() for model in self._served)}
        for source in self._sources:
            for info in source.list():
                found.setdefault(info.id, info)
        return list(found.values())

    def readiness(self) -> Readiness:
        """The first that is not ready speaks for all."""
        for one in self._living:
            state = one.readiness()
            if not state.ready:
                return state
        return Readiness(ready=True, detail="every model is ready")

    def behind(self) -> Sequence[str]:
        """The ids of the servers that stand behind the sources."""
        return [one for source in self._sources for one in source.behind()]

    async def start(self) -> None:
        """Let every model begin to load."""
        for one in self._living:
            await one.start()

    async def stop(self) -> None:
        """End every model."""
        for one in self._living:
            await one.stop()
