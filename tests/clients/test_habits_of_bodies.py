"""How bodies come: packed, in chunks, or both (clients.md); the bound counts what they are inflated to."""

import gzip
import json
import zlib

import pytest

from tests.asking import JSON_TYPE, ask, refused
from tests.clients.test_habits import post, text
from tests.served import Server

BODY = json.dumps({"model": "scripted", "input": "two words"}).encode()
PACKED: list[tuple[str, bytes]] = [
    ("gzip", gzip.compress(BODY)),
    ("x-gzip", gzip.compress(BODY)),
    ("GZIP", gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])),
    ("deflate", zlib.compress(BODY)),
    ("identity", BODY),
    ("", BODY),
]


@pytest.mark.parametrize(("encoding", "data"), PACKED, ids=[name or "none" for name, _ in PACKED])
def test_a_body_may_be_packed(lasting_server: Server, encoding: str, data: bytes) -> None:
    answer = post(lasting_server, data, {"Content-Encoding": encoding})
    assert (answer.status, text(answer.json())) == (200, "two words")


def test_a_packed_body_counts_as_large_as_it_is_inflated(lasting_server: Server) -> None:
    large = json.dumps({"model": "scripted", "input": "0" * 80_000_000}).encode()
    assert refused(post(lasting_server, gzip.compress(large, 1), {"Content-Encoding": "gzip"})) == (
        413,
        "request_too_large",
        None,
    )


@pytest.mark.parametrize(
    "data", [b"no gzip", gzip.compress(BODY)[:-4], gzip.compress(BODY) + b"x"], ids=["none", "cut", "more"]
)
def test_a_packed_body_that_is_broken_is_a_400(lasting_server: Server, data: bytes) -> None:
    assert refused(post(lasting_server, data, {"Content-Encoding": "gzip"})) == (400, "invalid_value", None)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "soul"])
def test_a_packing_that_is_not_taken_is_a_415(lasting_server: Server, encoding: str) -> None:
    answer = post(lasting_server, BODY, {"Content-Encoding": encoding})
    assert refused(answer) == (415, "unsupported_media_type", None)
    assert answer.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_body_may_come_in_chunks_of_any_size(lasting_server: Server, *, packed: bool) -> None:
    data = gzip.compress(BODY) if packed else BODY
    headers = JSON_TYPE | ({"Content-Encoding": "gzip"} if packed else {})
    for size in (1, 7, len(data)):
        pieces = [data[place : place + size] for place in range(0, len(data), size)]
        answer = ask(lasting_server, "POST", "/v1/responses", iter(pieces), headers)
        assert (answer.status, text(answer.json())) == (200, "two words")
