"""Kinds: slugs, out and back in."""

import pytest

from antiphon.contract.kinds import OWN, inward, known, outward
from antiphon.core.items import KNOWN_TYPES, PASSED_TYPES
from antiphon.core.offers import HOSTED


@pytest.mark.parametrize("kind", sorted(KNOWN_TYPES | PASSED_TYPES | HOSTED | {"function", "custom"}))
def test_every_kind_comes_back_as_it_went(kind: str) -> None:
    assert ":" in outward(kind) or kind in OWN
    assert inward(outward(kind)) == kind
    assert known(kind)


def test_what_is_somebodys_own_stays() -> None:
    assert outward("acme:thing") == inward("acme:thing") == "acme:thing"
    assert inward("openai:hammer") == "openai:hammer"
    assert known("acme:thing")
    assert not known("hammer")
    assert not known(None)
