from pathlib import Path

import pytest

from antiphon.models.llama_engine import BATCHES, guessed_batch
from antiphon.models.llama_frames import Load


def load(path: Path, *, threads: int = 2, seconds: float = 0.25) -> Load:
    return Load(
        path=str(path),
        context=1024,
        slots=1,
        threads=threads,
        cache_ram_mib=0,
        repack=False,
        niceness=0,
        batch_seconds=seconds,
    )


@pytest.mark.parametrize("size", [0, 1 << 20, 1 << 30, 1 << 40])
def test_the_first_batch_is_smaller_for_a_larger_file_and_within_bounds(tmp_path: Path, size: int) -> None:
    path = tmp_path / "model.gguf"
    with path.open("wb") as file:
        file.truncate(size)
    batch = guessed_batch(load(path))
    assert BATCHES[0] <= batch <= BATCHES[1]
    with path.open("wb") as file:
        file.truncate(size * 2)
    assert guessed_batch(load(path)) <= batch
    assert guessed_batch(load(path, threads=4)) >= guessed_batch(load(path))
