"""What of the embedded model can be set.

Knows nothing of how the engine takes it.
"""

import os

from msgspec import Struct


def default_threads() -> int:
    """One less than the cores, so that the server keeps one; two at least where there are two.

    On two cores one thread halves the speed, and the engine's process is nice enough to give way.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if cores <= 2 else cores - 1


class LlamaOptions(Struct, frozen=True, kw_only=True):
    """How the embedded model is run.

    context
        tokens that all slots share; one request gets at most the context that the model was trained for.
    slots
        requests that are answered at once.
    queue
        requests that may wait beside them; one more is refused with 503.
    threads
        of the engine; None takes `default_threads`.
    seed
        of sampling; None takes another one each time.
    cache_ram_mib
        memory that keeps the KV cache of conversations that have no slot, in MiB.
    repack
        copy the weights into the layout of the CPU's kernels, as the engine does by default: on AVX2 a
        1.5B model then writes an eighth faster, and takes 600 MB more.
    batch_seconds
        how long the engine may be deaf: the batch of a prefill is as large as it reads in that time.
    niceness
        added to the child's, so that the server's own work goes first.
    load_seconds
        how long a request waits for a model that is being loaded, before it is refused with 503.
    min_p
        cuts off tokens less likely than this share of the likeliest; the API has no name for it.
    """

    context: int = 16384
    slots: int = 4
    queue: int = 64
    threads: int | None = None
    seed: int | None = None
    cache_ram_mib: int = 512
    repack: bool = True
    batch_seconds: float = 0.2
    niceness: int = 5
    load_seconds: float = 30.0
    min_p: float = 0.05
