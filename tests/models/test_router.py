"""A model's name, and who stands behind it."""

import pytest

from antiphon.core.ports import ModelInfo, Readiness
from antiphon.core.problems import Problem
from antiphon.models.router import Router
from antiphon.models.scripted import ScriptedModel

pytestmark = pytest.mark.anyio


class Watched(ScriptedModel):
    """A model that says what was done with it."""

    def __init__(self, name: str, state: Readiness | None = None) -> None:
        super().__init__(name)
        self.state = state or Readiness(True)
        self.done: list[str] = []

    def readiness(self) -> Readiness:
        return self.state

    async def start(self) -> None:
        self.done.append("start")

    async def stop(self) -> None:
        self.done.append("stop")


def test_each_name_finds_its_model_and_an_unknown_one_is_told() -> None:
    first, second = ScriptedModel("a"), ScriptedModel("b")
    router = Router([first, second])
    assert router.get("a") is first and router.get("b") is second
    assert [info.id for info in router.list()] == ["a", "b"]
    assert router.info("b") == second.info()
    for name in ("A", "", "c", "c" * 10_000):
        with pytest.raises(Problem):
            router.info(name)
        with pytest.raises(Problem) as found:
            router.get(name)
        assert (found.value.status, found.value.code, found.value.param) == (404, "model_not_found", "model")
        assert "'a', 'b'" in found.value.message and len(found.value.message) < 300


async def test_it_is_ready_when_all_are_and_lives_with_them() -> None:
    ready, loading = Watched("a"), Watched("b", Readiness(False, "12 %"))
    router = Router([ready, loading])
    assert router.readiness() == Readiness(False, "12 %")
    loading.state = Readiness(True)
    assert router.readiness().ready
    await router.start()
    await router.stop()
    assert ready.done == loading.done == ["start", "stop"]


class Coming:
    """A source whose models come and go."""

    def __init__(self, **models: ScriptedModel) -> None:
        self.models = models
        self.ready = True
        self.done: list[str] = []

    def find(self, name: str) -> ScriptedModel | None:
        return self.models.get(name)

    def behind(self) -> list[str]:
        return ["b1"]

    def list(self) -> list[ModelInfo]:
        return [ModelInfo(name, 0, "up") for name in self.models]

    def readiness(self) -> Readiness:
        return Readiness(self.ready, "asking")

    async def start(self) -> None:
        self.done.append("start")

    async def stop(self) -> None:
        self.done.append("stop")


async def test_models_that_come_and_go_stand_behind_those_that_stay() -> None:
    own, other = ScriptedModel("a"), ScriptedModel("b")
    source = Coming(a=other, b=other)
    router = Router([own], [source])
    assert router.get("a") is own and router.get("b") is other
    assert [(info.id, info.owned_by) for info in router.list()] == [("a", "antiphon"), ("b", "up")]
    source.models = {}
    with pytest.raises(Problem) as found:
        router.get("b")
    assert found.value.status == 404
    source.ready = False
    with pytest.raises(Problem) as found:
        router.get("b")
    assert (found.value.status, found.value.retry_after) == (503, 1) and not router.readiness().ready
    await router.start()
    await router.stop()
    assert source.done == ["start", "stop"]


def test_a_server_without_any_model_says_so() -> None:
    assert list(Router([]).list()) == []
    with pytest.raises(Problem, match="Served: none"):
        Router([]).get("a")
