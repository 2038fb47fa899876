"""Deltas: that each kind is one that the emitter tells."""

from typing import get_args

from antiphon.core import deltas as d
from antiphon.core.emitter import _OTHERS, ROWS


def test_the_emitter_knows_every_kind() -> None:
    assert set(get_args(d.Delta)) == ROWS.keys() | _OTHERS.keys()
