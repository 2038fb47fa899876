"""How a Responses upstream ends: counts that can be trusted, reasons, and codes that are its own."""

import pytest

from antiphon.core import deltas as d
from antiphon.core.items import JSON
from antiphon.models.responses_end import fault_of, parts, reason_of, rest_of, usage_of
from antiphon.models.upstream import Upstream

UP = Upstream(name="up", url="http://127.0.0.1:1/v1", key="sk-secret")


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({"input_tokens": 3, "output_tokens": 2}, d.UsageDelta(3, 2)),
        (
            {
                "input_tokens": 3,
                "output_tokens": 2,
                "input_tokens_details": {"cached_tokens": 1},
                "output_tokens_details": {"reasoning_tokens": 2},
            },
            d.UsageDelta(3, 2, 1, 2),
        ),
        ({"input_tokens": -3, "output_tokens": "2", "input_tokens_details": None}, d.UsageDelta(0, 0)),
        (None, d.UsageDelta(7, 5, estimated=True)),
    ],
)
def test_usage(usage: JSON, told: d.UsageDelta) -> None:
    assert usage_of(usage, 20, lambda: 7) == told


@pytest.mark.parametrize(
    ("status", "details", "reason"),
    [
        ("completed", None, "stop"),
        ("incomplete", {"reason": "max_output_tokens"}, "length"),
        ("incomplete", {"reason": "content_filter"}, "content_filter"),
        ("incomplete", None, "length"),
    ],
)
def test_why_it_stopped(status: JSON, details: JSON, reason: str) -> None:
    assert reason_of(status, details) == reason


def test_codes_that_the_request_brought_about_stay_and_no_message_has_the_key() -> None:
    for code in ("invalid_prompt", "image_too_large", "invalid_image_url"):
        fault = fault_of(UP, {"code": code, "message": "no sk-secret"})
        assert (fault.status, fault.code) == (400, code) and "sk-secret" not in fault.message
    assert fault_of(UP, None).status == 502


def test_what_is_left_to_tell() -> None:
    assert (rest_of("ab", "abc"), rest_of("", "abc"), rest_of("x", "abc")) == ("c", "abc", "")
    assert parts([{"a": 1}, 3, None]) == [{"a": 1}] and parts("x") == []
