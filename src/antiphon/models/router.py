"""The router: a model's name, and who stands behind it.

Knows nothing of what a model does with a prompt.
"""

from collections.abc import Sequence

from antiphon.core.ports import Model, ModelInfo, Readiness, Served
from antiphon.core.problems import Problem


class Router:
    """Satisfies the `Models` port. The first model is the server's default."""

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = tuple(served)

    def get(self, name: str) -> Model:
        """The model of that name. Raises `Problem` 404 `model_not_found`."""
        for model in self._served:
            if model.info().id == name:
                return model
        names = ", ".join(f"'{model.info().id}'" for model in self._served)
        raise Problem(
            404,
            "model_not_found",
            f"The model '{name[:100]}' does not exist here. Served: {names}.",
            param="model",
        )

    def list(self) -> Sequence[ModelInfo]:
        """Every model that is served, the default first."""
        return [model.info() for model in self._served]

    def readiness(self) -> Readiness:
        """The first model that is not ready speaks for all."""
        for model in self._served:
            state = model.readiness()
            if not state.ready:
                return state
        return Readiness(ready=True, detail="every model is ready")

    async def start(self) -> None:
        """Let every model begin to load."""
        for model in self._served:
            await model.start()

    async def stop(self) -> None:
        """End every model."""
        for model in self._served:
            await model.stop()
