"""What an upstream's refusals mean to a client (contracts §D, protocol §6)."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.models.upstream import Upstream, refusal, retry_after, told_in_stream

UPSTREAM = Upstream(name="far", url="http://127.0.0.1:1/v1", key="sk-secret")


def envelope(message: str, **more: Any) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "told", "retryable"),
    [
        (429, envelope("slow down"), (429, "rate_limit_exceeded"), True),
        (429, envelope("pay", code="insufficient_quota"), (429, "insufficient_quota"), False),
        (408, b"", (408, "upstream_timeout"), True),
        (409, b"", (409, "server_error"), True),
        (500, b"<html>oops</html>", (500, "server_error"), True),
        (503, envelope("busy"), (503, "overloaded"), True),
        (504, b"", (504, "upstream_timeout"), True),
        (401, envelope("bad key sk-secret"), (502, "server_error"), False),
        (404, envelope("no such model"), (404, "model_not_found"), False),
        (400, envelope("bad", code="invalid_value", param="top_p"), (400, "invalid_value"), False),
        (302, b"", (502, "server_error"), True),
    ],
)
def test_each_status(status: int, body: bytes, told: tuple[int, str], *, retryable: bool) -> None:
    fault = refusal(UPSTREAM, status, {}, body)
    assert (fault.status, fault.code) == told
    assert fault.retryable == retryable
    assert "sk-secret" not in fault.message
    assert "html" not in fault.message


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
        "the request exceeds the available context size",
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    ],
)
def test_a_prompt_that_is_too_long_is_known_by_its_words(message: str) -> None:
    for status in (400, 500):
        fault = refusal(UPSTREAM, status, {}, envelope(message))
        assert (fault.status, fault.code, fault.elsewhere) == (400, "context_length_exceeded", False)


def test_the_wait_is_read_in_every_form() -> None:
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert retry_after({"retry-after": "2"}) == 2
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


@given(st.text() | st.dates().map(str) | st.floats().map(str) | st.sampled_from([" ", ",", "Mon,", "9" * 400]))
def test_whatever_stands_in_the_header_it_is_a_wait_or_none(told: str) -> None:
    for name in ("retry-after", "retry-after-ms"):
        found = retry_after({name: told})
        assert found is None or 0 <= found < math.inf


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_no_fault_of_the_clients_wherever_it_is_told(status: int) -> None:
    error = {"message": "no", "code": "made_up", "status": status}
    for fault in (
        refusal(UPSTREAM, status, {}, json.dumps({"error": error}).encode()),
        told_in_stream(UPSTREAM, error),
    ):
        assert (fault.status, fault.code, fault.retryable, fault.elsewhere) == (502, "server_error", False, True)


def test_the_key_stands_in_no_repr_and_no_message() -> None:
    assert "sk-secret" not in repr(UPSTREAM)
    error = {"message": "key sk-secret is bad", "code": "sk-secret", "param": "sk-secret" * 100}
    for fault in (
        told_in_stream(UPSTREAM, error),
        told_in_stream(UPSTREAM, error | {"status": 400}),
        refusal(UPSTREAM, 400, {}, json.dumps(error).encode()),
        refusal(UPSTREAM, 429, {}, b"sk-secret"),
        refusal(UPSTREAM, 500, {}, json.dumps({"error": error}).encode()),
    ):
        told = f"{fault.message} {fault.code} {fault.param} {fault!r}"
        assert "sk-secret" not in told and len(told) < 1000
