"""The default contract as it will be: without the rows of what is not built yet."""

from functools import cache

from msgspec.structs import replace

from antiphon.contract.contract import Contract, read_law
from antiphon.contract.law import LaterItems


@cache
def whole() -> Contract:
    """A reader for the tests of fields that `openai.toml` still lists under `[later]`."""
    law = read_law("openai")
    return Contract(replace(law, later={}, later_items=LaterItems()))
