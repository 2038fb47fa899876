"""Codecs: the error object and the headers of a refusal."""

import json

from antiphon.contract.codecs import envelope
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
