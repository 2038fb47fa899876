"""The default contract as it will be: without the rows of what is not built yet."""

from functools import cache

from msgspec.structs import replace

from antiphon.contract.contract import Contract, read_law
from antiphon.contract.law import LaterItems


@cache
def whole() -> Contract:
    """A reader for the tests of items that `openai.toml` still lists under `[later_items]`."""
    return Contract(replace(read_law("openai"), later_items=LaterItems()))
