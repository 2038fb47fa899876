"""A stream in which nothing is said for a while: comments keep it alive (protocol §5)."""

from collections.abc import Iterator

import pytest

from tests.grammar import check_stream, parse_sse
from tests.served import Server, serving
from tests.wire.test_golden import asked, script


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose heart beats fast."""
    with serving("scripted", tmp_path_factory.mktemp("lively"), "--heartbeat", "0.05") as server:
        yield server


def test_a_silent_stream_has_comments(lively: Server) -> None:
    raw = asked(lively, {"input": script({"text": "before"}, {"text": " after", "delay": 0.4})})
    assert raw.count(b": ping\n\n") > 1
    assert check_stream(parse_sse(raw))["output"][0]["content"][0]["text"] == "before after"


def test_a_stream_that_waits_for_its_first_word(lively: Server) -> None:
    raw = asked(lively, {"input": script({"text": "at last", "delay": 0.3, "whole": True})})
    assert check_stream(parse_sse(raw))["status"] == "completed"
