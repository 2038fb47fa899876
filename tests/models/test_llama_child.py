import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.models.llama_talk import until

pytestmark = pytest.mark.anyio

PARENT = """
import asyncio, sys
from pathlib import Path
from antiphon.models.llama import LlamaModel, LlamaOptions

async def main():
    model = LlamaModel("small", Path(sys.argv[1]), LlamaOptions(context=1024, slots=1), lambda signal: None)
    await model.start()
    await model.busy()
    print(model.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def lives(pid: int) -> bool:
    """Whether a process of that id runs; one that only waits to be collected by whoever adopted it does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_the_child_ends_when_its_parent_is_killed(small_model: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(small_model), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert lives(child)
    parent.kill()
    await parent.wait()

    async def gone() -> bool:
        return not lives(child)

    await until(gone)


async def test_the_child_ends_when_its_input_does_even_before_it_was_told_anything() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "antiphon.models.llama_child", stdin=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    child.stdin.close()
    assert await asyncio.wait_for(child.wait(), 30) == 0
