"""Bytes in base64 and in data URLs, as clients write them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.tools.encoded import Blob, base64_size, from_base64, from_data_url


@given(st.binary(max_size=100))
def test_bytes_come_back_from_each_way_of_writing_base64(data: bytes) -> None:
    plain, lines, url = base64.b64encode(data), base64.encodebytes(data), base64.urlsafe_b64encode(data)
    for text in (plain, lines, url, plain.rstrip(b"="), url.rstrip(b"=")):
        assert from_base64(text.decode()) == data
    assert base64_size(plain.decode()) >= len(data)


@pytest.mark.parametrize("text", ["not base64!", "AAAAA", "é===", "AA=A", "data:text/plain,a"])
def test_what_is_no_base64_is_told_so(text: str) -> None:
    assert from_base64(text) is None


@pytest.mark.parametrize(
    ("text", "blob"),
    [
        ("data:text/plain;base64,aGk=", Blob(b"hi", "text/plain")),
        ("data:text/plain;charset=utf-8;base64,aGk", Blob(b"hi", "text/plain")),
        ("DATA:Image/PNG;BASE64,aGk=", Blob(b"hi", "image/png")),
        ("data:,a%20b", Blob(b"a b", "")),
        ("data:text/csv,a,b", Blob(b"a,b", "text/csv")),
        ("data:;base64,", Blob(b"", "")),
        ("data:text/plain;base64,###", None),
        ("data:text/plain;base64", None),
        ("data:" + "x" * 600 + ",a", None),
        ("http://example.org/,", None),
    ],
)
def test_a_data_url_gives_its_bytes_and_type(text: str, blob: Blob | None) -> None:
    assert from_data_url(text) == blob
