"""Bodies that a client has packed: what comes out, never more than may."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.api.inflating import Inflater, packings
from antiphon.core.problems import Problem

PACK = {"gzip": gzip.compress, "deflate": zlib.compress}


def inflated(pieces: list[bytes], most: int) -> tuple[bytes, bool]:
    inflater = Inflater(most)
    found = b"".join(map(inflater.feed, pieces))
    if not inflater.full:
        inflater.end()
    return found, inflater.full


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=3),
    st.sampled_from(sorted(PACK)),
    st.integers(1, 40),
    st.integers(0, 700),
)
def test_whatever_the_pieces_it_is_all_there_or_there_is_more_than_may_be(
    bodies: list[bytes], packing: str, step: int, most: int
) -> None:
    data = b"".join(PACK[packing](body) for body in bodies)  # several in a row are one
    pieces = [data[place : place + step] for place in range(0, len(data), step)]
    whole = b"".join(bodies)
    found, full = inflated(pieces, most)
    assert full == (max(len(whole), len(data)) > most)
    assert found == whole if not full else whole.startswith(found)
    assert len(found) <= most + 1


def test_what_grows_a_thousandfold_stays_within_its_bound() -> None:
    found, full = inflated([gzip.compress(b"0" * 50_000_000)], 100_000)
    assert full and len(found) == 100_001


@pytest.mark.parametrize(
    "data",
    [b"no gzip", gzip.compress(b"x" * 99)[:-9], b"\x1f\x8b", gzip.compress(b"x") + b"y"],
    ids=["none", "cut", "begun", "more"],
)
def test_what_is_broken_is_a_400(data: bytes) -> None:
    with pytest.raises(Problem, match="not what its 'Content-Encoding' says") as told:
        inflated([data], 1000)
    assert (told.value.status, told.value.code) == (400, "invalid_value")


def test_members_that_hold_nothing_come_to_an_end() -> None:
    empty, inflater = gzip.compress(b""), Inflater(1000)
    fed = 0
    while not inflater.full:
        assert inflater.feed(empty * 10) == b""
        fed += len(empty) * 10
    assert fed == 1200


def test_nothing_is_an_empty_body() -> None:
    assert inflated([b""], 10) == (b"", False)


def test_the_names_of_packings() -> None:
    assert packings("") == packings("identity") == []
    assert packings(" GZIP ") == packings("x-gzip") == packings("identity, gzip") == ["gzip"]
    assert packings("br") == ["br"] and packings("gzip, zstd") == ["gzip", "zstd"]
