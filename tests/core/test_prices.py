"""What tokens cost."""

import pytest

from antiphon.core.prices import Prices


@pytest.mark.parametrize(
    ("prices", "cost"),
    [
        (Prices(), 0.0),
        (Prices(input=2.0), 2000.0),
        (Prices(input=2.0, cached=0.5, output=4.0), 2 * 700 + 0.5 * 300 + 4 * 500),
        (Prices(input=2.0, cached=0.0), 2 * 700),
        (Prices(output=4.0), 4 * 500),
    ],
)
def test_input_cached_input_and_output_have_their_own_prices(prices: Prices, cost: float) -> None:
    assert prices.of(1000, 300, 500) * 1e6 == pytest.approx(cost)


def test_an_upstream_that_counts_more_cached_than_input_earns_nothing_by_it() -> None:
    assert Prices(input=2.0, cached=1.0).of(10, 20, 0) * 1e6 == pytest.approx(20)
