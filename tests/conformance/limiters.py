"""The limiters, each named once: `test_limiter` runs over each of them."""

from collections.abc import Callable

from antiphon.access.limiter import MemoryLimiter
from antiphon.core.accounts import Limiter

LIMITERS: dict[str, Callable[[Callable[[], float]], Limiter]] = {"memory": MemoryLimiter}
