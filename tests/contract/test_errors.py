"""Errors: the shapes of a refusal, and its headers."""

import json

from antiphon.contract.errors import detail, envelope, envelope_or_plain
from antiphon.core.problems import Problem


def test_the_error_object_has_its_four_keys() -> None:
    told = envelope(Problem(404, "model_not_found", "There is no model 'x'."))
    assert json.loads(told.body) == {
        "error": {
            "message": "There is no model 'x'.",
            "type": "invalid_request_error",
            "param": None,
            "code": "model_not_found",
        }
    }
    assert (told.status, told.headers) == (404, [(b"content-type", b"application/json")])


def test_a_refusal_for_now_tells_when_to_come_back() -> None:
    headers = dict(envelope(Problem(503, "overloaded", "Busy.", retry_after=0.2, retry=True)).headers)
    assert headers[b"retry-after"] == b"1"
    assert headers[b"retry-after-ms"] == b"200"
    assert headers[b"x-should-retry"] == b"true"
    assert dict(envelope(Problem(409, "x", "No.", retry=False)).headers)[b"x-should-retry"] == b"false"


def test_a_refused_key_is_told_how_to_sign_in() -> None:
    assert dict(envelope(Problem(401, "invalid_api_key", "No.")).headers)[b"www-authenticate"] == b"Bearer"


def test_a_fault_of_the_servers_own_can_be_a_plain_text() -> None:
    """contracts §B row 3."""
    told = envelope_or_plain(Problem(500, "server_error", "Something within."))
    assert (told.status, told.body) == (500, b"Internal Server Error")
    assert dict(told.headers)[b"content-type"] == b"text/plain; charset=utf-8"
    busy = Problem(503, "overloaded", "Busy.")
    assert envelope_or_plain(busy) == envelope(busy)


def test_a_refusal_that_is_not_about_the_body_is_told_in_two_shapes_at_once() -> None:
    told = detail(Problem(409, "idempotency_key_conflict", "Another body.", retry=False))
    assert told.status == 409
    assert json.loads(told.body) == {
        "detail": "Another body.",
        "error": {
            "message": "Another body.",
            "type": "idempotency_error",
            "param": None,
            "code": "idempotency_key_conflict",
        },
    }
    assert dict(told.headers)[b"x-should-retry"] == b"false"


def test_what_is_wrong_with_a_request_is_a_list() -> None:
    told = detail(Problem(400, "context_length_exceeded", "Too long.", param="input[2].content"))
    assert told.status == 422
    assert json.loads(told.body) == {
        "detail": [
            {
                "type": "value_error",
                "loc": ["body", "input", 2, "content"],
                "msg": "Value error, Too long.",
                "ctx": {"code": "context_length_exceeded"},
            }
        ]
    }
