from pathlib import Path

import pytest

from antiphon.core.problems import Problem
from antiphon.core.signals import ModelChanged, Signal
from antiphon.models.llama import LlamaModel, LlamaOptions
from tests.models.llama_talk import prompt, until

pytestmark = pytest.mark.anyio


async def test_a_file_that_is_no_model_is_told_and_requests_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF, it says, but it is not")
    heard: list[Signal] = []
    model = LlamaModel("bad", path, LlamaOptions(), heard.append)
    await model.start()
    try:
        with pytest.raises(Problem) as refused:
            await model.open(prompt("Hi"))
        assert (refused.value.status, refused.value.code) == (503, "model_loading")
        assert refused.value.retry_after is not None
        assert not model.readiness().ready and model.readiness().detail

        async def tried_again() -> bool:
            return [signal.state for signal in heard if isinstance(signal, ModelChanged)].count("failed") > 1

        await until(tried_again)
    finally:
        await model.stop()
