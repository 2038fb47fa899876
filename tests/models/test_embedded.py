"""The embedded model as it is asked for: found, pulled or told why not."""

from pathlib import Path

import pytest

from antiphon.core.deltas import Stop, TextDelta
from antiphon.core.items import InputText, Message
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt, Sampling
from antiphon.core.request import Request
from antiphon.core.signals import ModelChanged, Signal
from antiphon.models import catalogue
from antiphon.models.embedded import Embedded, served_name
from antiphon.models.llama_options import LlamaOptions
from tests.asgi import until
from tests.models.hub import Hub
from tests.models.wheels import point_pip_at
from tests.served import ENGINE_THREADS

pytestmark = pytest.mark.anyio

OPTIONS = LlamaOptions(threads=ENGINE_THREADS, context=2048, slots=1)


def prompt_of(model: str) -> Prompt:
    items = [Message(role="user", content=[InputText("Say hello.")])]
    return Prompt(model=model, items=list(items), sampling=Sampling(max_output_tokens=4, temperature=0.0))


def test_names() -> None:
    small = catalogue.load().small
    assert served_name(small) == small
    assert served_name("hf:org/repo:sub/duck-q4.gguf") == "duck-q4"
    assert served_name("/somewhere/duck.gguf") == "duck"


async def test_the_small_model_is_found_and_answers(small_model: Path) -> None:
    small = catalogue.load().small
    signals: list[Signal] = []
    model = Embedded(small, small_model.parent, OPTIONS, signals.append)
    assert (model.info().id, model.readiness().ready) == (small, False)
    with pytest.raises(Problem) as found:
        model.check(Request(model=small))
    assert (found.value.status, found.value.code, found.value.retry_after) == (503, "model_loading", 5)
    await model.start()
    try:
        await until(lambda: model.readiness().ready)
        assert model.info().context > 0
        assert (await model.count(prompt_of(small))).tokens > 3
        said = [delta async for batch in await model.open(prompt_of(small)) for delta in batch]
        assert any(isinstance(delta, TextDelta) for delta in said)
        assert isinstance(said[-1], Stop)
    finally:
        await model.stop()
    assert [signal.state for signal in signals if isinstance(signal, ModelChanged)][-1:] != ["failed"]


async def test_a_model_that_cannot_be_had_is_told(tmp_path: Path, hub: Hub) -> None:
    signals: list[Signal] = []
    model = Embedded("hf:org/repo:duck.gguf", tmp_path, OPTIONS, signals.append)
    await model.start()
    await until(lambda: signals)
    assert [(signal.model, signal.state) for signal in signals if isinstance(signal, ModelChanged)] == [
        ("duck", "failed")
    ]
    assert not model.readiness().ready and "duck" in model.readiness().detail
    with pytest.raises(Problem, match="could not be pulled"):
        await model.open(prompt_of("duck"))
    await model.stop()


async def test_the_small_model_stands_in_for_a_default_that_can_be_had_from_nowhere(
    tmp_path: Path, small_model: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_pip_at(tmp_path / "no wheels", monkeypatch)
    for path in (small_model, catalogue.mark_path(small_model)):
        (tmp_path / path.name).symlink_to(path.resolve())
    signals: list[Signal] = []
    model = Embedded(None, tmp_path, OPTIONS, signals.append)
    assert model.info().id == catalogue.load().default
    await model.start()
    try:
        await until(lambda: model.info().id == catalogue.load().small)
        failed = [signal for signal in signals if isinstance(signal, ModelChanged) and signal.state == "failed"]
        assert [signal.model for signal in failed] == [catalogue.load().default]
        assert catalogue.load().small in failed[0].detail
    finally:
        await model.stop()


async def test_stopping_breaks_off_a_pull(tmp_path: Path, hub: Hub) -> None:
    hub.files["org/repo/duck.gguf"] = b"GGUF" + b"x" * 3_000_000
    signals: list[Signal] = []
    model = Embedded("hf:org/repo:duck.gguf", tmp_path, OPTIONS, signals.append)
    await model.start()
    await model.stop()
    assert not model.readiness().ready
    assert "failed" not in [signal.state for signal in signals if isinstance(signal, ModelChanged)]
