"""Limits in headers: the names and forms of each service, and nothing of what is not limited."""

import time

import pytest

from antiphon.contract.limits import LIMITS, duration
from antiphon.core.accounts import Standing

MINUTE = {"limit_requests": 60, "remaining_requests": 7, "reset_requests": 59.2}
DAY = {"limit_requests_day": 500, "remaining_requests_day": 3, "reset_requests_day": 7200.0}
TOKENS = {"limit_tokens": 1000, "remaining_tokens": 0, "reset_tokens": 0.25}


def told(codec: str, **standing: float) -> dict[str, str]:
    found = LIMITS[codec](Standing(**standing))  # type: ignore[arg-type]  # what is given varies
    return {name.decode().removeprefix("x-ratelimit-"): value.decode() for name, value in found}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.0001, "1ms"),
        (0.12, "120ms"),
        (0.9999, "1s"),
        (1.0, "1s"),
        (1.01, "2s"),
        (59.5, "1m0s"),
        (360.0, "6m0s"),
        (86_399.5, "24h0m0s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_openai_tells_of_the_requests_that_run_out_first() -> None:
    assert told("durations", **MINUTE, **TOKENS) == {
        "limit-requests": "60",
        "remaining-requests": "7",
        "reset-requests": "1m0s",
        "limit-tokens": "1000",
        "remaining-tokens": "0",
        "reset-tokens": "250ms",
    }
    assert told("durations", **MINUTE, **DAY) == told("durations", **DAY)
    assert told("durations", **DAY)["limit-requests"] == "500"
    assert told("durations") == {}


def test_infercom_tells_of_both_in_unix_times() -> None:
    before = time.time()
    found = told("unix_times", **MINUTE, **DAY, **TOKENS)
    assert {name: value for name, value in found.items() if "reset" not in name} == {
        "limit-requests": "60",
        "remaining-requests": "7",
        "limit-requests-day": "500",
        "remaining-requests-day": "3",
    }
    assert before + 59 < int(found["reset-requests"]) < time.time() + 62
    assert before + 7199 < int(found["reset-requests-day"]) < time.time() + 7202
    assert told("unix_times", **TOKENS) == {}
