"""Prices: what a model's tokens cost.

Knows nothing of currencies, nor of who pays.
"""

from msgspec import Struct


class Prices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a million tokens cost, in whatever currency; `cached` is the price of input that was read from a cache,
    None where that costs as much as other input."""

    input: float = 0.0
    cached: float | None = None
    output: float = 0.0

    def of(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """What these tokens cost. The cached ones are among the input's."""
        cached = self.input if self.cached is None else self.cached
        fresh = max(0, input_tokens - cached_tokens)
        return (fresh * self.input + cached_tokens * cached + output_tokens * self.output) / 1e6
